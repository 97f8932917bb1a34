//! Migrations: a server that crashed during one, and a write-app that is older than the schema.

use std::time::{Duration, Instant};

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::{SeparateCluster, shared},
};
use reqwest::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;

/// A database of its own: other tests start write-apps too, and what these find unfinished they begin anew.
const CRASHED: &str = "CREATE DATABASE crashed; CREATE USER crashed@'%' IDENTIFIED BY 'crashed';
     GRANT ALL ON crashed.* TO crashed@'%'";

/// Changes the record of migrations to what a crash leaves behind, and starts another write-app. All
/// migrations must be recorded then.
async fn assert_migrated_after(crash: &str) {
    let cluster = &shared().cluster;
    cluster.sql(0, crash).await.unwrap();

    let variables =
        ["DB_NAME", "DB_USER", "DB_PASSWORD"].map(|name| (name.into(), "crashed".into()));
    let app = shared().app_with(WRITE_APP, variables.into()).await.unwrap();
    app.wait_until_ready().await.unwrap();

    let recorded =
        "SELECT GROUP_CONCAT(version, success ORDER BY version) FROM crashed._sqlx_migrations";
    assert_eq!(cluster.sql(0, recorded).await.unwrap(), "11,21,31,41,51", "{crash}");
    let index = "SELECT COUNT(*) FROM information_schema.statistics
                 WHERE table_schema = 'crashed' AND index_name = 'users_name'";
    assert_eq!(cluster.sql(0, index).await.unwrap(), "1");
}

#[tokio::test]
async fn a_migration_that_was_applied_and_not_recorded_is_recorded() {
    assert_migrated_after(CRASHED).await;

    assert_migrated_after("UPDATE crashed._sqlx_migrations SET success = FALSE WHERE version = 2")
        .await;
    assert_migrated_after("DELETE FROM crashed._sqlx_migrations WHERE version = 2").await;
    assert_migrated_after("DELETE FROM crashed._sqlx_migrations").await;
}

/// The migrations before emails had one form, and the two that make the key of mailboxes. What the test adds makes
/// MySQL refuse to do it in another way.
const BEFORE: [&str; 3] = [
    include_str!("../../migrations/0001_users.sql"),
    include_str!("../../migrations/0002_users_name.sql"),
    include_str!("../../migrations/0003_users_idempotency_key.sql"),
];
const MAILBOX: &str = include_str!("../../migrations/0004_users_mailbox.sql");
const EMAIL: &str = include_str!("../../migrations/0005_users_email.sql");

#[tokio::test]
async fn the_key_of_mailboxes_is_made_while_writes_go_on_and_fits_all_older_rows() {
    let cluster = &shared().cluster;
    let sql = async |sql: &str| {
        let sql = format!("SET NAMES utf8mb4; USE before_mailboxes; {sql}");
        cluster.sql(0, &sql).await.unwrap()
    };
    cluster.sql(0, "CREATE DATABASE before_mailboxes").await.unwrap();
    sql(&BEFORE.join(";")).await;
    // The old key told these apart.
    sql("INSERT INTO users (name, email) VALUES ('a', 'i@x.example'), ('b', 'İ@x.example'), ('c', 'ı@x.example'),
         ('d', 'ss@x.example'), ('e', 'ß@x.example'), ('f', 'й@x.example'), ('g', 'и\u{306}@x.example')")
    .await;

    sql(&format!("{MAILBOX}, ALGORITHM = INSTANT")).await;
    for _ in 0..2 {
        sql(&format!("{EMAIL}, ALGORITHM = INPLACE, LOCK = NONE")).await;
    }

    assert_eq!(sql("SELECT COUNT(*) FROM users").await, "7");
    let key = "SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics
               WHERE table_schema = 'before_mailboxes' AND index_name = 'users_email' AND non_unique = 0";
    assert_eq!(sql(key).await, "email,mailbox");
    // As write-apps insert that know no mailbox.
    let older = "INSERT INTO users (name, email) VALUES ('h', 'SS@X.example')";
    let older = format!("USE before_mailboxes; {older}");
    let refused = cluster.sql(0, &older).await.unwrap_err();
    assert!(format!("{refused:#}").contains("1062"), "{refused:#}");
    cluster.sql(0, "DROP DATABASE before_mailboxes").await.unwrap();
}

/// Starts a write-app, and returns it when `/readyz` contains these words, with the status and the whole text.
async fn write_app_whose_readyz_says(
    servers: &SeparateCluster,
    words: &str,
) -> (RunningApp, StatusCode, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = WRITE_APP.serve(listener, &servers.cluster, &[]).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let response = reqwest::get(format!("{}/readyz", app.url())).await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        if text.contains(words) {
            return (app, status, text);
        }
        assert!(Instant::now() < end, "/readyz does not say {words:?}: {status} {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn assert_registers(app: &RunningApp, email: &str) {
    let user = json!({ "name": "Ada", "email": email });
    let submit = reqwest::Client::new().post(format!("{}/submit", app.url())).json(&user);
    assert_eq!(submit.send().await.unwrap().status(), StatusCode::OK, "{email}");
}

/// A migration of a newer write-app, as sqlx records it.
fn record_newer(version: u32, success: bool) -> String {
    format!(
        "INSERT INTO userdb._sqlx_migrations VALUES ({version}, 'newer', NOW(), {success}, '0', 0)"
    )
}

#[tokio::test]
async fn an_older_write_app_serves_on_a_newer_schema_and_says_what_it_does_not_know() {
    let servers = SeparateCluster::start(1).await.unwrap();
    drop(servers.serve(WRITE_APP).await.unwrap());

    servers.cluster.sql(0, &record_newer(6, true)).await.unwrap();
    let seen = "the schema is newer than this write-app, which does not know these migrations: 6";
    let (app, status, text) = write_app_whose_readyz_says(&servers, "newer").await;
    assert_eq!((status, text), (StatusCode::OK, format!("ready\n{seen}\n")));
    assert_registers(&app, "newer@example.org").await;

    // The newer write-app may be at work, or may have been rolled back because this migration fails.
    servers.cluster.sql(0, &record_newer(7, false)).await.unwrap();
    let (app, status, text) = write_app_whose_readyz_says(&servers, "not finished").await;
    assert_eq!((status, text), (StatusCode::OK, format!("ready\n{seen}, 7 (not finished)\n")));
    assert_registers(&app, "unfinished@example.org").await;
    let recorded =
        "SELECT GROUP_CONCAT(version, success ORDER BY version) FROM userdb._sqlx_migrations";
    assert_eq!(servers.cluster.sql(0, recorded).await.unwrap(), "11,21,31,41,51,61,70");
    servers.cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_write_app_whose_migration_was_changed_is_not_ready_and_says_which() {
    let servers = SeparateCluster::start(1).await.unwrap();
    drop(servers.serve(WRITE_APP).await.unwrap());
    let original = "SELECT HEX(checksum) FROM userdb._sqlx_migrations WHERE version = 2";
    let original = servers.cluster.sql(0, original).await.unwrap();
    let change = "UPDATE userdb._sqlx_migrations SET checksum = 'other' WHERE version = 2";
    servers.cluster.sql(0, change).await.unwrap();

    let (app, status, text) = write_app_whose_readyz_says(&servers, "migration 2").await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("with another text than this write-app has"), "{text}");
    let restore = "UPDATE userdb._sqlx_migrations SET checksum = UNHEX('{original}')
                   WHERE version = 2";
    servers.cluster.sql(0, &restore.replace("{original}", &original)).await.unwrap();
    app.wait_until_ready().await.unwrap();
    servers.cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_write_app_with_migrations_to_apply_waits_while_a_newer_one_is_not_finished() {
    let servers = SeparateCluster::start(1).await.unwrap();
    drop(servers.serve(WRITE_APP).await.unwrap());
    let missing = "DELETE FROM userdb._sqlx_migrations WHERE version = 3";
    servers.cluster.sql(0, &format!("{missing}; {}", record_newer(6, false))).await.unwrap();

    let (app, status, text) = write_app_whose_readyz_says(&servers, "migration 6").await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("began migration 6 and has not finished it"), "{text}");
    let finish = "UPDATE userdb._sqlx_migrations SET success = TRUE WHERE version = 6";
    servers.cluster.sql(0, finish).await.unwrap();
    app.wait_until_ready().await.unwrap();
    servers.cluster.stop().await.unwrap();
}

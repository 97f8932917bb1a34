//! What the response to a registration says of the commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::{SeparateCluster, shared},
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::{Browser, carried_out, new_email, url};

async fn register() -> Value {
    submit(shared().write_app.url()).await
}

fn gtid(body: &Value) -> String {
    body["gtid"].as_str().unwrap_or_else(|| panic!("no GTID: {body}")).to_owned()
}

/// The number of a single transaction.
fn number(gtid: &str) -> u64 {
    gtid.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// A primary, a replica and write-app for one test alone.
async fn own_servers() -> (SeparateCluster, RunningApp) {
    let servers = SeparateCluster::start(2).await.unwrap();
    let app = servers.serve(WRITE_APP).await.unwrap();
    (servers, app)
}

async fn submit(app: String) -> Value {
    let body = json!({ "name": "Ada", "email": new_email() });
    let (status, body) = carried_out(Client::new().post(app + "/submit").json(&body)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// Registers users until a replica has acknowledged a commit. On a busy machine it may take longer to store a commit than
/// the primary waits; and the primary waits for none of the commits that it makes before a new replica is there.
async fn acknowledged(app: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let body = submit(app.to_owned()).await;
        if body["acknowledged"] == true {
            return body;
        }
        assert!(Instant::now() < end, "no commit is acknowledged: {body}");
    }
}

async fn is_part_of(ordinal: u8, gtid: &str, set: &str) -> bool {
    let sql = format!("SELECT GTID_SUBSET('{gtid}', {set})");
    shared().cluster.sql(ordinal, &sql).await.unwrap() == "1"
}

#[tokio::test]
async fn the_response_has_the_gtid_of_the_commit_and_a_pod_with_that_gtid_has_the_user() {
    let body = register().await;

    let gtid = gtid(&body);
    let server = shared().cluster.sql(0, "SELECT @@server_uuid").await.unwrap();
    assert_eq!(gtid, format!("{server}:{}", number(&gtid)), "one transaction, no more");
    assert!(is_part_of(0, &gtid, "@@GLOBAL.gtid_executed").await, "{gtid}");
    let id = body["id"].as_u64().unwrap();
    let read = format!(
        "SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtid}', 30); SELECT id FROM userdb.users WHERE id = {id}"
    );
    assert_eq!(shared().cluster.sql(1, &read).await.unwrap(), format!("0\n{id}"));
}

/// A replica that applies transactions up to one GTID has the user of that GTID, and the users before.
#[tokio::test]
async fn however_many_clients_register_at_the_same_time_each_gets_the_gtid_of_its_commit() {
    let (servers, app) = own_servers().await;
    // So that none waits long for the replica, which is not what this is about.
    let shorter = "SET GLOBAL rpl_semi_sync_source_timeout = 500";
    servers.cluster.sql(0, shorter).await.unwrap();
    servers.cluster.sql(1, "STOP REPLICA SQL_THREAD").await.unwrap();

    let registrations = (0..8).map(|_| tokio::spawn(submit(app.url())));
    let mut users = BTreeMap::new();
    for registration in registrations.collect::<Vec<_>>() {
        let body = registration.await.unwrap();
        users.insert(number(&gtid(&body)), (gtid(&body), body["id"].as_u64().unwrap()));
    }

    assert_eq!(users.len(), 8, "each has its own: {users:?}");
    let mut expected = BTreeSet::new();
    for (gtid, id) in users.values() {
        expected.insert(id.to_string());
        let apply = format!(
            "START REPLICA SQL_THREAD UNTIL SQL_AFTER_GTIDS = '{gtid}';
             DO WAIT_FOR_EXECUTED_GTID_SET('{gtid}', 30);
             STOP REPLICA SQL_THREAD;
             SELECT id FROM userdb.users"
        );
        let applied = servers.cluster.sql(1, &apply).await.unwrap();
        assert_eq!(applied.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected, "{gtid}");
    }
}

#[tokio::test]
async fn a_connection_that_is_used_again_gives_the_gtid_of_its_last_commit() {
    let mut numbers = Vec::new();
    for _ in 0..30 {
        numbers.push(number(&gtid(&register().await)));
    }

    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[tokio::test]
async fn a_commit_that_a_replica_has_stored_is_acknowledged_and_the_response_says_how_long_it_took()
{
    let body = acknowledged(&shared().write_app.url()).await;

    assert_eq!(body["replicas"], 1, "{body}");
    let stored = "(SELECT received_transaction_set \
         FROM performance_schema.replication_connection_status)";
    assert!(is_part_of(1, &gtid(&body), stored).await, "{body}");
    let took = body["commit_ms"].as_u64().unwrap();
    assert!((1..8000).contains(&took), "{body}");
}

/// Such an account is on clusters that were made before write-app asked for GTIDs.
#[tokio::test]
async fn an_account_without_the_grant_to_see_its_commits_can_still_register_users() {
    let account = "CREATE USER early@'%' IDENTIFIED BY 'early'; GRANT ALL ON userdb.* TO early@'%'";
    shared().cluster.sql(0, account).await.unwrap();
    let variables = [("DB_USER", "early"), ("DB_PASSWORD", "early")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let app = shared().app_with(WRITE_APP, variables.into()).await.unwrap();

    let body = submit(app.url()).await;

    assert_eq!(body["success"], true, "{body}");
    let gtids = gtid(&body);
    assert!(gtids.contains(":1-"), "all that was committed until then: {gtids}");
    assert!(is_part_of(0, &gtids, "@@GLOBAL.gtid_executed").await, "{gtids}");
    let page = registered_in_browser(Browser::at(&app), "Ada").await;
    assert!(page.contains("all commits up to this one"), "{page}");
}

/// The server prepares one statement more each time: first the INSERT fails, then the question for the GTID, then the
/// question after it.
#[tokio::test]
async fn a_gtid_that_mysql_said_is_in_the_response_although_the_question_after_it_failed() {
    let (servers, app) = own_servers().await;
    let mut registered = Vec::new();

    while registered.last() != Some(&(true, true)) {
        let statements = registered.len();
        let limit = format!("SET GLOBAL max_prepared_stmt_count = {statements}");
        servers.cluster.sql(0, &limit).await.unwrap();
        let body = json!({ "name": "Ada", "email": new_email() });
        let response = Client::new().post(app.url() + "/submit").json(&body).send().await.unwrap();
        let body: Value = response.json().await.unwrap();
        registered.push((body["gtid"].is_string(), body["acknowledged"].is_boolean()));
        assert!(registered.len() < 20, "{registered:?}");
        // write-app has closed the connection, and the server notices it after a moment.
        let prepared = "SELECT variable_value FROM performance_schema.global_status
            WHERE variable_name = 'Prepared_stmt_count'";
        let end = Instant::now() + Duration::from_secs(10);
        while registered.last() != Some(&(true, true))
            && servers.cluster.sql(0, prepared).await.unwrap() != "0"
        {
            assert!(Instant::now() < end, "the connection stays open");
        }
    }

    registered.dedup();
    assert_eq!(registered, [(false, false), (true, false), (true, true)]);
}

/// The page after the redirect.
async fn registered_in_browser(browser: Browser, name: &str) -> String {
    let submitted = browser.submit(name, &new_email()).send().await.unwrap();
    assert_eq!(submitted.status(), StatusCode::SEE_OTHER);
    browser.open().send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_commit_that_no_replica_has_stored_is_not_called_acknowledged() {
    let (servers, app) = own_servers().await;
    // A second less than in the cluster, so that write-app has time for the rest, also on a busy machine.
    let shorter = "SET GLOBAL rpl_semi_sync_source_timeout = 2000";
    servers.cluster.sql(0, shorter).await.unwrap();
    acknowledged(&app.url()).await;
    servers.cluster.sql(1, "STOP REPLICA IO_THREAD").await.unwrap();

    let waited_in_vain = submit(app.url()).await;
    let alone = alone(&app.url()).await;
    let page = registered_in_browser(Browser::at(&app), "Ada").await;

    assert_eq!(waited_in_vain["acknowledged"], false, "{waited_in_vain}");
    assert!(waited_in_vain["commit_ms"].as_u64().unwrap() >= 2000, "{waited_in_vain}");
    assert_eq!(alone["acknowledged"], false, "{alone}");
    assert!(page.contains("So the user is not safe yet"), "{page}");
    assert!(page.contains("not known to be <a ") && page.contains("</a> by any replica"), "{page}");

    servers.cluster.sql(1, "START REPLICA IO_THREAD").await.unwrap();
    acknowledged(&app.url()).await;
}

/// Registers users until the primary has noticed that no replica is connected: it does when it sends the next commit.
async fn alone(app: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let body = submit(app.to_owned()).await;
        if body["replicas"] == 0 {
            return body;
        }
        assert!(Instant::now() < end, "a replica is connected: {body}");
    }
}

#[tokio::test]
async fn a_browser_sees_the_commit_and_a_link_to_read_it_back() {
    // A commit that the replica has not stored in time has another page: see above.
    let end = Instant::now() + Duration::from_secs(30);
    let page = loop {
        let page = registered_in_browser(Browser::new(), "Ada").await;
        if !page.contains("not safe yet") || Instant::now() > end {
            break page;
        }
    };

    let (_, rest) = page.split_once("<code id=\"commit\">").unwrap();
    let (gtid, _) = rest.split_once('<').unwrap();
    assert!(is_part_of(0, gtid, "@@GLOBAL.gtid_executed").await, "{gtid}: {page}");
    let replica = "<span class=\"pod\" data-ordinal=\"1\">mysql-1</span>";
    assert!(page.contains(&format!("acknowledged</a> by {replica} in ")), "{page}");
    assert!(page.contains("/glossary#relay-log") && page.contains("So the user is safe"), "{page}");
    let after = gtid.replace(':', "%3A");
    let link = format!("href=\"http://127.0.0.1:30001/?after={after}&#38;id=");
    assert!(page.contains(&link), "{link}: {page}");
}

#[tokio::test]
async fn a_forged_flash_is_shown_as_text() {
    let flash = "registered=id=1&name=%3Cb%3E&pod=%22%3Ex&gtid=%22%3E%3Cscript%3E&acknowledged=true&commit_ms=1";
    let request = Client::new().get(url("/")).header("accept", "text/html");

    let page = request.header("cookie", flash).send().await.unwrap().text().await.unwrap();

    assert!(page.contains("is user 1") && !page.contains("<script"), "{page}");
    assert!(!page.contains("\">x") && !page.contains("<b>"), "{page}");
}

#[tokio::test]
async fn the_account_of_write_app_may_write_users_and_see_its_commits_and_nothing_else() {
    let grants = shared().cluster.sql(0, "SHOW GRANTS FOR 'appuser'@'%'").await.unwrap();

    let grants: Vec<_> = grants.lines().collect();
    assert_eq!(
        grants,
        [
            "GRANT USAGE ON *.* TO `appuser`@`%`",
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, ALTER ON `userdb`.* TO `appuser`@`%`",
            "GRANT SELECT ON `performance_schema`.`error_log` TO `appuser`@`%`",
            "GRANT SELECT ON `performance_schema`.`events_transactions_current` TO `appuser`@`%`",
        ]
    );
}

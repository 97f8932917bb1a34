//! Registrations that are sent again.

use std::time::{Duration, Instant};

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::SeparateCluster,
};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    client::{Browser, count_on, new_email, until_served, url},
    open_outcome::until_sql,
};

/// Registers under a key. Each test uses other keys.
async fn submit(app: &str, key: &str, email: &str) -> (StatusCode, Value) {
    submit_by(&Client::new(), app, key, email).await
}

async fn submit_by(client: &Client, app: &str, key: &str, email: &str) -> (StatusCode, Value) {
    let response = registration(client, app, key, email).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

fn registration(client: &Client, app: &str, key: &str, email: &str) -> RequestBuilder {
    let body = json!({ "name": "Ada", "email": email });
    client.post(app.to_owned() + "/submit").header("idempotency-key", key).json(&body)
}

/// The write-app that all tests share.
fn shared_app() -> String {
    url("")
}

#[tokio::test]
async fn a_registration_that_is_repeated_under_its_key_registers_one_user() {
    let email = new_email();
    let (_, first) = submit(&shared_app(), "once", &email).await;

    let (status, second) = submit(&shared_app(), "\"once\"", &email).await;

    assert_eq!(status, StatusCode::OK, "{second}");
    assert_eq!((&first["repeated"], &second["repeated"]), (&false.into(), &true.into()));
    assert_eq!(first["id"], second["id"]);
    assert!(first["commit_ms"].is_u64() && second["commit_ms"].is_null(), "{second}");
    assert!(second["gtid"].as_str().unwrap().contains(&first["gtid"].as_str().unwrap()[..36]));
    assert_eq!(count_on(0, &email).await, "1");
}

#[tokio::test]
async fn of_many_attempts_at_once_under_one_key_one_registers_the_user_and_all_get_the_user() {
    let email = new_email();
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let request = registration(&Client::new(), &shared_app(), "at-once", &email);
            tokio::spawn(async move {
                let mut refusals = String::new();
                let response = until_served(request, |said| refusals += &said).await;
                (response.status(), response.json::<Value>().await.unwrap(), refusals)
            })
        })
        .collect();

    let (mut made, mut said, mut ids) = (0, String::new(), Vec::new());
    for attempt in attempts {
        let (status, body, refusals) = attempt.await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        made += u32::from(body["repeated"] == false);
        said += &refusals;
        ids.push(body["id"].clone());
    }

    // On a busy machine, the one that made the user may have heard that this is unknown, and asked again.
    let at_least = u32::from(!said.contains("unknown"));
    assert!((at_least..=1).contains(&made), "{made} of {ids:?}, {said}");
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn a_key_cannot_be_used_for_another_user() {
    submit(&shared_app(), "taken", &new_email()).await;
    let other = new_email();

    let (status, body) = submit(&shared_app(), "taken", &other).await;

    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["code"], "idempotency_key_reused", "{body}");
    assert_eq!(count_on(0, &other).await, "0");
}

#[tokio::test]
async fn a_taken_email_is_a_conflict_under_any_key() {
    let email = new_email();
    submit(&shared_app(), "first-of-two", &email).await;

    let (status, body) = submit(&shared_app(), "second-of-two", &email).await;

    assert_eq!(status, StatusCode::CONFLICT, "{body}");
}

/// A primary and write-app for one test alone, which may do harm to them.
pub(crate) struct OwnPrimary {
    pub(crate) servers: SeparateCluster,
    app: RunningApp,
    client: Client,
}

impl OwnPrimary {
    pub(crate) async fn start(pods: u8) -> Self {
        let servers = SeparateCluster::start(pods).await.unwrap();
        let app = servers.serve(WRITE_APP).await.unwrap();
        // The app closes a connection that is idle for five seconds.
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { servers, app, client }
    }

    pub(crate) async fn sql(&self, sql: &str) -> String {
        self.servers.cluster.sql(0, sql).await.unwrap()
    }

    pub(crate) fn submit(&self, key: &str, email: &str) -> JoinHandle<(StatusCode, Value)> {
        let (client, app) = (self.client.clone(), self.app.url());
        let (key, email) = (key.to_owned(), email.to_owned());
        tokio::spawn(async move { submit_by(&client, &app, &key, &email).await })
    }

    /// Registers, and ends the connection of the INSERT once it is in this state. One session does both, so that the
    /// state is still there when the connection ends.
    async fn submit_and_kill(&self, key: &str, email: &str, state: &str) -> (StatusCode, Value) {
        let killing = format!("CALL userdb.kill_in_state('{state}%')");
        let attempt = async {
            self.connection_that("user = 'root' AND state = 'User sleep'").await;
            self.submit(key, email).await.unwrap()
        };
        tokio::join!(self.sql(&killing), attempt).1
    }

    /// Registers again until the lock that an earlier attempt has left behind is free.
    async fn submit_until_unlocked(&self, key: &str, email: &str) -> (StatusCode, Value) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let (status, body) = self.submit(key, email).await.unwrap();
            if status != StatusCode::SERVICE_UNAVAILABLE {
                return (status, body);
            }
            assert!(Instant::now() < end, "{body}");
        }
    }

    /// Waits for a connection of which this is true.
    pub(crate) async fn connection_that(&self, condition: &str) -> String {
        let query = format!("SELECT id FROM performance_schema.processlist WHERE {condition}");
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(id) = self.sql(&query).await.lines().next() {
                return id.to_owned();
            }
            assert!(Instant::now() < end, "there was never a connection with {condition}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// MySQL is at each INSERT for longer than clients wait.
pub(crate) const SLOW_INSERT: &str =
    "CREATE TRIGGER userdb.slow BEFORE INSERT ON userdb.users FOR EACH ROW DO SLEEP(6)";

/// Ends write-app's connection once it is in a state.
const KILL_IN_STATE: &str = "
    DELIMITER //
    CREATE PROCEDURE userdb.kill_in_state(wanted VARCHAR(64)) BEGIN
        DECLARE found BIGINT UNSIGNED;
        WHILE found IS NULL DO
            DO SLEEP(0.01);
            SET found = (SELECT MAX(id) FROM performance_schema.processlist
                WHERE user = 'appuser' AND state LIKE wanted);
        END WHILE;
        KILL found;
    END //
    DELIMITER ;";

fn assert_outcome_is_unknown(status: StatusCode, body: &Value) {
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(body["code"], "database_connection_lost", "{body}");
    assert_eq!(body["outcome"], "unknown", "{body}");
}

#[tokio::test]
async fn if_the_connection_breaks_after_the_commit_the_outcome_is_unknown_and_the_key_finds_the_user()
 {
    let primary = OwnPrimary::start(2).await;
    let email = new_email();
    primary.sql(KILL_IN_STATE).await;
    // So the commit waits three seconds for a replica.
    primary.servers.cluster.sql(1, "STOP REPLICA IO_THREAD").await.unwrap();
    let waiting = "Waiting for semi-sync ACK";
    let (status, body) = primary.submit_and_kill("after", &email, waiting).await;
    assert_outcome_is_unknown(status, &body);

    // Until its wait for a replica ends, the first attempt has the row.
    let (status, body) = primary.submit_until_unlocked("after", &email).await;

    assert_eq!((status, &body["repeated"]), (StatusCode::OK, &true.into()), "{body}");
    let count = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
    assert_eq!(primary.sql(&count).await, "1");
}

#[tokio::test]
async fn if_the_connection_breaks_before_the_commit_the_outcome_is_unknown_and_the_key_registers_the_user()
 {
    let primary = OwnPrimary::start(1).await;
    let email = new_email();
    primary.sql(KILL_IN_STATE).await;
    primary.sql(SLOW_INSERT).await;
    let (status, body) = primary.submit_and_kill("before", &email, "User sleep").await;
    assert_outcome_is_unknown(status, &body);

    primary.sql("DROP TRIGGER userdb.slow").await;
    let (status, body) = primary.submit_until_unlocked("before", &email).await;

    assert_eq!((status, &body["repeated"]), (StatusCode::OK, &false.into()), "{body}");
}

#[tokio::test]
async fn after_an_unknown_outcome_the_page_says_that_the_form_can_be_sent_again_and_it_can() {
    let primary = OwnPrimary::start(1).await;
    let (browser, email) = (Browser::at(&primary.app), new_email());
    primary.sql(SLOW_INSERT).await;

    let response = browser.submit("Ada", &email).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = response.text().await.unwrap();
    assert!(page.contains("Perhaps registered") && !page.contains("Not registered"), "{page}");
    assert!(page.contains("Press Register again"), "{page}");
    assert!(!page.to_lowercase().contains("idempotency"), "{page}");

    // This waits for the end of the INSERT.
    primary.sql("DROP TRIGGER userdb.slow").await;
    let again = browser.submit("Ada", &email).send().await.unwrap();

    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let count = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
    assert_eq!(primary.sql(&count).await, "1");
}

/// Lets the next commit wait for a replica: a second less than in the cluster, so that write-app has time for the rest.
async fn stop_receiving(primary: &OwnPrimary) {
    let is_on = "SELECT variable_value FROM performance_schema.global_status \
                 WHERE variable_name = 'Rpl_semi_sync_source_status'";
    primary.sql("SET GLOBAL rpl_semi_sync_source_timeout = 2000").await;
    primary.servers.cluster.sql(1, "START REPLICA IO_THREAD").await.unwrap();
    until_sql(primary, is_on, "ON").await;
    primary.servers.cluster.sql(1, "STOP REPLICA IO_THREAD").await.unwrap();
}

#[tokio::test]
async fn a_second_click_while_the_first_waits_for_a_replica_succeeds_too_and_registers_no_second_user()
 {
    let primary = OwnPrimary::start(2).await;
    // On a busy machine a click may be answered before its user is there. Then others are tried.
    for _ in 0..3 {
        let email = new_email();
        stop_receiving(&primary).await;
        let click = || tokio::spawn(Browser::at(&primary.app).submit("Ada", &email).send());
        let first = click();
        let waiting = "user = 'appuser' AND state LIKE 'Waiting for semi-sync ACK%'";
        primary.connection_that(waiting).await;

        let mut in_time = true;
        for click in [first, click()] {
            let status = click.await.unwrap().unwrap().status();
            let is_late = status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(is_late || status == StatusCode::SEE_OTHER, "{status}");
            in_time &= !is_late;
        }
        // The commit may still wait.
        let count = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
        until_sql(&primary, &count, "1").await;
        if in_time {
            return;
        }
    }
    panic!("no second click was answered in time");
}

#[tokio::test]
async fn a_key_that_cannot_be_stored_is_refused() {
    let email = new_email();

    let (status, body) = submit(&shared_app(), &"x".repeat(65), &email).await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["code"], "malformed_request", "{body}");
    assert_eq!(count_on(0, &email).await, "0");
}

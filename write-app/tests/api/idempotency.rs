//! Registrations that are sent again.

use std::time::{Duration, Instant};

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::SeparateCluster,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client::{Browser, count_on, new_email, url};

/// Registers under a key. Each test uses other keys.
async fn submit(app: &str, key: &str, email: &str) -> (StatusCode, Value) {
    submit_by(&Client::new(), app, key, email).await
}

async fn submit_by(client: &Client, app: &str, key: &str, email: &str) -> (StatusCode, Value) {
    let body = json!({ "name": "Ada", "email": email });
    let request = client.post(app.to_owned() + "/submit").header("idempotency-key", key);
    let response = request.json(&body).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
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
            let email = email.clone();
            tokio::spawn(async move { submit(&shared_app(), "at-once", &email).await })
        })
        .collect();

    let mut made = 0;
    let mut ids = Vec::new();
    for attempt in attempts {
        let (status, body) = attempt.await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        made += u32::from(body["repeated"] == false);
        ids.push(body["id"].clone());
    }

    assert_eq!(made, 1, "{ids:?}");
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

    /// Waits for an INSERT in this state, and ends its connection.
    async fn kill_in_state(&self, state: &str) {
        let condition = format!("user = 'appuser' AND state LIKE '{state}%'");
        let id = self.connection_that(&condition).await;
        self.sql(&format!("KILL {id}")).await;
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
    // So the commit waits three seconds for a replica.
    primary.servers.cluster.sql(1, "STOP REPLICA IO_THREAD").await.unwrap();
    let attempt = primary.submit("after", &email);
    primary.kill_in_state("Waiting for semi-sync ACK").await;
    let (status, body) = attempt.await.unwrap();
    assert_outcome_is_unknown(status, &body);

    // Until its wait for a replica ends, the first attempt has the row.
    let end = Instant::now() + Duration::from_secs(10);
    let (status, body) = loop {
        let (status, body) = primary.submit("after", &email).await.unwrap();
        if body["code"] != "database_locked" {
            break (status, body);
        }
        assert!(Instant::now() < end, "{body}");
    };

    assert_eq!((status, &body["repeated"]), (StatusCode::OK, &true.into()), "{body}");
    let count = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
    assert_eq!(primary.sql(&count).await, "1");
}

#[tokio::test]
async fn if_the_connection_breaks_before_the_commit_the_outcome_is_unknown_and_the_key_registers_the_user()
 {
    let primary = OwnPrimary::start(1).await;
    let email = new_email();
    primary.sql(SLOW_INSERT).await;
    let attempt = primary.submit("before", &email);
    primary.kill_in_state("User sleep").await;
    let (status, body) = attempt.await.unwrap();
    assert_outcome_is_unknown(status, &body);

    primary.sql("DROP TRIGGER userdb.slow").await;
    let (status, body) = primary.submit("before", &email).await.unwrap();

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

#[tokio::test]
async fn a_second_click_while_the_first_waits_for_a_replica_succeeds_too_and_registers_no_second_user()
 {
    let primary = OwnPrimary::start(2).await;
    let email = new_email();
    // So the commit waits three seconds for a replica.
    primary.servers.cluster.sql(1, "STOP REPLICA IO_THREAD").await.unwrap();
    let click = || tokio::spawn(Browser::at(&primary.app).submit("Ada", &email).send());
    let first = click();
    let waiting = "user = 'appuser' AND state LIKE 'Waiting for semi-sync ACK%'";
    primary.connection_that(waiting).await;

    let clicks = [first, click()];

    for click in clicks {
        assert_eq!(click.await.unwrap().unwrap().status(), StatusCode::SEE_OTHER);
    }
    let count = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
    assert_eq!(primary.sql(&count).await, "1");
}

#[tokio::test]
async fn a_key_that_cannot_be_stored_is_refused() {
    let email = new_email();

    let (status, body) = submit(&shared_app(), &"x".repeat(65), &email).await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["code"], "malformed_request", "{body}");
    assert_eq!(count_on(0, &email).await, "0");
}

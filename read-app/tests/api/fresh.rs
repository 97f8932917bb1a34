//! `GET /users?after=`: a read sees what was written.

use demo::{for_tests::shared, process::Process};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{get, is_too_slow, register, served};

async fn executed() -> String {
    // The set has a line for each server; the client prints a line's end as `\n`.
    shared().cluster.sql(0, "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')").await.unwrap()
}

#[tokio::test]
async fn a_pod_that_has_the_transactions_answers_at_once() {
    register("Ada", "fresh@example.org").await;
    let token = executed().await;
    // Other tests have registered users meanwhile.
    let caught_up = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{token}', 10)");
    assert_eq!(shared().cluster.sql(1, &caught_up).await.unwrap(), "0");

    let body = served(&shared().read_app, &format!("/users?after={token}")).await;

    assert_eq!(body["after"]["outcome"], "at_once", "{body}");
}

#[tokio::test]
async fn a_pod_that_lacks_the_transactions_says_so_after_the_wait_and_lists_no_users() {
    register("Ada", "behind@example.org").await;
    let uuid = shared().cluster.sql(0, "SELECT @@server_uuid").await.unwrap();
    // No server has this transaction, or will.
    let token = format!("{uuid}:1000000000");

    for wait in ["0", "0.2"] {
        let (status, body) =
            get(&shared().read_app, &format!("/users?after={token}&wait={wait}")).await;

        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        assert_eq!(body["code"], "replica_behind");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("is behind") && body["users"].is_null(), "{body}");
    }
}

#[tokio::test]
async fn requests_that_wait_for_what_never_comes_leave_connections_for_others() {
    let uuid = shared().cluster.sql(0, "SELECT @@server_uuid").await.unwrap();
    // Its own process: the other tests of this one wait too.
    let (binary, cluster) = (env!("CARGO_BIN_EXE_read-app"), &shared().cluster);
    let app = Process::start(binary, &read_app::ABOUT, cluster, &[]).await.unwrap();
    let users = app.url().to_owned() + "/users";
    let client = Client::new();
    let mut waiting = JoinSet::new();
    for _ in 0..60 {
        let query = format!("{users}?after={uuid}:1000000000&wait=5");
        waiting.spawn(client.get(query).send());
    }

    // Those beyond the number that may wait are refused soon, and other reads do not miss a connection either.
    while let Some(waited) = waiting.join_next().await {
        let waited: Value = waited.unwrap().unwrap().json().await.unwrap();
        assert!(waited["code"] == "replica_behind" || is_too_slow(&waited), "{waited}");
        // On a machine that is busy, a pod may be too slow to open a connection.
        let other: Value = client.get(&users).send().await.unwrap().json().await.unwrap();
        assert!(other["success"] == true || other["code"] == "database_unreachable", "{other}");
    }
}

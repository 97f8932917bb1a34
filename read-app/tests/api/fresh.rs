//! `GET /users?after=`: a read sees what was written.

use demo::for_tests::shared;
use reqwest::StatusCode;

use crate::client::{get, register};

async fn executed() -> String {
    shared().cluster.sql(0, "SELECT @@GLOBAL.gtid_executed").await.unwrap().replace('\n', "")
}

#[tokio::test]
async fn a_pod_that_has_the_transactions_answers_at_once() {
    register("Ada", "fresh@example.org").await;
    let token = executed().await;

    let (status, body) = get(&shared().read_app, &format!("/users?after={token}")).await;

    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["after"]["outcome"], "at_once");
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

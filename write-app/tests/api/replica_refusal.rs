//! `POST /try-replica`.

use demo::{apps::WRITE_APP, for_tests::shared};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::client::{Browser, count_on, until_served, url};

#[tokio::test]
async fn a_replica_refuses_the_write_in_its_own_words_and_keeps_nothing() {
    let executed = || shared().cluster.sql(1, "SELECT @@server_uuid, @@GLOBAL.gtid_executed");

    let response = until_served(Client::new().post(url("/try-replica")), drop).await;

    assert_eq!(response.status(), StatusCode::OK);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["success"], true, "{body}");
    assert_eq!((&body["pod"], &body["refused"]), (&"mysql-1".into(), &true.into()), "{body}");
    assert_eq!(body["error"]["number"], 1290, "{body}");
    assert_eq!(body["error"]["sqlstate"], "HY000", "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("read-only"), "{body}");
    assert!(body["sql"].as_str().unwrap().starts_with("INSERT INTO users"), "{body}");
    for ordinal in [0, 1] {
        assert_eq!(count_on(ordinal, "nobody@example.org").await, "0", "mysql-{ordinal}");
    }
    let executed = executed().await.unwrap();
    let (replica, transactions) = executed.split_once('\t').unwrap();
    assert!(!transactions.contains(replica), "the replica has none of its own: {transactions}");
}

#[tokio::test]
async fn a_browser_sees_the_refusal_on_the_page_with_the_statement() {
    let response = until_served(Browser::new().post("/try-replica"), drop).await;

    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    assert!(page.contains("ERROR 1290 (HY000): The MySQL server is running with"), "{page}");
    assert!(page.contains("<section class=\"failed\"") && page.contains(">×</span>"), "{page}");
    assert!(!page.contains("role=\"alert\""), "the person has done nothing wrong: {page}");
    assert!(page.contains("refuses the write") && page.contains(">mysql-1</span>"), "{page}");
    assert!(page.contains("INSERT INTO users (name, email) VALUES"), "{page}");
    assert!(page.contains("<code>_mysql._tcp.mysql</code>"), "how it was found: {page}");
    assert!(page.contains("action=\"/submit\""), "the form is there again: {page}");
}

/// The app believes that mysql-1 is the primary. So it sends the write to mysql-0, which takes writes.
#[tokio::test]
async fn if_the_server_takes_the_write_the_response_says_so_and_the_write_is_rolled_back() {
    let app = shared().app_with_host(WRITE_APP, "mysql-1.mysql").await.unwrap();

    let response = until_served(Client::new().post(app.url() + "/try-replica"), drop).await;

    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["pod"], &body["refused"]), (&"mysql-0".into(), &false.into()), "{body}");
    assert!(body.get("error").is_none(), "{body}");
    assert_eq!(count_on(0, "nobody@example.org").await, "0");
}

#[tokio::test]
async fn if_no_replica_is_found_the_response_says_what_to_do() {
    for host in ["mysql-0.elsewhere", "127.255.255.1"] {
        let app = shared().app_with_host(WRITE_APP, host).await.unwrap();

        let response = Client::new().post(app.url() + "/try-replica").send().await.unwrap();

        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{host}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], "database_no_replica", "{body}");
        assert!(body["message"].as_str().unwrap().contains("mysql-1"), "{body}");
    }
}

#[tokio::test]
async fn an_attempt_from_another_site_is_refused() {
    let request = Client::new().post(url("/try-replica")).header("origin", "http://evil.example");

    let response = request.send().await.unwrap();

    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

//! `GET /metrics`, and what the log must not hold.

use demo::{apps::RunningApp, for_tests::shared, process::Process};
use reqwest::{Client, StatusCode};

use crate::client::{app_with_host, until, users_of};

async fn metrics(app: &RunningApp) -> String {
    Client::new().get(app.url() + "/metrics").send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn queries_are_counted_by_the_pod_that_answered() {
    let app = app_with_host("mysql-1.mysql").await;
    app.wait_until_ready().await.unwrap();

    users_of(&app).await;

    // The app read once when it started.
    let text = metrics(&app).await;
    assert!(text.contains(r#"database_queries_total{outcome="ok",pod="mysql-1"} 2"#), "{text}");
    assert!(!text.contains(r#"outcome="ok",pod="mysql-0""#), "{text}");
    let requests = r#"http_requests_total{method="GET",route="/users",status="200"} 1"#;
    assert!(text.contains(requests), "{text}");
}

#[tokio::test]
async fn each_pods_lag_is_measured_with_its_role() {
    let app = &shared().read_app;
    let is_known = async |line: &str| metrics(app).await.contains(line);

    until("both pods", async || {
        is_known(r#"database_replication_lag_seconds{pod="mysql-0",role="primary"} 0"#).await
            && is_known(r#"database_replication_lag_seconds{pod="mysql-1",role="replica"} "#).await
            && is_known(r#"database_pod_answers{pod="mysql-1",server="127."#).await
    })
    .await;

    let text = metrics(app).await;
    assert!(text.contains(r#"database_pool_connections_limit{server="mysql-read"} 1"#), "{text}");
}

#[tokio::test]
async fn a_name_that_has_no_address_is_counted_without_a_pod() {
    let app = app_with_host("mysql-7.mysql").await;

    let response = Client::new().get(app.url() + "/users").send().await.unwrap();

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = metrics(&app).await;
    let counted = r#"database_queries_total{outcome="database_name_unknown",pod="unknown"}"#;
    assert!(text.contains(counted), "{text}");
}

#[tokio::test]
async fn the_user_who_is_searched_for_is_not_in_the_log() {
    let shared = shared();
    let binary = env!("CARGO_BIN_EXE_read-app");
    let all = [("RUST_LOG", "trace")];
    let app = Process::start(binary, &read_app::ABOUT, &shared.cluster, &all).await.unwrap();

    for (path, status) in [
        ("/users?search=zuleika@example.org", 200),
        ("/?search=zuleika@example.org&strategy=sticky&via=mysql&user=Zuleika", 200),
        ("/users?search=zuleika@example.org&older_than=1&newer_than=1", 400),
        ("/users/zuleika@example.org", 404),
    ] {
        let request = Client::new().get(app.url().to_owned() + path);
        let response = request.header("x-request-id", "the-last").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
    }

    app.line(r#""status":404"#).await.unwrap();
    let log = app.log();
    assert!(log.iter().any(|line| line.contains("FROM users")), "statements are logged");
    let telling: Vec<_> =
        log.iter().filter(|line| line.to_lowercase().contains("zuleika")).collect();
    assert!(telling.is_empty(), "{telling:#?}");
}

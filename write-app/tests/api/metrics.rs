//! `GET /metrics` and `GET /version`.

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::shared,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::client::new_email;

/// An app that other tests do not send requests to.
async fn app() -> RunningApp {
    let app = shared().app_with_host(WRITE_APP, "mysql-0.mysql").await.unwrap();
    app.wait_until_ready().await.unwrap();
    app
}

async fn metrics(app: &RunningApp) -> String {
    Client::new().get(app.url() + "/metrics").send().await.unwrap().text().await.unwrap()
}

async fn submit(app: &RunningApp, email: &str) -> (StatusCode, Value) {
    let body = serde_json::json!({ "name": "Ada", "email": email });
    let response = Client::new().post(app.url() + "/submit").json(&body).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn registrations_and_their_queries_are_counted_by_outcome() {
    let (app, email) = (app().await, new_email());

    let (first, registered) = submit(&app, &email).await;
    let (second, _) = submit(&app, &email).await;
    let attempt = Client::new().post(app.url() + "/try-replica").send().await.unwrap();

    assert_eq!([first, second], [StatusCode::OK, StatusCode::CONFLICT]);
    // On a busy machine the replica may be too late.
    let [yes, no] = if registered["acknowledged"] == true { [1, 0] } else { [0, 1] };
    assert_eq!(attempt.status(), StatusCode::OK);
    let text = metrics(&app).await;
    for line in [
        r#"http_requests_total{method="POST",route="/submit",status="200"} 1"#,
        r#"http_requests_total{method="POST",route="/submit",status="409"} 1"#,
        r#"http_request_duration_seconds_count{method="POST",route="/submit",status="200"} 1"#,
        "http_requests_under_way 1",
        r#"database_queries_total{outcome="ok",pod="mysql-0"} 1"#,
        r#"database_queries_total{outcome="ok",pod="mysql-1"} 1"#,
        r#"database_queries_total{outcome="already_registered",pod="mysql-0"} 1"#,
        &format!(r#"registrations_total{{acknowledged="yes"}} {yes}"#),
        &format!(r#"registrations_total{{acknowledged="no"}} {no}"#),
        r#"database_pool_connections{server="mysql-0.mysql",state="idle"} 1"#,
        r#"database_pool_connections{server="mysql-0.mysql",state="in_use"} 0"#,
        r#"database_pool_connections_limit{server="mysql-0.mysql"} 20"#,
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in {text}");
    }
}

#[tokio::test]
async fn a_query_to_a_primary_that_cannot_be_reached_is_counted_by_the_errors_code() {
    let app = shared().app_with_host(WRITE_APP, "mysql-7.mysql").await.unwrap();

    assert_eq!(submit(&app, &new_email()).await.0, StatusCode::SERVICE_UNAVAILABLE);

    let expected = r#"database_queries_total{outcome="database_name_unknown",pod="mysql-7"} 1"#;
    let text = metrics(&app).await;
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn method_path_query_and_host_of_a_client_make_no_more_series() {
    let app = app().await;
    let send = async |number: u32| {
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        let path = format!("{}/path{number}?query={number}", app.url());
        Client::new().request(method, &path).send().await.unwrap();
        Client::new().get(path).header("host", format!("host{number}")).send().await.unwrap();
    };
    send(0).await;
    let before = metrics(&app).await;
    let unmatched = r#"http_requests_total{method="other",route="unmatched",status="404"} 1"#;
    assert!(before.contains(unmatched), "{before}");

    for number in 1..20 {
        send(number).await;
    }

    // The response to /metrics is counted after its text is made.
    let of_metrics = |line: &&str| line.contains(r#"route="/metrics""#);
    let after = metrics(&app).await;
    let new = after.lines().filter(|line| !of_metrics(line)).count();
    assert_eq!(new, before.lines().count(), "{after}");
}

#[tokio::test]
async fn responses_to_machines_have_the_same_headers_as_pages() {
    for path in ["/version", "/metrics", "/healthz", "/openapi.json"] {
        let response = Client::new().get(shared().write_app.url() + path).send().await.unwrap();

        assert_eq!(response.status(), StatusCode::OK, "{path}");
        for header in ["content-security-policy", "x-content-type-options", "x-request-id"] {
            assert!(response.headers().contains_key(header), "{path}: {:?}", response.headers());
        }
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_binary() {
    let response = Client::new().get(shared().write_app.url() + "/version").send().await.unwrap();

    let version: Value = response.json().await.unwrap();
    assert_eq!(
        (&version["name"], &version["version"]),
        (&"write-app".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert!(!version["revision"].as_str().unwrap().is_empty(), "{version}");
}

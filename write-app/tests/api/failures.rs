//! Failures, and what the client hears of them.

use std::time::{Duration, Instant};

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::shared,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Browser, count_on, new_email, url};

/// write-app with another DB_HOST.
async fn app_with_host(host: &str) -> RunningApp {
    shared().app_with_host(WRITE_APP, host).await.unwrap()
}

async fn submit_to(app: &RunningApp) -> (StatusCode, Option<String>, Value) {
    let body = json!({ "name": "Ada", "email": new_email() });
    let response = Client::new().post(app.url() + "/submit").json(&body).send().await.unwrap();
    let retry =
        response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status(), retry, response.json().await.unwrap())
}

#[tokio::test]
async fn a_replica_refuses_a_write_and_the_response_says_so() {
    let app = app_with_host("mysql-1.mysql").await;

    let (status, _, body) = submit_to(&app).await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["code"], "database_read_only", "{body}");
}

#[tokio::test]
async fn a_name_without_an_address_and_a_server_that_does_not_answer_have_different_codes() {
    for (host, code) in
        [("mysql-7.mysql", "database_name_unknown"), ("127.255.255.1", "database_unreachable")]
    {
        let app = app_with_host(host).await;
        let asked = Instant::now();

        let (status, retry, body) = submit_to(&app).await;

        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(retry.as_deref(), Some("2"));
        assert!(asked.elapsed() < Duration::from_secs(4), "{host}: {:?}", asked.elapsed());
        let text = body.to_string();
        assert!(
            !text.contains("127.255") && !text.contains("sqlx"),
            "nothing of the inside: {text}"
        );
    }
}

#[tokio::test]
async fn an_app_that_waits_for_mysql_is_alive_and_not_ready_and_shows_its_page() {
    let app = app_with_host("mysql-7.mysql").await;
    let status =
        async |path: &str| Client::new().get(app.url() + path).send().await.unwrap().status();

    assert_eq!(status("/healthz").await, StatusCode::OK);
    assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status("/").await, StatusCode::OK);
}

#[tokio::test]
async fn an_app_that_reached_mysql_is_ready() {
    let status = Client::new().get(url("/readyz")).send().await.unwrap().status();

    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_with_the_right_status_and_code() {
    let send = async |kind: &str, body: String| {
        let request = Client::new().post(url("/submit")).header("content-type", kind).body(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        assert!(body["request_id"].as_str().unwrap().len() > 8, "{body}");
        (status, body["code"].as_str().unwrap().to_owned())
    };

    let json = "application/json";
    assert_eq!(send(json, "{".into()).await, (400, "malformed_request".into()));
    assert_eq!(
        send(json, r#"{"name":5,"email":"a@b.cd"}"#.into()).await,
        (400, "malformed_request".into())
    );
    let list = r#"["Ada","ada@example.org"]"#;
    assert_eq!(send(json, list.into()).await, (400, "malformed_request".into()));
    assert_eq!(send("text/plain", "Ada".into()).await, (415, "unsupported_media_type".into()));
    assert_eq!(send(json, " ".repeat(17 * 1024)).await, (413, "body_too_large".into()));
}

#[tokio::test]
async fn an_unknown_path_or_method_gets_an_error_in_the_same_form() {
    let missing = Client::new().get(url("/nothing")).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(missing.json::<Value>().await.unwrap()["code"], "not_found");

    let method = Client::new().request(Method::DELETE, url("/submit")).send().await.unwrap();
    assert_eq!(method.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(method.headers()["allow"], "POST,OPTIONS");
    assert_eq!(method.json::<Value>().await.unwrap()["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_program_gets_an_error_as_problem_details() {
    let response = Client::new().get(url("/nothing?x=1")).send().await.unwrap();

    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    let expected = json!({
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "instance": "/nothing",
        "success": false,
        "message": "There is nothing at this address.",
        "code": "not_found",
        "request_id": body["request_id"],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_client_that_accepts_neither_html_nor_json_gets_406_and_registers_no_user() {
    let email = new_email();
    let body = json!({ "name": "Ada", "email": email });
    let request = Client::new().post(url("/submit")).header("accept", "image/png").json(&body);

    let response = request.send().await.unwrap();

    assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE);
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "not_acceptable");
    assert_eq!(count_on(0, &email).await, "0");
    // The Accept header does not matter for a file.
    let style = Client::new().get(url("/assets/style.css")).header("accept", "text/css");
    assert_eq!(style.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_browser_gets_an_error_page_with_the_request_id() {
    let request = Browser::new().open().build().unwrap();
    let accept = request.headers()["accept"].clone();

    let response = Client::new()
        .get(url("/nothing"))
        .header("accept", accept)
        .header("x-request-id", "seen-by-me")
        .send()
        .await
        .unwrap();

    assert_eq!(response.headers()["x-request-id"], "seen-by-me");
    let page = response.text().await.unwrap();
    assert!(page.contains("<h1>Not Found</h1>") && page.contains("seen-by-me"), "{page}");
}

#[tokio::test]
async fn a_request_id_that_is_not_fit_for_a_log_is_replaced() {
    for unfit in ["", "two words", &"x".repeat(65), "<b>"] {
        let request = Client::new().get(url("/healthy?")).header("x-request-id", unfit);

        let response = request.send().await.unwrap();

        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(id.len() == 36 && id != unfit, "{unfit}: {id}");
        assert_eq!(response.json::<Value>().await.unwrap()["request_id"], id);
    }
}

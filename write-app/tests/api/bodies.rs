//! Bodies as programs send them. `src/routes/submitted/tests.rs` tries many more, without MySQL.

use demo::for_tests::shared;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use crate::client::{Browser, count_on, new_email, url};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

async fn send(kind: &str, body: impl Into<Vec<u8>>) -> Response {
    let request = Client::new().post(url("/submit")).header("content-type", kind);
    request.body(body.into()).send().await.unwrap()
}

fn multipart(name: &str, email: &str) -> String {
    let part = |field: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n")
    };
    part("name", name) + &part("email", email) + "--b--\r\n"
}

#[tokio::test]
async fn what_is_stored_is_what_was_sent_in_whatever_kind_of_body() {
    let json = |email: &str| format!(r#"{{"name":"José 字","email":"{email}"}}"#);
    for kind in [URLENCODED, MULTIPART, "", "text/plain", "application/vnd.x+json; charset=utf-8"] {
        let email = new_email();
        let body = if kind == MULTIPART { multipart("José 字", &email) } else { json(&email) };

        let response = send(kind, body).await;

        assert_eq!(response.status(), StatusCode::OK, "{kind}");
        let sql =
            format!("SET NAMES utf8mb4; SELECT name FROM userdb.users WHERE email = '{email}'");
        assert_eq!(shared().cluster.sql(0, &sql).await.unwrap(), "José 字", "{kind}");
    }
}

#[tokio::test]
async fn a_form_in_another_charset_stores_nothing_and_the_response_says_what_to_send() {
    let email = new_email();
    let latin1 = [b"name=Jos\xE9&email=", email.as_bytes()].concat();
    for (kind, body, status) in [
        (URLENCODED, format!("name=Jos%E9&email={email}").into_bytes(), 400),
        (URLENCODED, latin1, 400),
        (MULTIPART, multipart("Jos\u{E9}", &email).chars().map(|one| one as u8).collect(), 400),
        ("text/plain; charset=iso-8859-1", b"{}".to_vec(), 415),
    ] {
        let response = send(kind, body).await;

        assert_eq!(response.status().as_u16(), status, "{kind}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["success"], false);
        assert!(body["message"].as_str().unwrap().contains("UTF-8"), "{body}");
    }
    assert_eq!(count_on(0, &email).await, "0");
}

#[tokio::test]
async fn a_multipart_form_may_have_16_kib() {
    let padding = |size: usize| {
        let file = "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"x\"\r\n\r\n";
        format!("{file}{}\r\n", "x".repeat(size)) + &multipart("Ada", &new_email())
    };

    let [fits, exceeds] = [15 * 1024, 17 * 1024].map(padding);

    assert_eq!(send(MULTIPART, fits).await.status(), StatusCode::OK);
    let refused = send(MULTIPART, exceeds).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "body_too_large");
}

#[tokio::test]
async fn a_browser_gets_a_page_about_a_body_that_cannot_be_read() {
    let request = Browser::new().post("/submit").header("content-type", URLENCODED);

    let response = request.body("name=a&name=b&email=x").send().await.unwrap();

    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let page = response.text().await.unwrap();
    assert!(page.contains("The field name occurs twice."), "{page}");
}

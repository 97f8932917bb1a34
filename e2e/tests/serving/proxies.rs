//! A proxy in front that changes the Host header. Over plain HTTP a browser says only from which origin a form comes.

use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::{
    MACHINE,
    process::{Process, WRITE_APP},
};

/// Sends a form as a browser does through a proxy. An empty name keeps the user from being registered.
async fn submit(app: &Process, origin: &str, host: &str, accept: &str) -> (StatusCode, String) {
    let request = Client::new().post(format!("http://{}/submit", app.address));
    let request = request.header("origin", origin).header("host", host).header("accept", accept);
    let response = request.form(&[("name", ""), ("email", "")]).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_form_through_a_proxy_is_taken_where_the_setting_names_its_origin() {
    let _beside_others = MACHINE.read().await;
    let origins = "https://demo.example.org/, http://10.0.0.5:8080";
    let app = WRITE_APP.start_with(&[("TRUSTED_ORIGINS", origins)]).await;
    for (origin, host) in [
        ("https://demo.example.org", "write-app-service:5000"),
        ("http://10.0.0.5:8080", "10.0.0.5"),
        // The same host needs no setting.
        ("http://127.0.0.1:30000", "127.0.0.1:30000"),
        ("http://other.example", "OTHER.example:80"),
    ] {
        let (status, body) = submit(&app, origin, host, "*/*").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{origin} to {host}: {body}");
    }
}

#[tokio::test]
async fn a_form_from_another_origin_is_refused_with_both_names_in_the_error_and_in_the_log() {
    let _beside_others = MACHINE.read().await;
    let app = WRITE_APP.start().await;
    let (origin, host) = ("http://demo.example.org:8080", "write-app:5000");

    let (status, page) = submit(&app, origin, host, "text/html").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let compared = format!("sent from {origin}, and this app is at {host}.");
    assert!(page.contains(&compared) && page.contains("TRUSTED_ORIGINS"), "{page}");
    let (_, problem) = submit(&app, "null", host, "application/json").await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!(problem["code"], "cross_site_request");
    assert!(problem["detail"].as_str().unwrap().contains("a page that has no origin"), "{problem}");

    let line = app.line("cross_site_request").await;
    assert_eq!((&line["level"], &line["origin"]), (&"WARN".into(), &origin.into()), "{line}");
    assert_eq!(line["host"], host, "{line}");
    assert!(line["message"].as_str().unwrap().contains("TRUSTED_ORIGINS"), "{line}");
}

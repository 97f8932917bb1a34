//! The log.

use demo::{for_tests::shared, process::Process};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::Browser;

pub(crate) async fn write_app(additions: &[(&str, &str)]) -> Process {
    let shared = shared();
    let binary = env!("CARGO_BIN_EXE_write-app");
    let process = Process::start(binary, &write_app::ABOUT, &shared.cluster, additions).await;
    let process = process.unwrap();
    process.line("ready: the schema on the primary is there").await.unwrap();
    process
}

#[tokio::test]
async fn each_request_is_logged_as_a_line_of_json_with_its_id_and_its_trace() {
    let app = write_app(&[]).await;
    let request = Client::new().get(format!("{}/nothing", app.url()));
    let request = request
        .header("x-request-id", "seen-by-me")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

    request.send().await.unwrap();

    let line: Value = serde_json::from_str(&app.line("seen-by-me").await.unwrap()).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"answered".into()), "{line}");
    assert_eq!(line["status"], 404);
    assert!(line["milliseconds"].as_f64().unwrap() > 0.0, "{line}");
    let span = &line["span"];
    assert_eq!((&span["method"], &span["route"]), (&"GET".into(), &"unmatched".into()), "{line}");
    assert_eq!(span["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn requests_of_probes_and_prometheus_are_logged_at_debug_only() {
    for (filter, expected) in [("info", 0), ("debug,hyper=info", 3)] {
        let app = write_app(&[("RUST_LOG", filter)]).await;

        for path in ["/healthz", "/readyz", "/metrics"] {
            Client::new().get(app.url().to_owned() + path).send().await.unwrap();
        }
        Client::new().get(app.url().to_owned() + "/version").send().await.unwrap();

        app.line(r#""route":"/version""#).await.unwrap();
        let log = app.log();
        let answered = log.iter().filter(|line| line.contains("answered"));
        assert_eq!(answered.count(), expected + 1, "{filter}: {log:#?}");
    }
}

/// Not even at the level "trace", and not in errors.
#[tokio::test]
async fn no_email_and_no_name_is_ever_logged() {
    let app = write_app(&[("RUST_LOG", "trace")]).await;
    let browser = Browser::at_url(app.url());
    let client = Client::new();
    let submit = format!("{}/submit", app.url());
    let mut answers = Vec::new();
    for (name, email) in [
        ("Zuleika Privatissima", "zuleika.private@example.org"),
        ("Zuleika Privatissima", "zuleika.private@example.org"),
        ("<script>Zuleika</script>", "zuleika'--@example.org"),
        ("Zuleika\u{202E}", "zuleika@@example"),
    ] {
        let body = json!({ "name": name, "email": email });
        answers.push(client.post(&submit).json(&body).send().await.unwrap().status());
        browser.submit(name, &format!("browser.{email}")).send().await.unwrap();
        browser.open().send().await.unwrap();
    }
    let path = format!("{}/users/zuleika@example.org?email=zuleika@example.org", app.url());
    client.get(path).header("x-request-id", "the-last").send().await.unwrap();

    app.line("the-last").await.unwrap();
    let expected = [200, 409, 200, 422].map(|status| StatusCode::from_u16(status).unwrap());
    assert_eq!(answers, expected);
    let log = app.log();
    assert!(log.iter().any(|line| line.contains("INSERT INTO users")), "statements are logged");
    let telling: Vec<_> =
        log.iter().filter(|line| line.to_lowercase().contains("zuleika")).collect();
    assert!(telling.is_empty(), "{telling:#?}");
}

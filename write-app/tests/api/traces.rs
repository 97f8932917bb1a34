//! Spans, as a collector receives them.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use demo::process::{Process, Signal};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use reqwest::{Client, StatusCode};
use serde_json::json;

use crate::{client::new_email, logs::write_app};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

type Exports = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A collector that keeps what it receives, and its address.
async fn collector() -> (Exports, String) {
    let exports = Exports::default();
    let keep = async |State(exports): State<Exports>, body: Bytes| {
        exports.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
    };
    let app = Router::new().route("/v1/traces", post(keep)).with_state(exports.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (exports, url)
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    let value = attribute.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?} in {attributes:#?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names of the services that the collector heard of, and the spans of a trace.
fn received(exports: &Exports, trace: &str) -> (Vec<String>, Vec<Span>) {
    let exports = exports.lock().unwrap();
    let resources: Vec<_> = exports.iter().flat_map(|export| &export.resource_spans).collect();
    let service = |resource: &Option<_>| resource.as_ref().map(service_name).unwrap();
    let spans = resources.iter().flat_map(|resource| &resource.scope_spans);
    let spans = spans.flat_map(|scope| scope.spans.clone());
    (
        resources.iter().map(|resource| service(&resource.resource)).collect(),
        spans.filter(|span| hex(&span.trace_id) == trace).collect(),
    )
}

fn service_name(resource: &opentelemetry_proto::tonic::resource::v1::Resource) -> String {
    text(&resource.attributes, "service.name").to_owned()
}

/// Interrupts the app as Ctrl-C does. Returns how long its end took, and its exit status.
async fn interrupt(app: &mut Process) -> (Duration, Option<i32>) {
    let start = Instant::now();
    app.signal(Signal::INT).unwrap();
    let status = app.end().await.unwrap();
    (start.elapsed(), status.code())
}

#[tokio::test]
async fn a_request_and_its_database_work_are_spans_in_the_clients_trace() {
    let (exports, url) = collector().await;
    let mut app = write_app(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).await;
    let body = json!({ "name": "Ada", "email": new_email() });
    let request = Client::new().post(format!("{}/submit", app.url())).json(&body);

    let request = request.header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let (_, status) = interrupt(&mut app).await;

    assert_eq!(status, Some(0));
    let (services, spans) = received(&exports, TRACE);
    assert!(services.iter().all(|service| service == "write-app"), "{services:?}");
    let of_kind = |kind| spans.iter().find(|span| span.kind == kind as i32).unwrap();
    let (request, work) = (of_kind(SpanKind::Server), of_kind(SpanKind::Client));
    assert_eq!(spans.len(), 2, "{spans:#?}");
    assert_eq!(
        (request.name.as_str(), hex(&request.parent_span_id)),
        ("POST /submit", PARENT.into())
    );
    assert_eq!(text(&request.attributes, "http.route"), "/submit");
    assert_eq!((work.name.as_str(), &work.parent_span_id), ("mysql", &request.span_id));
    assert_eq!(text(&work.attributes, "db.system.name"), "mysql");
}

#[tokio::test]
async fn an_invalid_traceparent_starts_a_new_trace_whose_id_is_logged() {
    let (exports, url) = collector().await;
    let named = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_SERVICE_NAME", "mine")];
    let mut app = write_app(&named).await;
    let request = Client::new().get(format!("{}/version", app.url()));

    let invalid = format!("00-{}-{PARENT}-01", "0".repeat(32));
    request.header("traceparent", invalid).send().await.unwrap();
    let line = app.line(r#""route":"/version""#).await.unwrap();
    interrupt(&mut app).await;

    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let (services, spans) = received(&exports, line["span"]["trace_id"].as_str().unwrap());
    assert!(services.iter().all(|service| service == "mine"), "{services:?}");
    assert_eq!(spans.len(), 1, "{line}");
    assert!(spans[0].parent_span_id.is_empty(), "{spans:?}");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_fails_no_request_and_delays_the_shutdown_only_for_a_moment()
 {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut app = write_app(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).await;

    for _ in 0..20 {
        let body = json!({ "name": "Ada", "email": new_email() });
        let response = Client::new().post(format!("{}/submit", app.url())).json(&body).send().await;
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    let (took, status) = interrupt(&mut app).await;

    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(app.log().iter().any(|line| line.contains("spans are not sent")), "{:#?}", app.log());
}

#[tokio::test]
async fn a_collector_that_cannot_be_reached_is_logged_once() {
    let mut app = write_app(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]).await;

    let response = Client::new().get(format!("{}/version", app.url())).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (_, status) = interrupt(&mut app).await;

    assert_eq!(status, Some(0));
    let log = app.log();
    let said = log.iter().filter(|line| line.contains("spans are not sent")).count();
    assert_eq!(said, 1, "{log:#?}");
}

//! Where log lines go: standard output, as text for a person at a terminal and as JSON otherwise,
//! a line an event, so that a cluster's log collector can read them. And where spans go, if anywhere.
//!
//! Spans are given to a thread of their own, which sends them in batches. Where it cannot, because the
//! collector is away or slow, they are dropped: no request waits for them, and the process's end no longer than
//! [`LAST_EXPORT`].

use std::{
    io::IsTerminal as _,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use axum::http::{Request, Response};
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError, hyper::HyperClient};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::EnvFilter;

use crate::config::{About, Config, SpansConfig};

/// How long sending one batch may take.
const EXPORT_DEADLINE: Duration = Duration::from_secs(2);

/// How long the process's end may wait for the last batch.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// What is to be ended before the process ends.
pub struct Telemetry(Option<SdkTracerProvider>);

/// Sends this process's log lines to standard output, and its spans to the collector where the
/// configuration names one.
///
/// # Errors
///
/// Where what the configuration says is not usable.
pub fn start(about: &About, config: &Config) -> anyhow::Result<Telemetry> {
    let lines = tracing_subscriber::fmt().with_env_filter(filter(&config.log)?);
    if std::io::stdout().is_terminal() {
        lines.init();
    } else {
        lines.json().flatten_event(true).init();
    }
    let spans = config.spans.as_ref().map(|spans| provider(about, spans)).transpose()?;
    if let Some(provider) = &spans {
        global::set_tracer_provider(provider.clone());
    }
    Ok(Telemetry(spans))
}

/// Nothing that a client sends is logged, whoever looks however closely (see `observe`). sqlx logs statements
/// without their values; one layer would log paths.
fn filter(log: &str) -> anyhow::Result<EnvFilter> {
    Ok(EnvFilter::try_new(log)?.add_directive("tower_http::csrf=off".parse()?))
}

impl Telemetry {
    /// Sends the last spans.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        let last = move || provider.shutdown_with_timeout(LAST_EXPORT);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(last).await {
            tracing::warn!("the last spans were not sent: {error}");
        }
    }
}

fn provider(about: &About, config: &SpansConfig) -> anyhow::Result<SdkTracerProvider> {
    let base = config.collector.to_string();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", base.trim_end_matches('/')))
        .with_timeout(EXPORT_DEADLINE)
        .with_http_client(Client::new())
        .build()?;
    let resource = Resource::builder()
        .with_service_name(config.service.clone())
        .with_attribute(KeyValue::new("service.version", about.version))
        .build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// Sends from this process's runtime: the thread that spans are given to has none.
#[derive(Debug)]
struct Client {
    http: HyperClient,
    runtime: Handle,
    /// Whether the last batch was not sent; said once and not with every batch.
    fails: AtomicBool,
}

impl Client {
    fn new() -> Self {
        let http = HyperClient::with_default_connector(EXPORT_DEADLINE, None);
        Self { http, runtime: Handle::current(), fails: AtomicBool::new(false) }
    }

    fn note(&self, problem: Option<&HttpError>) {
        let failed = self.fails.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !failed => tracing::warn!("spans are not sent: {problem}"),
            None if failed => tracing::info!("spans are sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, batch: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move { http.send_bytes(batch).await }).await;
        let sent = sent.map_err(HttpError::from).flatten();
        self.note(sent.as_ref().err());
        sent
    }
}

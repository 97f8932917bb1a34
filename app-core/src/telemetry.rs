//! Where log lines go: standard output, as text for a person at a terminal and as JSON otherwise,
//! a line an event, so that a cluster's log collector can read them. And where spans go, if anywhere.
//!
//! Spans are given to a thread of their own, which sends them in batches. Where it cannot, because the
//! collector is away or slow, they are dropped: no request waits for them, and the process's end no longer than
//! [`LAST_EXPORT`].

pub(crate) mod trace_context;

use std::{
    fmt,
    io::IsTerminal as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::{net::TcpStream, runtime::Handle, time::timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    config::{About, Config, SpansConfig},
    dns::Resolver,
    http::error::causes,
};

/// How long sending one batch may take.
const EXPORT_DEADLINE: Duration = Duration::from_secs(2);

/// How long the process's end may wait for the last batch.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// Nothing in a collector's answer is of use; this much is read of it.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What is to be ended before the process ends.
pub struct Telemetry(Option<SdkTracerProvider>);

/// Sends this process's log lines to standard output, and its spans to the collector where the
/// configuration names one.
///
/// # Errors
///
/// Where what the configuration says is not usable.
pub fn start(about: &About, config: &Config) -> anyhow::Result<Telemetry> {
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE);
    let filter = filter(&config.log);
    if std::io::stdout().is_terminal() {
        lines.finish().with(filter).init();
    } else {
        // A line is in one span, which would stand in it a second time as a list of all that it is in.
        lines.json().flatten_event(true).with_span_list(false).finish().with(filter).init();
    }
    let spans = match &config.spans {
        Some(spans) => Some(provider(about, spans, Client::new(config)?)?),
        None => None,
    };
    if let Some(provider) = &spans {
        global::set_tracer_provider(provider.clone());
    }
    Ok(Telemetry(spans))
}

/// Nothing that a client sends is logged, whoever looks however closely (see `observe`). sqlx logs statements
/// without their values; one layer would log paths.
///
/// By targets alone: what can tell spans apart looks at each span each time that it is entered, and sqlx enters
/// it twice for each row.
fn filter(log: &Targets) -> Targets {
    log.clone().with_target("tower_http::csrf", LevelFilter::OFF)
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

fn provider(
    about: &About,
    config: &SpansConfig,
    client: Client,
) -> anyhow::Result<SdkTracerProvider> {
    let base = config.collector.to_string();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", base.trim_end_matches('/')))
        .with_timeout(EXPORT_DEADLINE)
        .with_http_client(client)
        .build()?;
    let resource = Resource::builder()
        .with_service_name(config.service.clone())
        .with_attribute(KeyValue::new("service.version", about.version))
        .build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// Sends from this process's runtime: the thread that spans are given to has none.
#[derive(Clone)]
struct Client {
    resolver: Resolver,
    runtime: Handle,
    /// Whether the last batch was not sent; said once and not with every batch.
    fails: Arc<AtomicBool>,
}

impl Client {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let resolver = Resolver::new(config.dns.as_ref())?;
        Ok(Self { resolver, runtime: Handle::current(), fails: Arc::default() })
    }

    /// On a connection of its own: there is a batch every few seconds. hyper-util's client would keep it, and
    /// make the binary larger by more than all the rest of this.
    async fn send(self, mut batch: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let authority = batch.uri().authority().ok_or("the collector has no host")?.clone();
        let host = self.resolver.address(authority.host().trim_matches(['[', ']'])).await?;
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        *batch.uri_mut() = batch.uri().path().parse()?;
        batch.headers_mut().insert(header::HOST, authority.as_str().parse()?);
        let (answer, body) = sender.send_request(batch.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
        Ok(Response::from_parts(answer, body))
    }

    fn note(&self, problem: Option<&HttpError>) {
        let failed = self.fails.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !failed => {
                tracing::warn!("spans are not sent: {}", causes(problem.as_ref()));
            }
            None if failed => tracing::info!("spans are sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, batch: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.clone();
        // A timer begins only inside of the runtime.
        let sending = async move { timeout(EXPORT_DEADLINE, client.send(batch)).await };
        let sent = match self.runtime.spawn(sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(late)) => Err(late.into()),
            Err(panic) => Err(panic.into()),
        };
        self.note(sent.as_ref().err());
        sent
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

//! Where log lines and spans go.
//!
//! Log lines go to standard output: as text at a terminal, otherwise as JSON for a cluster's log collector. A thread
//! writes them. Where the reader is slow, [`LINES`] of them wait; further ones are lost, and a line says how many. So
//! no request waits for the reader of the log.
//!
//! Spans go to a collector, if the configuration names one. A thread sends them in batches, and drops them
//! where the collector is away or slow. No request waits for them, and the end of the process waits for at
//! most [`LAST_EXPORT`].

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
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::oneshot,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
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

/// How many log lines wait to be written: a few megabytes at most.
const LINES: usize = 8192;

/// How often to look whether lines were lost.
const LOST_PERIOD: Duration = Duration::from_secs(1);

/// How long the end of the process may wait for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How long sending one batch may take.
const EXPORT_DEADLINE: Duration = Duration::from_secs(2);

/// How long the end of the process may wait for the last batch.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// The longest response that is read. Nothing in a collector's response is used.
const RESPONSE_LIMIT: usize = 64 * 1024;

/// The spans to send and the lines to write before the process ends.
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
    lines: WorkerGuard,
}

/// Sends this process's log lines to standard output, and its spans to the collector where the
/// configuration names one.
///
/// # Errors
///
/// Where `/etc/resolv.conf` is not usable, or the collector's URL.
pub fn start(about: &About, config: &Config) -> anyhow::Result<Telemetry> {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stdout());
    let lost = writer.error_counter();
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(writer);
    let filter = filter(&config.log);
    if std::io::stdout().is_terminal() {
        lines.finish().with(filter).init();
    } else {
        // A line is in one span. A list of all its spans would repeat that one.
        lines.json().flatten_event(true).with_span_list(false).finish().with(filter).init();
    }
    tokio::spawn(say_what_is_lost(lost));
    let spans = match &config.spans {
        Some(spans) => Some(provider(about, spans, Client::new(config)?)?),
        None => None,
    };
    if let Some(provider) = &spans {
        global::set_tracer_provider(provider.clone());
    }
    Ok(Telemetry { spans, lines: guard })
}

/// Says it until a line about it is written: that line may be lost, too, and then it is one of them.
async fn say_what_is_lost(lost: ErrorCounter) {
    let mut said = 0;
    loop {
        sleep(LOST_PERIOD).await;
        let lines = lost.dropped_lines();
        if lines > said {
            tracing::warn!(lines, "log lines were lost, because standard output is not read");
            said = lines;
        }
    }
}

/// Nothing that a client sends is logged, at any level (see `http::request_log`). The layer `csrf` would log
/// paths. sqlx logs statements without their values.
///
/// This filters by targets alone. A filter that tells spans apart looks at a span each time that it is
/// entered, and sqlx enters it twice for each row.
fn filter(log: &Targets) -> Targets {
    log.clone().with_target("tower_http::csrf", LevelFilter::OFF)
}

impl Telemetry {
    /// Sends the last spans, and writes the last lines.
    pub async fn stop(self) {
        if let Some(provider) = self.spans {
            let last = move || provider.shutdown_with_timeout(LAST_EXPORT);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(last).await {
                tracing::warn!("the last spans were not sent: {error}");
            }
        }
        // Dropping the guard writes them. Where standard output is not read it may never return, so it has a thread
        // that the end of the process does not wait for.
        let (done, written) = oneshot::channel();
        std::thread::spawn(move || {
            drop(self.lines);
            done.send(())
        });
        drop(timeout(LAST_LINES, written).await);
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

/// Sends batches from this process's runtime, because the thread that makes the batches has no runtime.
#[derive(Clone)]
struct Client {
    resolver: Resolver,
    runtime: Handle,
    /// Whether the last batch failed, so that the log says so once and not with every batch.
    is_failing: Arc<AtomicBool>,
}

impl Client {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let resolver = Resolver::new(config.dns.as_ref())?;
        Ok(Self { resolver, runtime: Handle::current(), is_failing: Arc::default() })
    }

    /// Opens a connection for each batch, of which there is one every few seconds. hyper-util's client would
    /// keep the connection, but it would make the binary larger by more than everything else here.
    async fn send(self, mut batch: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let authority = batch.uri().authority().ok_or("the collector has no host")?.clone();
        let host = self.resolver.address(authority.host().trim_matches(['[', ']'])).await?;
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        *batch.uri_mut() = batch.uri().path().parse()?;
        batch.headers_mut().insert(header::HOST, authority.as_str().parse()?);
        let (head, body) = sender.send_request(batch.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, RESPONSE_LIMIT).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    fn log(&self, problem: Option<&HttpError>) {
        let failed = self.is_failing.swap(problem.is_some(), Ordering::Relaxed);
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
        // A timer needs a runtime, so it begins inside the task.
        let sending = async move { timeout(EXPORT_DEADLINE, client.send(batch)).await };
        let sent = match self.runtime.spawn(sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(panic) => Err(panic.into()),
        };
        self.log(sent.as_ref().err());
        sent
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

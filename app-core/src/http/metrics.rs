//! `GET /metrics`: what the app counts and measures, in Prometheus' text format.
//!
//! Each app has a registry of its own, for several run in one process in tests. A label has only values
//! of our own: routes as they are written in the code, known methods, statuses, codes of errors, and the names
//! of pods. So whatever clients send, there are no more series than these.
//! Names follow <https://prometheus.io/docs/practices/naming/>.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use opentelemetry::KeyValue;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TEXT_FORMAT,
    TextEncoder,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    config::About,
    http::{error::Error, version},
    mysql::{PoolStatus, pod_name::PodName},
    telemetry::trace_context,
};

/// Seconds: from an answer out of memory to the longest that a request may take.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A pod that has not said its name, or of a query that none answered.
const UNKNOWN: &str = "unknown";

/// What one app counts and measures. Clones share it.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
    queries: QueryMetrics,
}

impl Metrics {
    /// Those that every app has, all at zero.
    ///
    /// # Errors
    ///
    /// Where two have the same name.
    pub fn new(about: &About) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = RequestMetrics::new(&registry)?;
        let queries = QueryMetrics(counter(
            &registry,
            "database_queries_total",
            "Queries made for requests, by the pod that answered or was asked, and by outcome: ok, or the code of the error",
            &["pod", "outcome"],
        )?);
        let metrics = Self { registry, requests, queries };
        let build = [about.name, about.version, version::REVISION];
        gauge(
            "app_build_info",
            "Always 1; the labels say what runs",
            &["app", "version", "revision"],
        )
        .and_then(|gauge| {
            gauge.with_label_values(&build).set(1.0);
            metrics.registry.register(Box::new(gauge))
        })?;
        Ok(metrics)
    }

    /// What is counted of requests.
    pub(crate) fn requests(&self) -> &RequestMetrics {
        &self.requests
    }

    /// What is counted of queries.
    #[must_use]
    pub fn queries(&self) -> &QueryMetrics {
        &self.queries
    }

    /// Another counter.
    ///
    /// # Errors
    ///
    /// Where the name is taken.
    pub fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        counter(&self.registry, name, help, labels)
    }

    /// Gauges whose values are known elsewhere: `read` sets them whenever somebody asks.
    ///
    /// # Errors
    ///
    /// Where a name is taken.
    pub fn gauges<const N: usize>(
        &self,
        gauges: [GaugeVec; N],
        read: impl Fn(&[GaugeVec; N]) + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.registry.register(Box::new(ReadWhenAsked { gauges, read, turn: Mutex::default() }))
    }

    /// The connections of these pools.
    ///
    /// # Errors
    ///
    /// Where it is called twice.
    pub fn pools(
        &self,
        pools: impl Fn() -> Vec<PoolStatus> + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        let connections = gauge(
            "database_pool_connections",
            "Open connections of the pool to this server, idle or in_use",
            &["server", "state"],
        )?;
        let limit = gauge(
            "database_pool_connections_limit",
            "How many connections the pool to this server may have open",
            &["server"],
        )?;
        self.gauges([connections, limit], move |[connections, limit]| {
            for PoolStatus { server, idle, in_use, limit: most } in pools() {
                connections.with_label_values(&[server.as_str(), "idle"]).set(f64::from(idle));
                connections.with_label_values(&[server.as_str(), "in_use"]).set(f64::from(in_use));
                limit.with_label_values(&[server.as_str()]).set(f64::from(most));
            }
        })
    }

    /// The route `/metrics`.
    pub(crate) fn routes(self) -> OpenApiRouter {
        OpenApiRouter::new().routes(routes!(metrics)).with_state(self)
    }
}

/// The label of a pod, also of one whose name nobody knows.
#[must_use]
pub fn pod_label(pod: Option<&PodName>) -> String {
    pod.map_or_else(|| UNKNOWN.to_owned(), PodName::to_string)
}

/// A gauge for [`Metrics::gauges`].
///
/// # Errors
///
/// Where the name is none.
pub fn gauge(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
    GaugeVec::new(Opts::new(name, help), labels)
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// All metrics, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "The metrics", body = String, content_type = TEXT_FORMAT)
))]
async fn metrics(State(metrics): State<Metrics>) -> Result<Response, Error> {
    let text = TextEncoder::new().encode_to_string(&metrics.registry.gather());
    let text = text.map_err(|error| Error::Internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}

/// What is counted of requests. Clones share it.
#[derive(Clone)]
pub(crate) struct RequestMetrics {
    answered: IntCounterVec,
    seconds: HistogramVec,
    under_way: IntGauge,
}

impl RequestMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let labels = &["method", "route", "status"];
        let seconds = HistogramOpts::new(
            "http_request_duration_seconds",
            "Time from the header of a request to that of its answer",
        );
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), labels)?;
        let under_way = IntGauge::new("http_requests_under_way", "Requests without an answer yet")?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(under_way.clone()))?;
        let help = "Requests that were answered; status 499 where the client went away first";
        let answered = counter(registry, "http_requests_total", help, labels)?;
        Ok(Self { answered, seconds, under_way })
    }

    /// A request has come.
    pub(crate) fn begin(&self) {
        self.under_way.inc();
    }

    /// It has got its answer, or its client went away.
    pub(crate) fn end(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        self.under_way.dec();
        let labels = [method, route, status.as_str()];
        self.answered.with_label_values(&labels).inc();
        self.seconds.with_label_values(&labels).observe(took.as_secs_f64());
    }
}

/// What is counted of queries. Clones share it.
#[derive(Clone)]
pub struct QueryMetrics(IntCounterVec);

impl QueryMetrics {
    /// A query has ended, well or with an error that has this code; `pod` answered, or was asked, as far as
    /// that is known.
    pub fn count(&self, pod: Option<&PodName>, outcome: Result<(), &'static str>) {
        let pod = pod_label(pod);
        let outcome = outcome.err().unwrap_or("ok");
        self.0.with_label_values(&[pod.as_str(), outcome]).inc();
        trace_context::note([
            KeyValue::new("k8s.pod.name", pod),
            KeyValue::new("db.outcome", outcome),
        ]);
    }
}

/// Asked one at a time: between the emptying and the reading nobody else may look.
struct ReadWhenAsked<const N: usize, R> {
    gauges: [GaugeVec; N],
    read: R,
    turn: Mutex<()>,
}

impl<const N: usize, R: Fn(&[GaugeVec; N]) + Send + Sync> Collector for ReadWhenAsked<N, R> {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // What is no longer there, such as a pod, has no series any more.
        for gauge in &self.gauges {
            gauge.reset();
        }
        (self.read)(&self.gauges);
        self.gauges.iter().flat_map(Collector::collect).collect()
    }
}

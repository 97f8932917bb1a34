//! `GET /metrics`: what the app counts and measures, in Prometheus' text format.
//!
//! Each app has a registry, because several apps run in one process in tests. No label has a value that a
//! client sends: the values are routes as the code writes them, known methods, statuses, codes of errors, and
//! names of pods. So no request can make a new series.
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

/// In seconds: from a response out of memory to the longest request.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The label of a pod whose name is not known, also where no pod answered a query.
const UNKNOWN: &str = "unknown";

/// The metrics of one app. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
    queries: QueryMetrics,
}

impl Metrics {
    /// The metrics that every app has, all at zero.
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
        let build_info = gauge(
            "app_build_info",
            "Always 1; the labels say what runs",
            &["app", "version", "revision"],
        )?;
        build_info.with_label_values(&[about.name, about.version, version::REVISION]).set(1.0);
        registry.register(Box::new(build_info))?;
        Ok(Self { registry, requests, queries })
    }

    pub(crate) fn requests(&self) -> &RequestMetrics {
        &self.requests
    }

    /// The metrics of queries.
    #[must_use]
    pub fn queries(&self) -> &QueryMetrics {
        &self.queries
    }

    /// Adds a counter.
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

    /// Adds gauges whose values `read` sets at each scrape.
    ///
    /// # Errors
    ///
    /// Where a name is taken.
    pub fn gauges<const N: usize>(
        &self,
        gauges: [GaugeVec; N],
        read: impl Fn(&[GaugeVec; N]) + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.registry.register(Box::new(ScrapedGauges { gauges, read, scrape: Mutex::default() }))
    }

    /// Adds gauges of the connections of these pools.
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
            for PoolStatus { server, idle, in_use, limit: max } in pools() {
                connections.with_label_values(&[server.as_str(), "idle"]).set(f64::from(idle));
                connections.with_label_values(&[server.as_str(), "in_use"]).set(f64::from(in_use));
                limit.with_label_values(&[server.as_str()]).set(f64::from(max));
            }
        })
    }

    pub(crate) fn routes(self) -> OpenApiRouter {
        OpenApiRouter::new().routes(routes!(metrics)).with_state(self)
    }
}

/// The label of a pod, `unknown` where its name is not known.
#[must_use]
pub fn pod_label(pod: Option<&PodName>) -> String {
    pod.map_or_else(|| UNKNOWN.to_owned(), PodName::to_string)
}

/// A gauge for [`Metrics::gauges`].
///
/// # Errors
///
/// Where the name is not valid.
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

/// The metrics of requests. Clones share them.
#[derive(Clone)]
pub(crate) struct RequestMetrics {
    answered: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
}

impl RequestMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let labels = &["method", "route", "status"];
        let seconds = HistogramOpts::new(
            "http_request_duration_seconds",
            "Time from the header of a request to that of its answer",
        );
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), labels)?;
        let in_flight = IntGauge::new("http_requests_under_way", "Requests without an answer yet")?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        let help = "Requests that were answered; status 499 where the client went away first";
        let answered = counter(registry, "http_requests_total", help, labels)?;
        Ok(Self { answered, seconds, in_flight })
    }

    /// Counts a request as in flight.
    pub(crate) fn begin(&self) {
        self.in_flight.inc();
    }

    /// Counts a request that has its response, or whose client went away.
    pub(crate) fn end(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        self.in_flight.dec();
        let labels = [method, route, status.as_str()];
        self.answered.with_label_values(&labels).inc();
        self.seconds.with_label_values(&labels).observe(took.as_secs_f64());
    }
}

/// The metrics of queries. Clones share them.
#[derive(Clone)]
pub struct QueryMetrics(IntCounterVec);

impl QueryMetrics {
    /// Counts a query that succeeded, or failed with an error of this code. `pod` is the pod that answered or
    /// was asked, if it is known.
    pub fn count(&self, pod: Option<&PodName>, outcome: Result<(), &'static str>) {
        let pod = pod_label(pod);
        let outcome = outcome.err().unwrap_or("ok");
        self.0.with_label_values(&[pod.as_str(), outcome]).inc();
        trace_context::add_attributes([
            KeyValue::new("k8s.pod.name", pod),
            KeyValue::new("db.outcome", outcome),
        ]);
    }
}

/// Gauges that are set at each scrape, one scrape at a time: between `reset` and `collect` they are incomplete.
struct ScrapedGauges<const N: usize, R> {
    gauges: [GaugeVec; N],
    read: R,
    scrape: Mutex<()>,
}

impl<const N: usize, R: Fn(&[GaugeVec; N]) + Send + Sync> Collector for ScrapedGauges<N, R> {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _scrape = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        // A pod that is gone has no series any more.
        for gauge in &self.gauges {
            gauge.reset();
        }
        (self.read)(&self.gauges);
        self.gauges.iter().flat_map(Collector::collect).collect()
    }
}

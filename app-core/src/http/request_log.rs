//! What is written down of each request: a log line, the metrics, and a span where spans are exported.
//!
//! Nothing that a client sends is written down but its request id and its trace. Not even the path: it might hold
//! somebody's email. The route is what the code calls it; what matches none is `unmatched`.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use opentelemetry::{Context, context::FutureExt as _};
use tracing::{Instrument as _, Span, field::display};

use crate::{
    http::{metrics::RequestMetrics, request_id},
    telemetry::trace_context,
};

/// The route of a request that matches none.
const UNMATCHED: &str = "unmatched";

/// Those that machines ask for every few seconds; their requests are logged at debug.
const ASKED_BY_MACHINES: [&str; 3] = ["/healthz", "/metrics", "/readyz"];

/// What nginx writes down where a client went away before its answer.
const CLIENT_WENT_AWAY: u16 = 499;

/// The layer. It stands inside the one that makes request ids and outside everything that answers.
pub(crate) async fn request(
    State(metrics): State<RequestMetrics>,
    request: Request,
    next: Next,
) -> Response {
    let observed = Observed::begin(metrics, &request);
    let (context, span) = (observed.context.clone(), observed.span.clone());
    let response = next.run(request).with_context(context).instrument(span).await;
    observed.answered(response.status());
    response
}

/// A request that is under way.
struct Observed {
    metrics: RequestMetrics,
    method: &'static str,
    route: String,
    context: Context,
    span: Span,
    start: Instant,
    status: StatusCode,
}

impl Observed {
    fn begin(metrics: RequestMetrics, request: &Request) -> Self {
        metrics.begin();
        let matched = request.extensions().get::<MatchedPath>();
        let route = matched.map_or(UNMATCHED, MatchedPath::as_str).to_owned();
        let method = known(request.method());
        let context = trace_context::of_request(request.headers(), method, &route);
        let id = request_id::of(request.headers());
        let trace_id = trace_context::id(&context).map(display);
        let span = tracing::info_span!("request", %id, trace_id, method, route);
        let status = StatusCode::from_u16(CLIENT_WENT_AWAY).unwrap_or_default();
        Self { metrics, method, route, context, span, start: Instant::now(), status }
    }

    fn answered(mut self, status: StatusCode) {
        self.status = status;
    }

    fn log(&self, took: Duration) {
        let (status, milliseconds) = (self.status.as_u16(), took.as_secs_f64() * 1e3);
        self.span.in_scope(|| {
            if ASKED_BY_MACHINES.contains(&self.route.as_str()) {
                tracing::debug!(status, milliseconds, "answered");
            } else {
                tracing::info!(status, milliseconds, "answered");
            }
        });
    }
}

/// Also where the client goes away: then nobody waits for the answer, and this is dropped.
impl Drop for Observed {
    fn drop(&mut self) {
        let took = self.start.elapsed();
        self.metrics.end(self.method, &self.route, self.status, took);
        trace_context::end_request(&self.context, self.status);
        self.log(took);
    }
}

/// The method, unless a client invented it.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

//! A log line, the metrics and, where spans are exported, a span for each request.
//!
//! Of what a client sends they hold the request id and the trace, and nothing else. A path may hold an email
//! address, so they name the route as the code does; a request that matches none is `unmatched`.

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

/// Machines request these every few seconds, so they are logged at debug.
const FOR_MACHINES: [&str; 3] = ["/healthz", "/metrics", "/readyz"];

/// The status that nginx logs when a client closes the connection before its response.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The layer. It stands inside the one that makes request ids and outside everything that responds.
pub(crate) async fn request(
    State(metrics): State<RequestMetrics>,
    request: Request,
    next: Next,
) -> Response {
    let in_flight = InFlight::begin(metrics, &request);
    let (context, span) = (in_flight.context.clone(), in_flight.span.clone());
    let response = next.run(request).with_context(context).instrument(span).await;
    in_flight.answered(response.status());
    response
}

/// A request in flight.
struct InFlight {
    metrics: RequestMetrics,
    method: &'static str,
    route: String,
    context: Context,
    span: Span,
    start: Instant,
    status: StatusCode,
}

impl InFlight {
    fn begin(metrics: RequestMetrics, request: &Request) -> Self {
        metrics.begin();
        let matched = request.extensions().get::<MatchedPath>();
        let route = matched.map_or(UNMATCHED, MatchedPath::as_str).to_owned();
        let method = known(request.method());
        let context = trace_context::of_request(request.headers(), method, &route);
        let id = request_id::of(request.headers());
        let trace_id = trace_context::id(&context).map(display);
        let span = tracing::info_span!("request", %id, trace_id, method, route);
        let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or_default();
        Self { metrics, method, route, context, span, start: Instant::now(), status }
    }

    fn answered(mut self, status: StatusCode) {
        self.status = status;
    }

    fn log(&self, took: Duration) {
        let (status, milliseconds) = (self.status.as_u16(), took.as_secs_f64() * 1e3);
        self.span.in_scope(|| {
            if FOR_MACHINES.contains(&self.route.as_str()) {
                tracing::debug!(status, milliseconds, "answered");
            } else {
                tracing::info!(status, milliseconds, "answered");
            }
        });
    }
}

/// When the client closes the connection, hyper drops the handler's future and this with it.
impl Drop for InFlight {
    fn drop(&mut self) {
        let took = self.start.elapsed();
        self.metrics.end(self.method, &self.route, self.status, took);
        trace_context::end_request(&self.context, self.status);
        self.log(took);
    }
}

/// The method, or `other` for one that a client invented: it must not make a new series.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

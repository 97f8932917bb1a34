//! What every request passes, and what machines ask for.
//!
//! - [`request_id`], [`request_log`], [`metrics`]: an id for each request, a line in the log, counters.
//! - [`load_shed`]: a limit to how many requests the app works on at once.
//! - [`negotiate`]: whether a client wants a page or JSON.
//! - [`error`] and [`problem`]: every failure becomes a status, a stable code and a sentence, as a page or
//!   as JSON.
//! - [`health`], [`version`], [`openapi`]: the routes for machines.

pub mod error;
pub mod health;
mod load_shed;
pub mod metrics;
pub mod negotiate;
mod openapi;
pub mod problem;
pub mod request_id;
mod request_log;
mod version;

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::IntoResponse as _,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    csrf::CsrfLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    timeout::TimeoutLayer,
};
use utoipa_axum::router::OpenApiRouter;

use self::{
    error::Error,
    health::Health,
    load_shed::Limits,
    metrics::{Metrics, RequestMetrics},
};
use crate::html::{Site, glossary};

/// How long a request may take in all: longer than the database's deadline, which names its cause.
const REQUEST_DEADLINE: Duration = Duration::from_secs(12);

/// Only files of this origin, and no script or style inside a page: nothing that a user typed can run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Wraps an app's routes in the layers that every request passes. What machines ask for stands beside
/// them: outside of the layers that may delay or refuse a request, for it is asked most when there is much to
/// do, and inside of those that only write down and add headers, which cost nothing.
///
/// # Errors
///
/// Where the routes cannot be described.
pub fn app(
    routes: OpenApiRouter,
    site: Site,
    health: Health,
    metrics: Metrics,
) -> serde_json::Result<Router> {
    let about = site.about();
    let requests = metrics.requests().clone();
    let layers = ServiceBuilder::new()
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_DEADLINE))
        .layer(CsrfLayer::new())
        .layer(middleware::from_fn_with_state(Limits::new(), load_shed::shed));
    let routes = routes
        .merge(glossary::routes(site.clone()))
        .route_layer(middleware::from_fn(problem::refuse_unacceptable))
        .merge(Site::assets().into())
        .fallback(|| async { Error::NotFound })
        .layer(layers);
    let routes =
        routes.merge(health.routes()).merge(metrics.routes()).merge(version::routes(about));
    Ok(every_request_passes(openapi::described(routes, about)?, site, requests))
}

/// Outermost first.
fn every_request_passes(routes: Router, site: Site, requests: RequestMetrics) -> Router {
    let set = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let layers = ServiceBuilder::new()
        .layer(middleware::map_request(request_id::drop_unfit))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(middleware::from_fn_with_state(requests, request_log::request))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CompressionLayer::new())
        .layer(set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // Other sites cannot even load an answer, as an image or a script. What else there is would say
        // nothing here: docs/trust.md tells why.
        .layer(set(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"))
        // Not "no-referrer": browsers would then send "Origin: null" with our own forms.
        .layer(set(header::REFERRER_POLICY, "same-origin"))
        // An answer shows a moment, and whether it is a page depends on who asks. Stylesheet and script
        // are small, and must be those of the app that runs now.
        .layer(set(header::CACHE_CONTROL, "no-store"))
        .layer(SetResponseHeaderLayer::appending(header::VARY, HeaderValue::from_static("accept")))
        .layer(middleware::from_fn_with_state(site, problem::render))
        .layer(CatchPanicLayer::custom(|_| {
            Error::Internal("a handler panicked".into()).into_response()
        }));
    routes.layer(layers)
}

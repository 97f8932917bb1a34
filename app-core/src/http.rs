//! The layers that every request passes, and the routes for machines.
//!
//! - [`request_id`], [`request_log`], [`metrics`]: an id for each request, a line in the log, counters.
//! - [`target`] and [`methods`]: which address a request is for, and which methods it takes.
//! - [`load_shed`]: a limit on requests in flight.
//! - [`same_origin`]: no other site sends forms.
//! - [`negotiate`]: whether a client wants a page or JSON.
//! - [`error`] and [`problem`]: every failure becomes a status, a stable code and a sentence, as a page or
//!   as JSON.
//! - [`health`], [`version`], [`openapi`]: the routes for machines.

pub mod error;
pub mod health;
mod load_shed;
mod methods;
pub mod metrics;
pub mod negotiate;
mod openapi;
pub mod problem;
pub mod request_id;
mod request_log;
mod same_origin;
mod target;
mod version;

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tokio::time::timeout;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    normalize_path::NormalizePathLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};
use utoipa_axum::router::OpenApiRouter;

use self::{
    error::Error,
    health::Health,
    load_shed::Limits,
    metrics::{Metrics, RequestMetrics},
};
use crate::{
    html::{Site, glossary},
    mysql::MysqlError,
};

/// How long a request may take in all. The deadlines of each step are shorter, and their errors name the cause.
const REQUEST_DEADLINE: Duration = Duration::from_secs(12);

/// Only files of this origin, and no script or style inside a page: nothing that a user typed can run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every response, where the handler has set no other value. docs/trust.md says why there are no
/// more.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Other sites cannot load a response as an image or a script.
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // With "no-referrer" browsers would send "Origin: null" with the forms of this site.
    (header::REFERRER_POLICY, "same-origin"),
    // A response shows one moment. Stylesheet and script are small, and must be those of the app that runs now.
    (header::CACHE_CONTROL, "no-store"),
];

/// Wraps an app's routes in the layers that every request passes. The routes for machines stand outside of
/// the layers that may delay or refuse a request, because machines need them most under overload. They pass
/// only the layers that log and add headers.
///
/// # Errors
///
/// Where the routes cannot be described, or a trusted origin is none.
pub fn app(
    routes: OpenApiRouter,
    site: Site,
    health: Health,
    metrics: Metrics,
) -> anyhow::Result<Router> {
    let about = site.about();
    let requests = metrics.requests().clone();
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(REQUEST_DEADLINE, deadline))
        .layer(middleware::from_fn(same_origin::explain))
        .layer(same_origin::layer(site.trusted_origins())?)
        .layer(middleware::from_fn_with_state(Limits::new(), load_shed::shed));
    let routes = routes
        .merge(glossary::routes(site.clone()))
        .route_layer(middleware::from_fn(problem::refuse_unacceptable))
        .merge(Site::assets().into())
        .fallback(|| async { Error::NotFound })
        .layer(layers);
    let routes =
        routes.merge(health.routes()).merge(metrics.routes()).merge(version::routes(about));
    Ok(with_outer_layers(openapi::described(routes, about)?, site, requests))
}

/// The layers of a router run once the route is known; these run before, and after. An address with a slash at its end
/// is the same as without. It does not redirect: a program that follows no redirect gets its answer too.
pub(crate) fn with_normal_targets(routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        .map_request(target::to_origin_form)
        .map_response(methods::allow_options)
        .layer(NormalizePathLayer::trim_trailing_slash());
    Router::new().fallback_service(layers.service(routes))
}

/// Outermost first.
fn with_outer_layers(routes: Router, site: Site, requests: RequestMetrics) -> Router {
    let layers = ServiceBuilder::new()
        .map_request(request_id::drop_unfit)
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(middleware::from_fn_with_state(requests, request_log::request))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CompressionLayer::new())
        .map_response(add_headers)
        .layer(middleware::from_fn_with_state(site, problem::render))
        .layer(CatchPanicLayer::custom(|_| {
            Error::Internal("a handler panicked".into()).into_response()
        }))
        .layer(middleware::from_fn(target::require_host))
        .layer(middleware::from_fn(methods::answer_options));
    routes.layer(layers)
}

/// What a request has begun may go on after its deadline. Unless it only reads, its outcome is unknown.
async fn deadline(
    State(deadline): State<Duration>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let only_reads = request.method().is_safe();
    timeout(deadline, next.run(request)).await.map_err(|_| {
        let slow = MysqlError::Deadline(deadline);
        if only_reads { Error::Database(slow) } else { Error::OutcomeUnknown(slow) }
    })
}

fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Whether a response is a page or JSON depends on the Accept header.
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    response
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Method, routing::any};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_request_that_may_write_has_an_unknown_outcome_when_its_time_is_up() {
        let never = any(std::future::pending::<()>);
        let layer = middleware::from_fn_with_state(Duration::from_millis(1), deadline);
        let app: Router = Router::new().fallback(never).layer(layer);
        for (method, is_unknown) in [
            (Method::GET, false),
            (Method::HEAD, false),
            (Method::POST, true),
            (Method::PUT, true),
            (Method::DELETE, true),
        ] {
            let request = Request::builder().method(&method).body(Body::empty()).unwrap();

            let response = app.clone().oneshot(request).await.unwrap();

            let error = response.extensions().get::<std::sync::Arc<Error>>().unwrap();
            assert_eq!(error.code(), "database_slow");
            assert_eq!(error.leaves_outcome_unknown(), is_unknown, "{method}");
            assert_eq!(error.message().contains("Try again"), !is_unknown, "{method}");
        }
    }
}

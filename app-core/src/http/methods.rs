//! Which methods an address takes: in `Allow`, and as the answer to OPTIONS.
//!
//! An unknown method gets 405 as well, not 501, because its `Allow` says what to send instead.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

/// The methods that some address of an app takes, without OPTIONS.
const ALL: HeaderValue = HeaderValue::from_static("GET,HEAD,POST");

/// The layer for a route. axum answers OPTIONS with 405. <https://www.rfc-editor.org/rfc/rfc9110#section-9.3.7>
pub(super) async fn answer_options(request: Request, next: Next) -> Response {
    let is_options = *request.method() == Method::OPTIONS;
    if is_options && request.uri().path() == "*" {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, ALL)]).into_response();
    }
    let response = next.run(request).await;
    if is_options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return StatusCode::NO_CONTENT.into_response();
    }
    response
}

/// Adds OPTIONS to the header, which axum adds outside of a route's layers.
pub(super) fn allow_options(mut response: Response) -> Response {
    if let Some(allow) = response.headers_mut().get_mut(header::ALLOW)
        && let Ok(with_options) = HeaderValue::from_bytes(&[allow.as_bytes(), b",OPTIONS"].concat())
    {
        *allow = with_options;
    }
    response
}

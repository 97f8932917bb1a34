//! The id of a request: in its response, in every log line about it, and in an error's page or JSON.

use axum::{extract::Request, http::HeaderMap};

const HEADER: &str = "x-request-id";

/// The id of this request in the log.
#[must_use]
pub fn of(headers: &HeaderMap) -> String {
    let id = headers.get(HEADER).and_then(|id| id.to_str().ok());
    id.unwrap_or("-").to_owned()
}

/// Drops a client's id that is not fit for a log, so that the request gets a new one. An id is fit if it is 1
/// to 64 letters, digits, dots, hyphens and underscores.
pub fn drop_unfit(mut request: Request) -> Request {
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let id = request.headers().get(HEADER).map(|id| id.as_bytes());
    if id.is_some_and(|id| !(1..=64).contains(&id.len()) || !id.iter().all(is_fit)) {
        request.headers_mut().remove(HEADER);
    }
    request
}

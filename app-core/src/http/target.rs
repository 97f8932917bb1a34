//! Which address a request is for: the host and the path that the client may write in several ways.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Uri, Version, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use crate::http::error::Error;

/// Turns a target with a host, as in `GET http://host/path`, into a path. Its host replaces the Host header.
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>
pub(super) fn to_origin_form(mut request: Request) -> Request {
    let Some(authority) = request.uri().authority() else { return request };
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let Ok(host) = HeaderValue::from_str(host) else { return request };
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    request.headers_mut().insert(header::HOST, host);
    request
}

/// The layer that refuses a request without a host, with two, or with one that is none.
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>
pub(super) async fn require_host(request: Request, next: Next) -> Result<Response, Error> {
    if request.version() == Version::HTTP_11 && !has_one_host(request.headers()) {
        let text = "An HTTP/1.1 request has one Host header, with a host and perhaps a port.";
        return Err(Error::Malformed(text.into()));
    }
    Ok(next.run(request).await)
}

fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    // An empty one is valid: a URL may have no host.
    let is_host = |host: &[u8]| Authority::try_from(host).is_ok() && !host.contains(&b'@');
    host.is_empty() || is_host(host.as_bytes())
}

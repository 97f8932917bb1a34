//! Refuses what a page of another site sends. [`CsrfLayer`] decides: by `Sec-Fetch-Site`, which browsers send to
//! `https://` and to localhost, otherwise by `Origin` and `Host`.
//!
//! A proxy may change `Host`, and then the two differ although both are this app. So the setting `TRUSTED_ORIGINS`
//! names further origins, and the error says what was compared. Where the same host is only written in another way,
//! the setting is not needed.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tower_http::csrf::{ConfigError, CsrfLayer, ProtectionError};

use crate::{config::values, http::error::Error};

/// As much of a header as the log and the error repeat.
const LONGEST: usize = 100;

/// The layer that decides.
pub(super) fn layer(trusted_origins: &[String]) -> Result<CsrfLayer, ConfigError> {
    trusted_origins.iter().try_fold(CsrfLayer::new(), CsrfLayer::add_trusted_origin)
}

/// The layer around it, which makes the error.
pub(super) async fn explain(mut request: Request, next: Next) -> Result<Response, Error> {
    if request.method().is_safe() {
        return Ok(next.run(request).await);
    }
    let origin = cleaned(request.headers(), header::ORIGIN);
    let host = cleaned(request.headers(), header::HOST);
    if let Some(host) = host_as_in(&origin, &host) {
        request.headers_mut().insert(header::HOST, host);
    }
    let response = next.run(request).await;
    if response.extensions().get::<ProtectionError>().is_some() {
        return Err(Error::CrossSite { origin, host });
    }
    Ok(response)
}

/// A header, without what an origin or a host never contains.
fn cleaned(headers: &HeaderMap, name: HeaderName) -> String {
    let value = headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:/[]".contains(byte);
    value.iter().filter(|byte| is_fit(byte)).take(LONGEST).copied().map(char::from).collect()
}

/// The host as the origin has it, if both are the same: a host may be in upper case, and have the default port of the
/// scheme.
fn host_as_in(origin: &str, host: &str) -> Option<HeaderValue> {
    let (scheme, authority) = origin.split_once("://")?;
    let own = values::origin(&format!("{scheme}://{host}"))?;
    (values::origin(origin)? == own).then(|| HeaderValue::from_str(authority).ok())?
}

/// What was compared, for the person who sent it.
pub(super) fn sentence(origin: &str, host: &str) -> String {
    let page = format!("Open the page of this app at {host}, and send it from there.");
    match origin {
        "" => format!("This was sent from another site. {page}"),
        "null" => format!(
            "This was sent from a page that has no origin, such as a file or a sandboxed frame. {page}"
        ),
        origin => format!(
            "This was sent from {origin}, and this app is at {host}. Open the page there, and send it again. \
             If both are the same app behind a proxy, its operator sets TRUSTED_ORIGINS."
        ),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::StatusCode, middleware};
    use tower::{ServiceBuilder, ServiceExt as _};

    use super::*;

    const TRUSTED: [&str; 3] =
        ["https://demo.example.org", "http://10.0.0.5:8080", "http://[2001:db8::7]:8080"];

    /// Sends a form; none if it arrives, or the error.
    async fn refused(trusted: &[&str], headers: &[(&'static str, &str)]) -> Option<String> {
        let trusted: Vec<_> = trusted.iter().map(|origin| (*origin).to_owned()).collect();
        let layers = ServiceBuilder::new()
            .layer(middleware::from_fn(explain))
            .layer(layer(&trusted).unwrap());
        let app: Router = Router::new().fallback(|| async {}).layer(layers);
        let mut request = Request::post("/submit");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        if response.status() == StatusCode::OK {
            return None;
        }
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let error = response.extensions_mut().remove::<std::sync::Arc<Error>>().unwrap();
        Some(error.message())
    }

    #[tokio::test]
    async fn the_same_host_written_in_another_way_is_the_same_site() {
        for (origin, host) in [
            ("http://demo.example.org", "demo.example.org"),
            ("http://demo.example.org", "DEMO.Example.Org"),
            ("http://demo.example.org", "demo.example.org:80"),
            ("http://10.0.0.5:30000", "10.0.0.5:30000"),
            ("http://[2001:db8::7]:8080", "[2001:DB8::7]:8080"),
            ("http://[::1]", "[0:0:0:0:0:0:0:1]:80"),
            // TLS ended in front, and the Host header kept, or with the port of the proxy.
            ("https://demo.example.org", "demo.example.org"),
            ("https://demo.example.org", "demo.example.org:443"),
        ] {
            let refused = refused(&[], &[("origin", origin), ("host", host)]).await;
            assert_eq!(refused, None, "{origin} to {host}");
        }
    }

    #[tokio::test]
    async fn a_host_that_a_proxy_changed_needs_the_setting_and_the_error_says_what_was_compared() {
        for (origin, host) in [
            ("http://10.0.0.5:8080", "10.0.0.5"),
            ("http://10.0.0.5:8080", "10.0.0.5:80"),
            ("http://10.0.0.5:8080", "write-app:5000"),
            ("https://demo.example.org", "demo.example.org:80"),
            ("https://demo.example.org", "write-app-service.default.svc"),
            ("http://[2001:db8::7]:8080", "[2001:db8::7]"),
            ("http://[2001:db8::7]:8080", ""),
        ] {
            let headers = [("origin", origin), ("host", host)];
            let message = refused(&[], &headers).await.unwrap();
            let compared = format!("sent from {origin}, and this app is at {host}.");
            assert!(
                message.contains(&compared) && message.contains("TRUSTED_ORIGINS"),
                "{message}"
            );
            assert_eq!(refused(&TRUSTED, &headers).await, None, "{origin} to {host}");
            // A browser that compares by itself, with the host that it sees.
            let from_browser = [headers[0], headers[1], ("sec-fetch-site", "cross-site")];
            assert_eq!(refused(&TRUSTED, &from_browser).await, None, "{origin} to {host}");
        }
    }

    #[tokio::test]
    async fn an_origin_that_is_not_trusted_is_refused_whatever_it_resembles() {
        for origin in [
            "null",
            "http://demo.example.org",
            "https://demo.example.org:8443",
            "https://demo.example.org.evil.example",
            "https://evil.example/https://demo.example.org",
            "https://demo.example.org@evil.example",
            "http://10.0.0.5",
            "http://10.0.0.50:8080",
            "file://",
        ] {
            let message = refused(&TRUSTED, &[("origin", origin), ("host", "write-app")]).await;
            assert!(message.is_some(), "{origin}");
        }
    }

    #[tokio::test]
    async fn what_a_header_cannot_hold_is_not_repeated() {
        let long = format!("http://evil.example/\"><script>ada@example.org {}", "x".repeat(300));
        let message = refused(&[], &[("origin", &long), ("host", "a<b>\u{e9}")]).await.unwrap();
        assert!(message.contains("http://evil.example/scriptada"), "{message}");
        assert!(message.contains("this app is at ab."), "{message}");
        assert!(!message.contains(['<', '"', '@']) && message.len() < 350, "{message}");
    }
}

//! What both apps' pages share: the layout, the stylesheet, the link to the other app.

pub mod drawing;
pub(crate) mod glossary;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::config::{About, Config, RunsIn};

const STYLE: &str = include_str!("../assets/style.css");
const ICON: &str = include_str!("../assets/icon.svg");

/// The app whose pages these are, and where both apps are.
#[derive(Clone, Debug)]
pub struct Site {
    about: &'static About,
    trusted_origins: Arc<[String]>,
    other_app_url: Option<Arc<str>>,
    other_app_port: u16,
    runs_in: RunsIn,
}

impl Site {
    /// The site of this app. Without `OTHER_APP_URL` the other app is on the same host.
    #[must_use]
    pub fn new(about: &'static About, config: &Config) -> Self {
        let other_app_url = config.other_app_url.as_deref().map(Arc::from);
        Self {
            about,
            trusted_origins: config.trusted_origins.clone().into(),
            other_app_url,
            other_app_port: config.other_app_port,
            runs_in: config.runs_in,
        }
    }

    pub(crate) fn about(&self) -> &'static About {
        self.about
    }

    pub(crate) fn trusted_origins(&self) -> &[String] {
        &self.trusted_origins
    }

    /// The routes of the files that the pages link to.
    pub fn assets() -> Router {
        let file = |kind: &'static str, text: &'static str| {
            get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
        };
        Router::new()
            .route("/assets/style.css", file("text/css; charset=utf-8", STYLE))
            .route("/assets/icon.svg", file("image/svg+xml", ICON))
    }
}

/// The values of `layout.html`.
#[derive(Clone, Debug)]
pub struct Layout {
    /// This app's name.
    pub app: &'static str,
    /// The other app's name.
    pub other_app: &'static str,
    /// The URL of the other app's page.
    pub other_app_url: String,
    /// The path of this page.
    pub path: String,
    /// Whether the page is for the back row of a class: its text has twice the size.
    pub large: bool,
    /// Whose commands the page shows: `{% if layout.runs_in.is_demo() %}` in a template.
    pub runs_in: RunsIn,
}

impl Layout {
    /// The layout of the response to a request with these headers, for this path.
    #[must_use]
    pub fn new(site: &Site, headers: &HeaderMap, path: &str) -> Self {
        let about = site.about;
        let other_app_url = match &site.other_app_url {
            Some(url) => url.to_string(),
            // NodePorts are open on every node, so the other app is at the same host.
            None => format!("http://{}:{}/", host_name(headers), site.other_app_port),
        };
        let path = path.to_owned();
        let runs_in = site.runs_in;
        Self {
            app: about.name,
            other_app: about.other_app,
            other_app_url,
            path,
            large: false,
            runs_in,
        }
    }

    /// The query that keeps the size of the text, for links and forms.
    #[must_use]
    pub fn size(&self) -> &'static str {
        if self.large { "?large=on" } else { "" }
    }
}

impl<S> FromRequestParts<S> for Layout
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut pairs = parts.uri.query().unwrap_or_default().split('&');
        let large = pairs.any(|pair| pair == "large=on");
        let layout = Self::new(&Site::from_ref(state), &parts.headers, parts.uri.path());
        Ok(Self { large, ..layout })
    }
}

/// The host in the browser's URL, with its port.
fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
}

/// The same without the port; an IPv6 address keeps its brackets.
fn host_name(headers: &HeaderMap) -> &str {
    let host = host(headers);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A rendered page.
///
/// # Errors
///
/// Where the template cannot be rendered.
pub fn respond(page: &impl Template) -> askama::Result<Response> {
    page.render().map(|text| Html(text).into_response())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_other_app_is_at_the_host_that_the_browser_used() {
        for (host, name) in [
            ("192.0.2.7:30000", "192.0.2.7"),
            ("node", "node"),
            ("[2001:db8::7]:30000", "[2001:db8::7]"),
            ("[2001:db8::7]", "[2001:db8::7]"),
        ] {
            assert_eq!(host_name(&headers(header::HOST, host)), name);
        }
    }
}

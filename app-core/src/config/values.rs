//! The types of values that need more than the parser of a type of the standard library.

use std::str::FromStr;

use axum::http::Uri;
use serde::{Deserialize as _, Deserializer, de::Error as _};
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

/// What is logged.
pub(super) struct LogFilter(pub(super) Targets);

impl Default for LogFilter {
    fn default() -> Self {
        Self(Targets::new().with_default(LevelFilter::INFO))
    }
}

impl FromStr for LogFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // An empty directive, as after a last comma, would stand for every target.
        let directives: Vec<_> = text.split(',').filter(|one| !one.is_empty()).collect();
        directives.join(",").parse().map(Self).map_err(drop)
    }
}

/// Where the apps run. The configuration says so, and no app guesses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunsIn {
    /// A cluster: the pages show `kubectl` commands.
    #[default]
    Kubernetes,
    /// `cargo demo`: the pages show the demo's own commands.
    Demo,
}

impl RunsIn {
    /// Whether the reader of a page has the demo's terminal, and no `kubectl`.
    #[must_use]
    pub fn is_demo(self) -> bool {
        self == Self::Demo
    }
}

impl FromStr for RunsIn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "kubernetes" => Ok(Self::Kubernetes),
            "demo" => Ok(Self::Demo),
            _ => Err(()),
        }
    }
}

/// A URL of a server without TLS: a collector is nearby, and a client without TLS keeps the images small.
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>
pub(super) struct HttpUrl(pub(super) Uri);

impl FromStr for HttpUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(drop)?;
        let is_usable = uri.scheme_str() == Some("http") && uri.query().is_none();
        if is_usable { Ok(Self(uri)) } else { Err(()) }
    }
}

/// Origins, as browsers send them.
#[derive(Default)]
pub(super) struct Origins(pub(super) Vec<String>);

impl FromStr for Origins {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let texts = text.split([',', ' ', '\n']).filter(|text| !text.is_empty());
        let origins = texts.map(origin).collect::<Option<Vec<_>>>().unwrap_or_default();
        if origins.is_empty() { Err(()) } else { Ok(Self(origins)) }
    }
}

/// An origin in the form in which browsers send it: in lower case, without the scheme's default port and without a
/// slash at the end. None where the text is more than an origin, or less.
/// <https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin>
pub(crate) fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let rest = (url.username(), url.password(), url.path(), url.query(), url.fragment());
    let is_origin = matches!(url.scheme(), "http" | "https")
        && rest == ("", None, "/", None, None)
        && !text.contains('*');
    is_origin.then(|| url.origin().ascii_serialization())
}

/// Parses the value of a field of any type. The error does not repeat the value, unlike envy's own.
pub(super) fn from_text<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| D::Error::custom("the value cannot be parsed"))
}

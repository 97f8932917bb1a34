//! Where spans go, <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use axum::http::Uri;

use super::{Problems, parse};

/// The collector, and what it is told.
#[derive(Clone, Debug)]
pub struct SpansConfig {
    /// The collector, such as `http://collector:4318/`.
    pub collector: Uri,
    /// What this app is called there.
    pub service: String,
}

impl SpansConfig {
    /// Without TLS: a collector is a neighbour, and the images stay small.
    pub(super) fn check(
        endpoint: Option<&str>,
        service: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Collector(collector) = parse(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "an http:// URL, such as http://collector:4318",
            endpoint?,
            problems,
        )?;
        Some(Self { collector, service: service.to_owned() })
    }
}

struct Collector(Uri);

impl std::str::FromStr for Collector {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(drop)?;
        let is_usable = uri.scheme_str() == Some("http") && uri.query().is_none();
        if is_usable { Ok(Self(uri)) } else { Err(()) }
    }
}

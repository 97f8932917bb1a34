//! `GET /version`: what runs.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::config::About;

/// The revision of the source, if the build was told of it. The Dockerfiles pass it.
pub(crate) const REVISION: &str = match option_env!("REVISION") {
    Some(revision) if !revision.is_empty() => revision,
    _ => "unknown",
};

#[derive(Serialize, ToSchema)]
struct Version {
    name: &'static str,
    version: &'static str,
    revision: &'static str,
}

/// The route `/version`.
pub(crate) fn routes(about: &'static About) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(version)).with_state(about)
}

/// What runs: the app, its version, and the revision of its source.
#[utoipa::path(get, path = "/version", responses(
    (status = 200, description = "What runs", body = Version)
))]
async fn version(State(about): State<&'static About>) -> Json<Version> {
    Json(Version { name: about.name, version: about.version, revision: REVISION })
}

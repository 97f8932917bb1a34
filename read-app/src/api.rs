//! What programs ask for: `GET /users`, `/pods` and `/names`.

pub(crate) mod dns;
mod json;
pub(crate) mod params;
pub(crate) mod pods;
pub(crate) mod query_string;
pub(crate) mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// All routes for programs.
pub(crate) fn routes() -> OpenApiRouter<App> {
    users::routes().merge(pods::routes()).merge(dns::routes())
}

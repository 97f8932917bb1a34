//! What can be asked: the form and `POST /submit`, and `POST /try-replica`.

pub mod register;
pub mod try_replica;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// All routes of this app.
pub(crate) fn routes() -> OpenApiRouter<App> {
    register::routes().merge(try_replica::routes())
}

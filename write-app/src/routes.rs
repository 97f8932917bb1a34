//! The routes: `GET /` and `POST /submit`, and `POST /try-replica`.

mod register;
pub(crate) mod submitted;
mod try_replica;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    register::routes().merge(try_replica::routes())
}

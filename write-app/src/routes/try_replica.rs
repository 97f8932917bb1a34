//! `POST /try-replica`: what if we wrote to a replica?
//!
//! write-app sends a replica the INSERT of a registration, and shows the answer word for word. The user
//! wants to see the replica refuse, so the request succeeds when it does.

use app_core::{
    html::Layout,
    http::{error::Error, negotiate::AnswerForm},
    mysql::pod_name::PodName,
};
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    db::replicas::{Attempt, Refusal, STATEMENT},
    page::notice::Notice,
    registration::Typed,
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(attempt))
}

#[derive(Serialize, ToSchema)]
struct AttemptBody {
    success: bool,
    #[schema(value_type = String)]
    pod: PodName,
    sql: &'static str,
    refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

/// Sends a replica a write, to see it refused.
#[utoipa::path(post, path = "/try-replica", operation_id = "try_replica", responses(
    (status = 200, description = "What the replica said", content(
        (AttemptBody = "application/json"),
        (String = "text/html")
    ))
))]
async fn attempt(
    State(app): State<App>,
    layout: Layout,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let attempt = app.replicas.try_insert().await?;
    if AnswerForm::wanted_by(&headers) == Some(AnswerForm::Page) {
        let notice = Notice::Attempted(attempt);
        return crate::page::show(&app, layout, Some(notice), &Typed::default()).await;
    }
    let Attempt { pod, refusal: error, .. } = attempt;
    let refused = error.is_some();
    Ok(Json(AttemptBody { success: true, pod, sql: STATEMENT, refused, error }).into_response())
}

//! `POST /try-replica`: what if we wrote to a replica?
//!
//! A replica is sent the INSERT of a registration, and what it answers is shown, word for word. That it
//! refuses is what was to be found out, so it is no failure of this request.

use app_core::{answer_form::AnswerForm, error::Error, page::Layout, pod::PodName};
use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde::Serialize;

use crate::{
    App,
    db::replicas::{ATTEMPT, Attempt, Refusal},
    page::News,
    registration::Typed,
};

/// The route of the attempt.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/try-replica", post(attempt))
}

/// The JSON answer.
#[derive(Serialize)]
struct AttemptBody {
    success: bool,
    pod: PodName,
    sql: &'static str,
    refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

async fn attempt(
    State(app): State<App>,
    layout: Layout,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let attempt = app.replicas.try_insert().await?;
    if AnswerForm::wanted_by(&headers) == Some(AnswerForm::Page) {
        let news = News::Attempted(attempt);
        return crate::page::show(&app, layout, news, &Typed::default()).await;
    }
    let Attempt { pod, refusal: error, .. } = attempt;
    let refused = error.is_some();
    Ok(Json(AttemptBody { success: true, pod, sql: ATTEMPT, refused, error }).into_response())
}

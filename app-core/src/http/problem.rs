//! An error as the client gets it: a page for a browser, JSON for everything else.

#[cfg(test)]
mod secrets_stay_inside;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    html::{self, Layout, Site},
    http::{
        error::{Error, log},
        negotiate::AnswerForm,
        request_id,
    },
};

/// The media type of the JSON form.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The JSON form of an error: problem details for HTTP, <https://www.rfc-editor.org/rfc/rfc9457>, and
/// beside them `success` and `message`, which clients have always relied on.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Always `about:blank`: the problem is what the status says, and `code` tells its kinds apart.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, and what to do.
    detail: &'a str,
    /// The path of the request.
    instance: &'a str,
    /// Always false.
    success: bool,
    /// The same as `detail`.
    message: &'a str,
    /// A name that programs can rely on.
    code: &'static str,
    /// What is wrong with each field that is at fault.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, nullable = false)]
    fields: BTreeMap<&'static str, &'a str>,
    /// `unknown` where the work may have been done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    outcome: Option<&'static str>,
    /// Under which the log says more.
    request_id: &'a str,
}

impl<'a> ProblemBody<'a> {
    fn new(error: &'a Error, message: &'a str, instance: &'a str, request_id: &'a str) -> Self {
        let fields = error
            .fields()
            .iter()
            .map(|problem| (problem.field, problem.message.as_str()))
            .collect();
        Self {
            r#type: "about:blank",
            title: title(error.status()),
            status: error.status().as_u16(),
            detail: message,
            instance,
            success: false,
            message,
            code: error.code(),
            fields,
            outcome: error.leaves_outcome_unknown().then_some("unknown"),
            request_id,
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    layout: Layout,
    reason: &'a str,
    message: &'a str,
    request_id: &'a str,
}

/// The layer that turns a failure into a response. It stands inside the one that makes request ids and
/// outside everything that can fail.
pub async fn render(State(site): State<Site>, request: Request, next: Next) -> Response {
    let request_info = RequestInfo::new(&site, &request);
    let mut response = next.run(request).await;
    let Some(error) = failure(&mut response) else { return response };
    log(&error, &request_info.id);
    let body = request_info.respond(&error);
    with_headers(&error, body)
}

/// What the response needs of the request, which the handler has consumed by then.
struct RequestInfo {
    path: String,
    id: String,
    /// The page's layout, where the client wants a page.
    layout: Option<Layout>,
}

impl RequestInfo {
    fn new(site: &Site, request: &Request) -> Self {
        let (headers, path) = (request.headers(), request.uri().path());
        let wants_page = AnswerForm::wanted_by(headers) == Some(AnswerForm::Page);
        Self {
            path: path.to_owned(),
            id: request_id::of(headers),
            layout: wants_page.then(|| Layout::new(site, headers, path)),
        }
    }

    fn respond(self, error: &Error) -> Response {
        let message = error.message();
        let Self { path, id, layout } = self;
        let Some(layout) = layout else {
            let body = Json(ProblemBody::new(error, &message, &path, &id));
            return ([(header::CONTENT_TYPE, PROBLEM)], body).into_response();
        };
        let reason = title(error.status());
        let page = ErrorPage { layout, reason, message: &message, request_id: &id };
        html::respond(&page).unwrap_or_else(|_| message.clone().into_response())
    }
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// The error that a handler or a layer left in the response, if it failed.
fn failure(response: &mut Response<Body>) -> Option<Arc<Error>> {
    response
        .extensions_mut()
        .remove::<Arc<Error>>()
        .or_else(|| Error::from_status(response.status()).map(Arc::new))
}

fn with_headers(error: &Error, mut response: Response) -> Response {
    *response.status_mut() = error.status();
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// A layer for routes: it refuses a client that takes neither form, before the handler does any work. The answer to
/// OPTIONS has no form. <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.7>
pub async fn refuse_unacceptable(request: Request, next: Next) -> Response {
    let takes_neither = AnswerForm::wanted_by(request.headers()).is_none();
    if takes_neither && *request.method() != Method::OPTIONS {
        return Error::NotAcceptable.into_response();
    }
    next.run(request).await
}

//! Every failure that a client can meet, in one place.
//!
//! The policy:
//!
//! - A variant is a meaning, not a cause. It decides the status, a stable code for programs and a
//!   sentence for people ([`Error::status`], [`Error::code`], [`Error::message`]).
//! - A sentence says what is wrong and what to do. It carries nothing from the inside: no address, no
//!   SQL, no server message.
//! - The cause is logged once, here, with the request's id, which the answer carries too.
//! - A browser gets a page, everything else the JSON `{"success":false,"message":…,"code":…}`.
//!
//! Handlers return `Result<_, Error>`. The error travels in the response's extensions to [`render`],
//! which knows the request and so the form of the answer. Bare statuses that axum or a layer
//! produced, such as 404 and 413, are answered in the same form.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    database::DatabaseError,
    page::{self, Layout, Site},
    pod::PodName,
    request_id,
};

/// A failure, by its meaning to the client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read; the text says which part of it.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// A form was sent from another site.
    #[error("sent from another site")]
    CrossSite,
    /// There is nothing at this path.
    #[error("not found")]
    NotFound,
    /// There is something at this path, but not for this method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The request did not arrive in time.
    #[error("the request did not arrive in time")]
    RequestTimeout,
    /// The request's body is larger than any that is useful here.
    #[error("body too large")]
    TooLarge,
    /// The request's body is neither JSON nor a form.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// The values were read, and some are not acceptable.
    #[error("invalid values")]
    Invalid(Vec<FieldProblem>),
    /// The value of a field is taken by somebody else.
    #[error("conflict in {}", .0.field)]
    Conflict(FieldProblem),
    /// A replica has not applied the transactions that the client must see.
    #[error("{pod} lacks {transactions} transactions")]
    ReplicaBehind {
        /// The replica.
        pod: PodName,
        /// How many it lacks, up to the last that was asked for.
        transactions: u64,
    },
    /// The app has as many requests under way as it can work on.
    #[error("too many requests under way")]
    Overloaded,
    /// MySQL could not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What is wrong with one field, in a sentence for the person who filled it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name in the form and in JSON.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Error {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Database(DatabaseError::Duplicate(_) | DatabaseError::Other(_))
            | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Database(_) | Self::ReplicaBehind { .. } | Self::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// A name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_request",
            Self::CrossSite => "cross_site_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::Conflict(_) => "already_registered",
            Self::TooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Invalid(_) => "invalid_fields",
            Self::Internal(_) => "internal_error",
            Self::ReplicaBehind { .. } => "replica_behind",
            Self::Overloaded => "overloaded",
            Self::Database(error) => database_code(error),
        }
    }

    /// A sentence for a person.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Malformed(what) => what.clone(),
            Self::ReplicaBehind { pod, transactions } => format!(
                "{pod} is behind: up to what you asked for it lacks {transactions} transactions. Ask again; another pod may have them."
            ),
            Self::CrossSite => {
                "The form was sent from another site. Open this page and send it from here.".into()
            }
            Self::NotFound => "There is nothing at this address.".into(),
            Self::MethodNotAllowed => {
                "This address does not take this method; the Allow header says which.".into()
            }
            Self::RequestTimeout => "The request did not arrive in time. Send it again.".into(),
            Self::TooLarge => "The request is too large; 16 KiB is the limit.".into(),
            Self::UnsupportedMediaType => {
                "The body must be JSON (content-type: application/json) or a form.".into()
            }
            Self::Invalid(problems) => problems
                .iter()
                .map(|problem| problem.message.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            Self::Conflict(problem) => problem.message.clone(),
            Self::Internal(_) => {
                "Something in this program went wrong. Its log says what, under the request's id."
                    .into()
            }
            Self::Overloaded => OVERLOADED.into(),
            Self::Database(error) => database_sentence(error).into(),
        }
    }

    /// The fields that are at fault.
    #[must_use]
    pub fn fields(&self) -> &[FieldProblem] {
        match self {
            Self::Invalid(problems) => problems,
            Self::Conflict(problem) => std::slice::from_ref(problem),
            _ => &[],
        }
    }

    /// What a bare status of axum or of a layer means, where it is a failure.
    fn from_status(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::BAD_REQUEST => Some(Self::Malformed("The request cannot be read.".into())),
            StatusCode::FORBIDDEN => Some(Self::CrossSite),
            StatusCode::NOT_FOUND => Some(Self::NotFound),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::MethodNotAllowed),
            StatusCode::REQUEST_TIMEOUT => Some(Self::RequestTimeout),
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Self::UnsupportedMediaType),
            _ => None,
        }
    }
}

fn database_code(error: &DatabaseError) -> &'static str {
    match error {
        DatabaseError::Name(_) => "database_name_unknown",
        DatabaseError::Unreachable { .. } => "database_unreachable",
        DatabaseError::AccessDenied(_) => "database_access_denied",
        DatabaseError::TooManyConnections(_) => "database_too_many_connections",
        DatabaseError::ReadOnly(_) => "database_read_only",
        DatabaseError::SchemaMissing(_) => "database_schema_missing",
        DatabaseError::ConnectionLost(_) => "database_connection_lost",
        DatabaseError::Busy => "database_busy",
        DatabaseError::Deadline(_) => "database_slow",
        DatabaseError::NoReplica { .. } => "database_no_replica",
        DatabaseError::Duplicate(_) | DatabaseError::Other(_) => "database_error",
    }
}

const OVERLOADED: &str = "More requests come in than this app can work on. Nothing was done for this one; \
     try again in a few seconds.";

const NO_REPLICA: &str = "No replica answers at this moment. See whether mysql-1 runs, or start it; \
     then try again: DNS can take 30 seconds to notice.";

/// A sentence for a person, of a failure of MySQL alone.
#[must_use]
pub fn database_sentence(error: &DatabaseError) -> &'static str {
    match error {
        DatabaseError::Name(_) => {
            "The MySQL server's name has no address at this moment. Its pod may be coming back: DNS can take 30 seconds to notice."
        }
        DatabaseError::Unreachable { .. } => {
            "MySQL does not answer at this moment. Try again in a few seconds."
        }
        DatabaseError::AccessDenied(_) => {
            "MySQL refuses this app's account. Compare the Secret mysql-credentials with the account in MySQL."
        }
        DatabaseError::TooManyConnections(_) => {
            "MySQL has no connection left to give. Try again in a few seconds."
        }
        DatabaseError::ReadOnly(_) => {
            "This MySQL server takes no writes: it is a replica. Writes must go to the primary, mysql-0.mysql."
        }
        DatabaseError::SchemaMissing(_) => {
            "The table of users is not there yet. write-app makes it when it first reaches the primary."
        }
        DatabaseError::ConnectionLost(_) | DatabaseError::Deadline(_) => {
            "MySQL did not finish its answer, so it is unknown whether it was done. Look before you try again."
        }
        DatabaseError::Busy => {
            "All of this app's connections to MySQL are in use. Try again in a few seconds."
        }
        DatabaseError::NoReplica { .. } => NO_REPLICA,
        DatabaseError::Duplicate(_) | DatabaseError::Other(_) => {
            "MySQL could not do this. The app's log says why, under the request's id."
        }
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The JSON form of an error; `success` and `message` are what clients have always relied on.
#[derive(Serialize)]
struct ErrorBody<'a> {
    success: bool,
    message: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'static str, &'a str>,
    request_id: &'a str,
}

impl<'a> ErrorBody<'a> {
    fn new(error: &'a Error, message: &'a str, request_id: &'a str) -> Self {
        let fields = error
            .fields()
            .iter()
            .map(|problem| (problem.field, problem.message.as_str()))
            .collect();
        Self { success: false, message, code: error.code(), fields, request_id }
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

/// The layer that turns a failure into an answer. It stands inside the one that makes request ids and
/// outside everything that can fail.
pub async fn render(State(site): State<Site>, request: Request, next: Next) -> Response {
    let wants_page = page::is_wanted_by(request.headers());
    let layout = wants_page.then(|| Layout::new(&site, request.headers(), request.uri().path()));
    let id = request_id::of(request.headers());
    let mut response = next.run(request).await;
    let Some(error) = failure(&mut response) else { return response };
    log(&error, &id);
    let message = error.message();
    let body = if let Some(layout) = layout {
        let reason = error.status().canonical_reason().unwrap_or("Error");
        let page = ErrorPage { layout, reason, message: &message, request_id: &id };
        page::respond(&page).unwrap_or_else(|_| message.clone().into_response())
    } else {
        Json(ErrorBody::new(&error, &message, &id)).into_response()
    };
    answer(&error, response.headers(), body)
}

/// The error that a handler or a layer left in the response, if it failed.
fn failure(response: &mut Response<Body>) -> Option<Arc<Error>> {
    response
        .extensions_mut()
        .remove::<Arc<Error>>()
        .or_else(|| Error::from_status(response.status()).map(Arc::new))
}

fn answer(error: &Error, original: &HeaderMap, mut answer: Response) -> Response {
    *answer.status_mut() = error.status();
    if let Some(methods) = original.get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, methods.clone());
    }
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    answer
}

/// Logs an error with its chain of causes: the server's own faults as errors, the client's for
/// those who look closer. So are refused requests, whose number is in the log already: a line each would
/// be work that is too much at that very moment.
pub fn log(error: &Error, request_id: &str) {
    let causes = causes(error);
    if error.status().is_server_error() && !matches!(error, Error::Overloaded) {
        tracing::error!(code = error.code(), request_id, "{causes}");
    } else {
        tracing::debug!(code = error.code(), request_id, "{causes}");
    }
}

/// An error and what caused it, in one line.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_line = cause.to_string();
        // Some errors say their cause themselves.
        if !line.ends_with(&cause_line) {
            line.push_str(": ");
            line.push_str(&cause_line);
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_reached_is_unavailable_and_not_this_programs_fault() {
        let source = sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        let error =
            Error::Database(DatabaseError::Unreachable { server: "mysql-0.mysql".into(), source });
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(error.code(), "database_unreachable");
        assert_eq!(
            causes(&error),
            "no connection to mysql-0.mysql: error communicating with database: connection refused"
        );
    }

    #[test]
    fn invalid_fields_are_all_in_the_message() {
        let problem = |field, message: &str| FieldProblem { field, message: message.into() };
        let error = Error::Invalid(vec![problem("name", "A name."), problem("email", "An email.")]);
        assert_eq!(error.message(), "A name. An email.");
        assert_eq!(error.fields().len(), 2);
    }
}

//! Every failure that a client can meet, in one place.
//!
//! The policy:
//!
//! - A variant is a meaning, not a cause. It decides the status, a stable code for programs and a
//!   sentence for people ([`Error::status`], [`Error::code`], [`Error::message`]).
//! - A sentence says what is wrong and what to do. It shows nothing of the inside: no address, no SQL, no
//!   message of a server.
//! - The cause is logged once, here, with the request's id, which the response carries too.
//! - A browser gets a page, everything else JSON.
//!
//! Handlers return `Result<_, Error>`. The response's extensions carry the error to
//! [`problem::render`](super::problem::render), which knows the request and so the form of the response. Bare
//! statuses of axum or of a layer, such as 404 and 405, get the same form.
//!
//! # Layout
//!
//! - [`mysql`]: the codes and sentences for errors of MySQL.

pub mod mysql;

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    http::same_origin,
    mysql::{MysqlError, pod_name::PodName},
};

/// A failure, by its meaning to the client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read; the text says which part of it.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// A form was sent from another site.
    #[error(
        "sent from {origin:?} to {host:?}; where both are this app, TRUSTED_ORIGINS has to name the first"
    )]
    CrossSite {
        /// Where the browser says that it was sent from; empty if it does not say.
        origin: String,
        /// The host that it was sent to.
        host: String,
    },
    /// There is nothing at this path.
    #[error("not found")]
    NotFound,
    /// There is something at this path, but not for this method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The client takes no page and no JSON.
    #[error("not acceptable")]
    NotAcceptable,
    /// The request did not arrive in time.
    #[error("the request did not arrive in time")]
    RequestTimeout,
    /// The request's body is larger than any that is useful here.
    #[error("body too large")]
    TooLarge,
    /// The request's body is of a kind that the app does not read; the text says which it reads.
    #[error("unsupported media type: {0}")]
    UnsupportedMediaType(String),
    /// The values were read, and some are not acceptable.
    #[error("invalid values")]
    Invalid(Vec<FieldProblem>),
    /// Another user has the value of a field.
    #[error("conflict in {}", .0.field)]
    Conflict(FieldProblem),
    /// An idempotency key stands for other values already.
    #[error("the idempotency key was used for other values")]
    IdempotencyKeyReused,
    /// A replica has not applied the transactions that the client must see.
    #[error("{pod} lacks {transactions:?} transactions")]
    ReplicaBehind {
        /// The replica.
        pod: PodName,
        /// How many it lacks, up to the last that was asked for. None where that is not known.
        transactions: Option<u64>,
    },
    /// The app has as many requests in flight as it can serve.
    #[error("too many requests in flight")]
    Overloaded,
    /// MySQL could not do it.
    #[error(transparent)]
    Database(#[from] MysqlError),
    /// MySQL was sent a write, and sent no result.
    #[error("it is unknown whether a write was done")]
    OutcomeUnknown(#[source] MysqlError),
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
            Self::CrossSite { .. } => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.7>
            Self::Invalid(_) | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Database(MysqlError::Duplicate(_) | MysqlError::Other(_)) | Self::Internal(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Database(_)
            | Self::OutcomeUnknown(_)
            | Self::ReplicaBehind { .. }
            | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_request",
            Self::CrossSite { .. } => "cross_site_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotAcceptable => "not_acceptable",
            Self::RequestTimeout => "request_timeout",
            Self::Conflict(_) => "already_registered",
            Self::TooLarge => "body_too_large",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::Invalid(_) => "invalid_fields",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::Internal(_) => "internal_error",
            Self::ReplicaBehind { .. } => "replica_behind",
            Self::Overloaded => "overloaded",
            Self::Database(error) | Self::OutcomeUnknown(error) => mysql::code(error),
        }
    }

    /// A sentence for a person, or two.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Malformed(what) | Self::UnsupportedMediaType(what) => what.clone(),
            Self::CrossSite { origin, host } => same_origin::sentence(origin, host),
            Self::ReplicaBehind { pod, transactions } => {
                let lacks = match transactions {
                    Some(1) => "1 transaction.".to_owned(),
                    Some(transactions) => format!("{transactions} transactions."),
                    None => "transactions. It is not known how many.".to_owned(),
                };
                format!(
                    "{pod} is behind: of what you asked for, it lacks {lacks} Ask again. Another pod may have everything."
                )
            }
            Self::Invalid(problems) => {
                let sentences = problems.iter().map(|problem| problem.message.as_str());
                sentences.collect::<Vec<_>>().join(" ")
            }
            Self::Conflict(problem) => problem.message.clone(),
            Self::OutcomeUnknown(error) => format!(
                "{} It is unknown whether this was done. Send it again with the same Idempotency-Key. If it had no key, first look whether it was done.",
                mysql::sentence_without_advice(error)
            ),
            other => other.sentence().to_owned(),
        }
    }

    /// The sentence of an error that has only one.
    fn sentence(&self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing at this address.",
            Self::MethodNotAllowed => {
                "This address does not take this method. The Allow header lists the methods that it takes."
            }
            Self::NotAcceptable => {
                "The Accept header allows neither text/html nor application/json. This app has nothing else."
            }
            Self::RequestTimeout => "The request did not arrive in time. Send it again.",
            Self::TooLarge => "The request is too large. The limit is 16 KiB.",
            Self::IdempotencyKeyReused => {
                "Another user was registered with this Idempotency-Key. Send each registration with a new key."
            }
            Self::Overloaded => {
                "This app has more requests than it can handle. It has done nothing for this one. Try again in a few seconds."
            }
            Self::Database(error) => mysql::sentence(error),
            _ => {
                "Something in this app went wrong. The app's log says what, under the request's id."
            }
        }
    }

    /// Whether the work may have been done, and the client cannot know.
    #[must_use]
    pub fn leaves_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown(_))
    }

    /// The fields that are not acceptable.
    #[must_use]
    pub fn fields(&self) -> &[FieldProblem] {
        match self {
            Self::Invalid(problems) => problems,
            Self::Conflict(problem) => std::slice::from_ref(problem),
            _ => &[],
        }
    }

    /// The error that a bare status of axum or of a layer stands for, if it is a failure.
    pub(super) fn from_status(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::BAD_REQUEST => Some(Self::Malformed("The request cannot be read.".into())),
            StatusCode::NOT_FOUND => Some(Self::NotFound),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::MethodNotAllowed),
            StatusCode::NOT_ACCEPTABLE => Some(Self::NotAcceptable),
            _ => None,
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

/// Logs an error with its chain of causes: faults of the server as errors, faults of the client at debug.
/// Refused requests are at debug too. Their number is in the log already, and a line for each would add
/// work during overload. A form from another site is a warning: perhaps a setting is missing.
pub fn log(error: &Error, request_id: &str) {
    let causes = causes(error);
    if error.status().is_server_error() && !matches!(error, Error::Overloaded) {
        tracing::error!(code = error.code(), request_id, "{causes}");
    } else if let Error::CrossSite { origin, host } = error {
        tracing::warn!(code = error.code(), request_id, origin, host, "{causes}");
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
            Error::Database(MysqlError::Unreachable { server: "mysql-0.mysql".into(), source });
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(error.code(), "database_unreachable");
        assert_eq!(
            causes(&error),
            "no connection to mysql-0.mysql: error communicating with database: connection refused"
        );
    }

    #[test]
    fn a_replica_lacks_as_many_transactions_as_are_known() {
        for (transactions, part) in [
            (Some(1), "lacks 1 transaction."),
            (Some(2), "lacks 2 transactions."),
            (None, "lacks transactions. It is not known how many."),
        ] {
            let error = Error::ReplicaBehind { pod: PodName::new("mysql-1".into()), transactions };
            assert!(error.message().contains(part), "{}", error.message());
        }
    }

    #[test]
    fn invalid_fields_are_all_in_the_message() {
        let problem = |field, message: &str| FieldProblem { field, message: message.into() };
        let error = Error::Invalid(vec![problem("name", "A name."), problem("email", "An email.")]);
        assert_eq!(error.message(), "A name. An email.");
        assert_eq!(error.fields().len(), 2);
    }
}

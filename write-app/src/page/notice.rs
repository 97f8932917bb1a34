//! What has just happened. The page shows it at the top.

use app_core::http::error::{Error, FieldProblem, mysql};

use super::flash::Flash;
use crate::db::replicas::Attempt;

pub(crate) enum Notice<'a> {
    Registered(Flash),
    NotRegistered(Failure<'a>),
    /// A replica was sent a write.
    Attempted(Attempt),
}

/// Why a registration failed.
pub(crate) struct Failure<'a> {
    pub(crate) message: String,
    pub(crate) fields: &'a [FieldProblem],
    pub(crate) request_id: String,
    /// Whether the user may be registered nevertheless.
    pub(crate) is_unknown: bool,
}

impl<'a> Failure<'a> {
    pub(crate) fn new(error: &'a Error, request_id: String) -> Self {
        // The whole message of this error is for programs: it speaks of their key.
        let message = match error {
            Error::OutcomeUnknown(cause) => mysql::sentence_without_advice(cause).to_owned(),
            _ => error.message(),
        };
        Self {
            message,
            fields: error.fields(),
            request_id,
            is_unknown: error.leaves_outcome_unknown(),
        }
    }
}

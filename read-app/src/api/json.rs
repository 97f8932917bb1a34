//! The JSON of a long list.

use app_core::http::error::Error;
use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

/// The response that [`axum::Json`] would be. That writes each value into a `BytesMut`, and this into a `Vec`: of a
/// read of fifty users, this saves 65,000 instructions.
///
/// # Errors
///
/// Where the body is not JSON, such as a map whose keys are no strings.
pub(crate) fn json(body: &impl Serialize) -> Result<Response, Error> {
    let text = serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

//! The database work of one request: a task of its own, with a deadline, and a span where spans are exported.

use std::time::Duration;

use opentelemetry::context::FutureExt as _;
use tokio::{task::JoinError, time::timeout};
use tracing::Instrument as _;

use super::MysqlError;
use crate::telemetry::trace_context;

/// How long the database work of one request may take in all. Each step has a deadline of its own that
/// names the cause; this one is for what none of them foresees.
pub const WORK_DEADLINE: Duration = Duration::from_secs(10);

/// Does database work to its end, or ends it after [`WORK_DEADLINE`].
///
/// The work is a task of its own: when the client of a request goes away, the request's future is
/// dropped, and with it would be a query half-way, whose connection is lost
/// (<https://github.com/launchbadge/sqlx/issues/563>).
///
/// # Errors
///
/// What the work ends in, or [`MysqlError::Deadline`].
pub async fn to_its_end<T, E, F>(work: F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<MysqlError> + Send + 'static,
{
    let context = trace_context::of_database_work();
    let ended = in_a_task(work.with_context(context.clone())).await;
    trace_context::end_database_work(&context, ended.is_ok());
    ended
}

async fn in_a_task<T, E, F>(work: F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<MysqlError> + Send + 'static,
{
    let mut task = tokio::spawn(work.in_current_span());
    let Ok(ended) = timeout(WORK_DEADLINE, &mut task).await else {
        // A server that vanished without a word would keep the task, and its connection, for ever.
        task.abort();
        return Err(MysqlError::Deadline(WORK_DEADLINE).into());
    };
    match ended.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(MysqlError::Deadline(WORK_DEADLINE).into()),
    }
}

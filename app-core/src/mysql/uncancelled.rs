//! The database work of one request, as a task with a deadline, and with a span where spans are exported.

use std::time::Duration;

use opentelemetry::context::FutureExt as _;
use tokio::{task::JoinError, time::timeout};
use tracing::Instrument as _;

use super::MysqlError;
use crate::telemetry::trace_context;

/// How long the database work of one request may take. Each step has a shorter deadline, whose error names
/// the cause; this one is for everything else.
const WORK_DEADLINE: Duration = Duration::from_secs(10);

/// Does database work to its end, or aborts it after ten seconds.
///
/// When a client goes away, hyper drops the request's future. A query in that future would be dropped
/// half-way, and its connection would be unusable (<https://github.com/launchbadge/sqlx/issues/563>). So the
/// work runs in another task, which a client does not cancel.
///
/// # Errors
///
/// The error of the work, or [`MysqlError::Deadline`].
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
        // A server that no longer answers would keep the task and its connection for ever.
        task.abort();
        return Err(MysqlError::Deadline(WORK_DEADLINE).into());
    };
    match ended.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(MysqlError::Deadline(WORK_DEADLINE).into()),
    }
}

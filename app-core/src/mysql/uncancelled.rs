//! The database work of one request, as a task with a deadline, and with a span where spans are exported.

use std::time::Duration;

use opentelemetry::context::FutureExt as _;
use tokio::{task::JoinError, time::timeout};
use tracing::Instrument as _;

use super::MysqlError;
use crate::telemetry::trace_context;

/// How long the database work of one request may take. A client is answered earlier: each step has a shorter
/// deadline, whose error names the cause. This one ends work that would keep its connection for ever.
const WORK_DEADLINE: Duration = Duration::from_secs(10);

/// Does database work to its end, or aborts it after ten seconds.
///
/// When a client goes away, hyper drops the request's future. A query in that future would be dropped
/// half-way, and its connection would be unusable (<https://github.com/launchbadge/sqlx/issues/563>). So the
/// work runs in another task, which goes on when this future is dropped. The deadline is part of that task.
///
/// # Errors
///
/// The error of the work, or [`MysqlError::Deadline`].
pub fn to_its_end<T, E, F>(work: F) -> impl Future<Output = Result<T, E>>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<MysqlError> + Send + 'static,
{
    // On the heap: it takes several kilobytes, and would otherwise be copied at each step into the task.
    within(WORK_DEADLINE, Box::pin(work))
}

async fn within<T, E, F>(deadline: Duration, work: F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<MysqlError> + Send + 'static,
{
    let context = trace_context::of_database_work();
    let work = work.with_context(context.clone());
    let in_time = async move {
        let ended = timeout(deadline, work).await;
        let ended = ended.unwrap_or_else(|_| Err(MysqlError::Deadline(deadline).into()));
        trace_context::end_database_work(&context, ended.is_ok());
        ended
    };
    let task = tokio::spawn(in_time.in_current_span());
    match task.await.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(MysqlError::Deadline(deadline).into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::oneshot, time::Instant};

    use super::*;

    const DEADLINE: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn work_ends_at_its_deadline_also_where_the_client_has_gone_away() {
        let (held, ended) = oneshot::channel::<()>();
        let work = within(DEADLINE, async move {
            let _held_while_it_works = held;
            std::future::pending::<Result<(), MysqlError>>().await
        });
        let begun = Instant::now();

        timeout(Duration::ZERO, work).await.unwrap_err();
        ended.await.unwrap_err();

        assert!(begun.elapsed() >= DEADLINE, "{:?}", begun.elapsed());
    }
}

//! How a process stops: which signals it hears, and how open connections end.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::http::health::Health;

/// How long the app accepts connections after SIGTERM. Services stop sending requests to the pod meanwhile.
/// <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination>
const SERVE_AFTER_SIGTERM: Duration = Duration::from_secs(5);

/// How long an idle connection stays open after the app stops accepting: a request may be on its way.
const IDLE: Duration = Duration::from_secs(1);

/// How long requests in flight may take to end, once the app stops accepting.
const DRAIN: Duration = Duration::from_secs(15);

/// Resolves when the process should stop accepting: at once after SIGINT (Ctrl-C), five seconds after SIGTERM.
///
/// # Errors
///
/// Where the process cannot listen for signals.
pub fn until_signal(health: Health) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => health.stopping(),
            _ = terminate.recv() => {
                health.stopping();
                tracing::info!("stopping: serving for {SERVE_AFTER_SIGTERM:?} more, not ready from now on");
                sleep(SERVE_AFTER_SIGTERM).await;
            }
        }
    })
}

/// Returns when all connections have ended, or the time is up. `close_idle` tells each connection to close
/// as soon as it is idle.
pub(super) async fn drain(open: &TaskTracker, close_idle: &CancellationToken) {
    open.close();
    let all_end = async {
        if timeout(IDLE, open.wait()).await.is_err() {
            close_idle.cancel();
            open.wait().await;
        }
    };
    if timeout(DRAIN, all_end).await.is_err() {
        tracing::warn!("some requests did not end within {DRAIN:?}");
    }
}

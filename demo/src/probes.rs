//! The probes of one pod, which the kubelet runs in a cluster: is it ready, is it alive?

use std::time::{Duration, Instant};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{endpoints::Endpoints, pod::Container};

/// How often the readiness probe runs: ten times as often as in Kubernetes, so that a page shows the change at once.
pub(crate) const PERIOD: Duration = Duration::from_millis(500);

/// How often the liveness probe runs, and how often in a row it fails until the server is killed: as in Kubernetes.
const LIVENESS_PERIOD: Duration = Duration::from_secs(10);
const LIVENESS_FAILURES: u32 = 6;

/// How long a probe may take, as in Kubernetes. A server that accepts connections and says nothing fails it sooner.
const DEADLINE: Duration = Duration::from_secs(10);

/// The probes, which run until this is dropped.
pub(crate) struct Probes {
    health: watch::Receiver<Health>,
    _task: AbortOnDropHandle<()>,
}

/// What the probes said last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// The answer of the readiness probe, once it has run.
    pub(crate) ready: Option<Result<(), String>>,
    /// Whether the liveness probe has passed once. A server that starts may be silent for long.
    has_lived: bool,
    /// How often in a row the liveness probe has failed since, and why it did the last time.
    failures: u32,
    reason: String,
}

impl Probes {
    /// Runs the probes of a container again and again, and records in `endpoints` whether it is ready. The liveness
    /// probe also deletes old binary logs.
    pub(crate) fn start(container: Container, name: String, endpoints: Endpoints) -> Self {
        let (sender, health) = watch::channel(Health::default());
        let task = tokio::spawn(async move {
            let mut next_liveness = Instant::now() + LIVENESS_PERIOD;
            loop {
                let ready = in_time(container.readiness(&[])).await;
                endpoints.set_ready(&name, ready.is_ok());
                sender.send_modify(|health| health.ready = Some(ready));
                if Instant::now() >= next_liveness {
                    let alive = in_time(container.liveness()).await;
                    sender.send_modify(|health| health.record_liveness(alive));
                    next_liveness = Instant::now() + LIVENESS_PERIOD;
                }
                sleep(PERIOD).await;
            }
        });
        Self { health, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.borrow().clone()
    }
}

impl Health {
    fn record_liveness(&mut self, alive: Result<(), String>) {
        match alive {
            Ok(()) => (self.has_lived, self.failures) = (true, 0),
            Err(reason) => (self.failures, self.reason) = (self.failures + 1, first_line(&reason)),
        }
    }

    /// Why the kubelet would restart this server now.
    pub(crate) fn is_dead(&self) -> Option<&str> {
        let is_dead = self.has_lived && self.failures >= LIVENESS_FAILURES;
        is_dead.then_some(self.reason.as_str())
    }

    /// Why the pod is not ready, as the probe says it.
    pub(crate) fn not_ready(&self) -> Option<String> {
        let reason = self.ready.as_ref()?.as_ref().err()?;
        Some(first_line(reason.strip_prefix("not ready: ").unwrap_or(reason)))
    }

    /// Whether replication keeps the pod from being ready. Otherwise the server does not answer, as while it starts.
    pub(crate) fn is_kept_by_replication(&self) -> bool {
        matches!(&self.ready, Some(Err(reason)) if reason.starts_with("not ready: "))
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("its probe failed and said nothing").to_owned()
}

async fn in_time(probe: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| Err(format!("its probe did not end within {} s", DEADLINE.as_secs()));
    timeout(DEADLINE, probe).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_dead_after_six_failed_liveness_probes_in_a_row_but_not_while_it_starts() {
        let (mut health, failure) = (Health::default(), || Err("no answer\nat all".to_owned()));
        for _ in 0..100 {
            health.record_liveness(failure());
            assert_eq!(health.is_dead(), None, "it starts");
        }
        for failures in [1, 5, 6] {
            health.record_liveness(Ok(()));
            (0..failures).for_each(|_| health.record_liveness(failure()));
            assert_eq!(health.is_dead(), (failures == 6).then_some("no answer"), "{failures}");
        }
    }
}

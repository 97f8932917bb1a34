//! Watching one pod: whether it answers, its role, and its replication lag.
//!
//! The lag is measured from outside, by one clock and without any privilege. It begins when the primary is seen
//! to have a transaction, and ends when the replica is seen to have it too.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use app_core::{
    http::error::causes,
    mysql::{MysqlError, Server, gtid::GtidSet, pod_name::PodName},
};
use sqlx::MySqlConnection;
use tokio::time::{sleep, timeout};

use crate::db::Role;

/// The pause between two looks at a pod.
const PERIOD: Duration = Duration::from_millis(300);

/// How long a pod may take to open a connection, which is several round trips.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// How long a pod may take to answer a look, which is one round trip. A frozen pod is noticed after this and the period.
const LOOK_DEADLINE: Duration = Duration::from_millis(600);

/// For how long what the primary had is known after it was seen: two looks may take so long. After that it may have
/// committed anything.
const KNOWN_FOR: Duration = Duration::from_secs(3);

/// What a pod's watcher last saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Unknown,
    /// The pod answers.
    Answers {
        role: Role,
        /// How far it is behind the primary. None for the primary, and while no primary is seen.
        lag: Option<Lag>,
    },
    /// The pod does not answer.
    Silent {
        since: Instant,
        /// Why, in words.
        reason: String,
    },
}

/// How far a replica is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) time: Duration,
    /// Whether it may be more. The watcher has not seen the replica catch up yet, so it does not know since when the
    /// replica has been behind.
    pub(crate) is_minimum: bool,
    /// How many transactions it lacks of those that the primary had a moment before. None where that is not known.
    pub(crate) transactions: Option<u64>,
}

/// What a watcher knows. Clones share it.
#[derive(Clone)]
pub(super) struct Observed(Arc<Mutex<(Option<PodName>, State)>>);

impl Default for Observed {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((None, State::Unknown))))
    }
}

impl Observed {
    pub(super) fn now(&self) -> (Option<PodName>, State) {
        self.lock().clone()
    }

    /// Whether a read may pick the pod.
    pub(super) fn answers(&self) -> bool {
        !matches!(self.lock().1, State::Silent { .. })
    }

    pub(super) fn failed(&self, reason: &str) {
        let state = &mut self.lock().1;
        // Since when it is silent stays as it was.
        if !matches!(state, State::Silent { .. }) {
            *state = State::Silent { since: Instant::now(), reason: reason.to_owned() };
        }
    }

    fn answered(&self, pod: PodName, role: Role, lag: Option<Lag>) {
        *self.lock() = (Some(pod), State::Answers { role, lag });
    }

    fn lock(&self) -> MutexGuard<'_, (Option<PodName>, State)> {
        // The state is whole after every step, also where a thread has panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the primary was last seen to have, and when. Clones share it.
#[derive(Clone, Default)]
pub(super) struct PrimaryProgress(Arc<Mutex<Option<Progress>>>);

#[derive(Clone)]
struct Progress {
    executed: String,
    seen: Instant,
}

impl PrimaryProgress {
    /// None where the primary was not seen of late.
    fn get(&self) -> Option<Progress> {
        self.lock().clone().filter(|progress| progress.seen.elapsed() <= KNOWN_FOR)
    }

    fn set(&self, progress: Progress) {
        *self.lock() = Some(progress);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches a pod for ever.
pub(super) async fn watch(server: Server, observed: Observed, progress: PrimaryProgress) {
    loop {
        let Err(error) = watch_until_it_fails(&server, &observed, &progress).await;
        observed.failed(&causes(&error));
        sleep(PERIOD).await;
    }
}

async fn watch_until_it_fails(
    server: &Server,
    observed: &Observed,
    progress: &PrimaryProgress,
) -> Result<std::convert::Infallible, MysqlError> {
    let (mut connection, _) = server.connect(CONNECT_DEADLINE).await?;
    let mut catching_up = CatchingUp::default();
    loop {
        let looked =
            timeout(LOOK_DEADLINE, look(&mut connection, progress, &mut catching_up)).await;
        let (pod, role, lag) = looked.map_err(|_| MysqlError::Deadline(LOOK_DEADLINE))??;
        observed.answered(pod, role, lag);
        sleep(PERIOD).await;
    }
}

#[derive(sqlx::FromRow)]
struct Look {
    pod: String,
    read_only: bool,
    executed: String,
    has_target: bool,
    lacks: String,
}

async fn look(
    connection: &mut MySqlConnection,
    progress: &PrimaryProgress,
    catching_up: &mut CatchingUp,
) -> Result<(PodName, Role, Option<Lag>), MysqlError> {
    let seen = Instant::now();
    let primary = progress.get();
    let newest = primary.as_ref().map_or("", |primary| &primary.executed);
    let target = catching_up.target.as_ref().map_or(newest, |target| &target.executed);
    let look: Look = sqlx::query_as(
        "SELECT @@report_host AS pod, @@super_read_only AS read_only,
                @@GLOBAL.gtid_executed AS executed,
                GTID_SUBSET(?, @@GLOBAL.gtid_executed) AS has_target,
                GTID_SUBTRACT(?, @@GLOBAL.gtid_executed) AS lacks",
    )
    .bind(target)
    .bind(newest)
    .fetch_one(connection)
    .await?;
    let role = Role::new(look.read_only);
    let lag = match (role, primary) {
        (Role::Primary, _) => {
            progress.set(Progress { executed: look.executed, seen });
            None
        }
        (Role::Replica, None) => None,
        (Role::Replica, Some(primary)) => {
            let (time, is_minimum) = catching_up.time(look.has_target, primary);
            Some(Lag { time, is_minimum, transactions: GtidSet::count(&look.lacks) })
        }
    };
    Ok((PodName::new(look.pod), role, lag))
}

/// A replica that catches up with what the primary had at one moment. When it has that, the next moment counts.
#[derive(Default)]
struct CatchingUp {
    target: Option<Progress>,
    /// How long after that moment the replica was last seen without those transactions.
    lacked_for: Duration,
    /// The same of the moment before. None where the replica has not been seen to catch up yet.
    last: Option<Duration>,
}

impl CatchingUp {
    /// How far it is behind, and whether it may be more.
    fn time(&mut self, has_target: bool, primary: Progress) -> (Duration, bool) {
        let target = self.target.get_or_insert_with(|| primary.clone());
        if has_target {
            self.last = Some(std::mem::take(&mut self.lacked_for));
            *target = primary;
        } else {
            self.lacked_for = target.seen.elapsed();
        }
        (self.last.unwrap_or_default().max(self.lacked_for), self.last.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the primary was seen to have so many seconds ago.
    fn seen(seconds: u64) -> Progress {
        let ago = Duration::from_secs(seconds);
        Progress { executed: String::new(), seen: Instant::now().checked_sub(ago).unwrap() }
    }

    #[test]
    fn a_replica_that_was_not_seen_to_catch_up_may_be_further_behind_than_is_known() {
        let mut catching_up = CatchingUp::default();
        let (time, is_minimum) = catching_up.time(false, seen(2));
        assert!(time >= Duration::from_secs(2) && is_minimum, "{time:?}");

        assert!(!catching_up.time(true, seen(0)).1, "it has caught up");
        assert!(!catching_up.time(false, seen(0)).1, "since then its lag is known");
    }

    #[test]
    fn a_replica_that_has_all_at_the_first_look_is_not_behind() {
        assert_eq!(CatchingUp::default().time(true, seen(0)), (Duration::ZERO, false));
    }

    #[test]
    fn what_a_primary_has_that_was_not_seen_of_late_is_not_known() {
        let progress = PrimaryProgress::default();
        assert!(progress.get().is_none());
        progress.set(seen(0));
        assert!(progress.get().is_some());
        progress.set(seen(KNOWN_FOR.as_secs() + 1));
        assert!(progress.get().is_none());
    }
}

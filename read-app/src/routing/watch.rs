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

/// How long a pod may take to answer. A frozen pod is noticed after this and the period.
const DEADLINE: Duration = Duration::from_secs(1);

/// What a pod's watcher last saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Unknown,
    /// The pod answers.
    Answers {
        role: Role,
        /// How far it is behind the primary. None while no primary was seen.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) time: Duration,
    /// How many transactions it lacks of those that the primary had a moment before.
    pub(crate) transactions: u64,
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
    fn get(&self) -> Option<Progress> {
        self.lock().clone()
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
    let (mut connection, _) = server.connect(DEADLINE).await?;
    let mut catching_up = CatchingUp::default();
    loop {
        let looked = timeout(DEADLINE, look(&mut connection, progress, &mut catching_up)).await;
        let (pod, role, lag) = looked.map_err(|_| MysqlError::Deadline(DEADLINE))??;
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
            let lacks = look.lacks.parse::<GtidSet>().map_or(0, |set| set.transactions());
            Some(Lag { time: catching_up.time(look.has_target, primary), transactions: lacks })
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
    /// The same of the moment before.
    last: Duration,
}

impl CatchingUp {
    fn time(&mut self, has_target: bool, primary: Progress) -> Duration {
        let target = self.target.get_or_insert_with(|| primary.clone());
        if has_target {
            self.last = std::mem::take(&mut self.lacked_for);
            *target = primary;
        } else {
            self.lacked_for = target.seen.elapsed();
        }
        self.last.max(self.lacked_for)
    }
}

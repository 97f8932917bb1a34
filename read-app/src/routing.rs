//! **The lesson**: which pod a read reaches, and what happens when that pod does not answer.
//!
//! - [`mode`]: the choices of a client.
//! - [`service`]: the Service `mysql-read` has one address, and the cluster picks a pod behind it.
//! - [`headless`]: the headless Service `mysql` has all addresses, and this app picks.
//! - [`strategy`]: picking one of several pods.
//! - [`story`]: what happened to each pod, with times.
//! - [`watch`]: asking each pod of the headless Service again and again how it is.

pub(crate) mod headless;
pub(crate) mod mode;
pub(crate) mod service;
pub(crate) mod story;
pub(crate) mod strategy;
pub(crate) mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use app_core::{
    config::{Config, MysqlConfig},
    dns::Resolver,
    http::{
        error::{causes, mysql::code},
        metrics::QueryMetrics,
    },
    mysql::{MysqlError, PoolStatus, Server, budget, to_its_end},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    db::{ReadRequest, ReadResult},
    routing::{
        headless::Headless,
        mode::{Mode, Via, With},
        service::Service,
    },
};

/// How often a read is tried at most.
const ATTEMPTS: usize = 7;

/// A read is tried again after these pauses. Reading twice does no harm, and the next attempt may reach another
/// pod: a Service sends connections to a dead pod until the cluster notices.
const PAUSES: [Duration; ATTEMPTS - 1] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(400),
    Duration::from_millis(400),
];

/// How long all attempts of a read may take, besides the time that it waits for transactions.
const READ_DEADLINE: Duration = Duration::from_millis(3_600);

/// How long the first attempt may take, besides that time. So a pod that stands still leaves time for another one.
const FIRST_ATTEMPT: Duration = Duration::from_millis(1_200);

/// How long a read may wait until it may open a connection.
const SLOT_DEADLINE: Duration = Duration::from_secs(2);

/// The right to open one connection after another. Reads on kept connections have an empty one.
pub(crate) type Slot = Arc<Vec<OwnedSemaphorePermit>>;

/// Both Services. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reads {
    service: Service,
    headless: Headless,
    /// One for each new connection.
    slots: Arc<Semaphore>,
    /// Reads that may wait for transactions on a new connection: a quarter fewer, so that other reads go on.
    waiting: Arc<Semaphore>,
    resolver: Resolver,
    queries: QueryMetrics,
}

impl Reads {
    /// Both Services, as the configuration names them. From now on this follows the pods of the headless
    /// Service, and watches them.
    pub(crate) fn new(config: &Config, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let database = &config.database;
        let headless_host = config.headless_host.as_deref().unwrap_or(Via::Mysql.name());
        let headless = MysqlConfig { host: headless_host.to_owned(), ..database.clone() };
        let server = Server::new(database, resolver.clone());
        let slots = budget::NEW_READS as usize;
        Self {
            headless: Headless::follow(&headless, resolver.clone(), server.clone()),
            service: Service::new(server),
            slots: Arc::new(Semaphore::new(slots)),
            waiting: Arc::new(Semaphore::new(slots * 3 / 4)),
            resolver,
            queries: queries.clone(),
        }
    }

    /// The connections that are kept to `mysql-read` and to each pod.
    pub(crate) fn pools(&self) -> Vec<PoolStatus> {
        let mut pools = self.headless.pools();
        pools.push(self.service.pool());
        pools
    }

    /// The pods of the headless Service.
    pub(crate) fn headless(&self) -> &Headless {
        &self.headless
    }

    /// The DNS resolver that both Services' names go through.
    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// The Service's name, which the configuration may have changed.
    pub(crate) fn host(&self, via: Via) -> &str {
        match via {
            Via::MysqlRead => self.service.host(),
            Via::Mysql => self.headless.host(),
        }
    }

    /// Reads from a pod, in at most [`ATTEMPTS`] attempts.
    ///
    /// # Errors
    ///
    /// Why the last attempt failed.
    pub(crate) async fn read(
        &self,
        mode: &Mode,
        request: ReadRequest,
    ) -> Result<ReadResult, MysqlError> {
        let (reads, mode) = (self.clone(), mode.clone());
        to_its_end(async move { reads.read_until_answered(&mode, request).await }).await
    }

    async fn read_until_answered(
        &self,
        mode: &Mode,
        mut request: ReadRequest,
    ) -> Result<ReadResult, MysqlError> {
        let end = Instant::now() + READ_DEADLINE + request.wait();
        let slot = self.slot(mode, &request).await?;
        let wait_end = Instant::now() + request.wait();
        let mut attempt_end = end.min(wait_end + FIRST_ATTEMPT);
        let (mut failed_attempts, mut tried) = (Vec::new(), Vec::new());
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.read_once(mode, &request, &slot, attempt_end, &mut tried).await {
                Ok(result) => return Ok(ReadResult { failed_attempts, ..result }),
                Err(error) => error,
            };
            let pause = pauses.next().filter(|pause| Instant::now() + *pause < end);
            let Some(pause) = pause.filter(|_| another_pod_might_answer(&error)) else {
                return Err(cause(error, failed_attempts));
            };
            tracing::info!(causes = causes(&error), "reading again in {pause:?}");
            failed_attempts.push(error);
            sleep(pause).await;
            attempt_end = end;
            request.wait_at_most(wait_end.saturating_duration_since(Instant::now()));
        }
    }

    /// Waits briefly until fewer reads have connections open.
    async fn slot(&self, mode: &Mode, request: &ReadRequest) -> Result<Slot, MysqlError> {
        let taking = async {
            let mut slot = Vec::new();
            if mode.with == With::New {
                if !request.wait().is_zero() {
                    slot.extend(self.waiting.clone().acquire_owned().await);
                }
                slot.extend(self.slots.clone().acquire_owned().await);
            }
            Arc::new(slot)
        };
        timeout(SLOT_DEADLINE, taking).await.map_err(|_| {
            self.queries.count(None, Err(code(&MysqlError::Busy)));
            MysqlError::Busy
        })
    }

    /// One attempt, which is counted by the pod that answered or was picked.
    async fn read_once(
        &self,
        mode: &Mode,
        request: &ReadRequest,
        slot: &Slot,
        end: Instant,
        tried: &mut Vec<SocketAddr>,
    ) -> Result<ReadResult, MysqlError> {
        let (mut picked, begun) = (None, Instant::now());
        let attempt = async {
            match mode.via {
                Via::MysqlRead => self.service.read(mode.with, request, slot).await,
                Via::Mysql => {
                    let member = self.headless.pick(mode, tried).await?;
                    tried.push(member.address());
                    picked = member.name();
                    member.read(mode.with, request, slot).await
                }
            }
        };
        let result = timeout_at(end, attempt).await;
        let result = result.unwrap_or_else(|_| Err(MysqlError::Deadline(end - begun)));
        let answered = result.as_ref().ok().map(|result| &result.server.pod);
        self.queries.count(answered.or(picked.as_ref()), result.as_ref().map(drop).map_err(code));
        if let Some(pod) = answered {
            self.headless.answered(pod);
        }
        result
    }
}

/// Whether the error is about one pod, and says nothing of the others.
fn another_pod_might_answer(error: &MysqlError) -> bool {
    matches!(
        error,
        MysqlError::Unreachable { .. }
            | MysqlError::TooManyConnections(_)
            | MysqlError::ConnectionLost(_)
            | MysqlError::LockWait(_)
            // A replica gets the table a moment after the primary.
            | MysqlError::SchemaMissing(_)
            | MysqlError::Busy
            | MysqlError::Deadline(_)
    )
}

/// Where the last attempt ended because the time was up, the one before says more.
fn cause(last: MysqlError, mut failed_attempts: Vec<MysqlError>) -> MysqlError {
    match last {
        MysqlError::Deadline(_) => failed_attempts.pop().unwrap_or(last),
        last => last,
    }
}

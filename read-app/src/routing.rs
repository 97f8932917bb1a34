//! A question to MySQL, by whichever way the client chose, and what came of it.
//!
//! # Layout
//!
//! - [`mode`]: the choices.
//! - [`service`]: the door with one address.
//! - [`headless`]: the door with all addresses: the pods as DNS lists them, each with a pool and
//!   somebody who watches it.
//! - [`strategy`]: picking one of them.

pub mod headless;
pub mod mode;
pub mod service;
pub mod strategy;
pub mod watch;

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use app_core::{
    config::{Config, MysqlConfig},
    dns::Resolver,
    http::{
        error::{causes, mysql::code},
        metrics::QueryMetrics,
    },
    mysql::{MysqlError, Pool, PoolStatus, Server, to_its_end},
};
use sqlx::Connection as _;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::{
    db::{self, Answer, Question, ServerIdentity},
    routing::{
        headless::Headless,
        mode::{Mode, Via},
        service::MysqlRead,
    },
};

/// A query is tried again after these pauses. Reading twice does no harm, and another pod may be
/// picked: a Service still sends connections to one that has just died, until the cluster notices.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(400),
    Duration::from_millis(400),
];

/// How often a query is tried at most.
pub(crate) const ATTEMPTS: usize = PAUSES.len() + 1;

/// How long opening a connection may take: a few milliseconds, unless nobody is there. All attempts
/// together end within four seconds.
const CONNECT_DEADLINE: Duration = Duration::from_millis(600);

/// How long a request may wait for a kept connection. With the time that finding out the cause takes, and
/// the next attempt, it ends within four seconds too.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long a kept connection that answered is taken to be there. With fifty pods that take turns, each rests
/// so long; to ask it first would be a second round trip, and a read that finds it gone is tried again.
const FRESH: Duration = Duration::from_millis(100);

/// How long a question may take in all attempts, besides the time that it asks to wait.
const ANSWER_DEADLINE: Duration = Duration::from_millis(3_600);

/// Both doors. Cheap to clone.
#[derive(Clone)]
pub struct Reads {
    mysql_read: MysqlRead,
    headless: Headless,
    resolver: Resolver,
    queries: QueryMetrics,
}

/// An answer, and how it was come by.
#[derive(Debug)]
pub struct Served {
    /// What the connection said.
    pub answer: Answer,
    /// Where the connection leads to: for `mysql-read` the Service's address, not the pod's.
    pub address: SocketAddr,
    /// How long the attempt took that succeeded, the opening of a connection included.
    pub took: Duration,
    /// Why the attempts before it failed.
    pub failed_attempts: Vec<MysqlError>,
}

impl Reads {
    /// Both doors, as the configuration names them. From now on the pods of the headless Service are
    /// followed and watched.
    #[must_use]
    pub fn new(config: &Config, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let database = &config.database;
        let headless_host = config.headless_host.as_deref().unwrap_or(Via::Mysql.name());
        let headless = MysqlConfig { host: headless_host.to_owned(), ..database.clone() };
        let service = Server::new(database, resolver.clone());
        Self {
            headless: Headless::follow(&headless, resolver.clone(), service.clone()),
            mysql_read: MysqlRead::new(service),
            resolver,
            queries: queries.clone(),
        }
    }

    /// The connections that are kept: those to `mysql-read`, and those to each pod.
    pub(crate) fn pools(&self) -> Vec<PoolStatus> {
        let mut pools = self.headless.pools();
        pools.push(self.mysql_read.pool());
        pools
    }

    /// The pods of the headless Service.
    #[must_use]
    pub fn headless(&self) -> &Headless {
        &self.headless
    }

    /// The DNS server that both doors go by.
    #[must_use]
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// The name behind a door, which the configuration may have changed.
    #[must_use]
    pub fn host(&self, via: Via) -> &str {
        match via {
            Via::MysqlRead => self.mysql_read.host(),
            Via::Mysql => self.headless.host(),
        }
    }

    /// Asks a pod, and where it does not answer, up to four others.
    ///
    /// # Errors
    ///
    /// Why no pod answered.
    pub async fn ask(&self, mode: &Mode, question: Question) -> Result<Served, MysqlError> {
        let (reads, mode) = (self.clone(), mode.clone());
        to_its_end(async move { reads.ask_until_answered(&mode, &question).await }).await
    }

    async fn ask_until_answered(
        &self,
        mode: &Mode,
        question: &Question,
    ) -> Result<Served, MysqlError> {
        let end = Instant::now() + ANSWER_DEADLINE + question.wait();
        let (mut failed_attempts, mut pauses) = (Vec::new(), PAUSES.into_iter());
        loop {
            let error = match self.ask_once_until(end, mode, question).await {
                Ok(served) => return Ok(Served { failed_attempts, ..served }),
                Err(error) => error,
            };
            let pause = pauses.next().filter(|pause| Instant::now() + *pause < end);
            let Some(pause) = pause.filter(|_| another_pod_might_answer(&error)) else {
                return Err(cause(error, failed_attempts));
            };
            tracing::info!(causes = causes(&error), "asking again in {pause:?}");
            failed_attempts.push(error);
            sleep(pause).await;
        }
    }

    async fn ask_once_until(
        &self,
        end: Instant,
        mode: &Mode,
        question: &Question,
    ) -> Result<Served, MysqlError> {
        let asked = timeout_at(end, self.ask_once(mode, question)).await;
        asked.unwrap_or_else(|_| {
            let error = MysqlError::Deadline(ANSWER_DEADLINE);
            // It was dropped before it could be counted.
            self.queries.count(None, Err(code(&error)));
            Err(error)
        })
    }

    async fn ask_once(&self, mode: &Mode, question: &Question) -> Result<Served, MysqlError> {
        let mut asked = None;
        let served = match mode.via {
            Via::MysqlRead => self.mysql_read.ask(mode.with, question).await,
            Via::Mysql => self.headless.ask(mode, question, &mut asked).await,
        };
        let answered = served.as_ref().ok().map(|served| &served.answer.server.pod);
        self.queries.count(answered.or(asked.as_ref()), served.as_ref().map(drop).map_err(code));
        let served = served?;
        self.headless.answered(&served.answer.server);
        Ok(served)
    }
}

/// Whether the error is of one pod, and says nothing of the others.
fn another_pod_might_answer(error: &MysqlError) -> bool {
    matches!(
        error,
        MysqlError::Unreachable { .. }
            | MysqlError::TooManyConnections(_)
            | MysqlError::ConnectionLost(_)
    )
}

/// Where the last attempt ended because the time was up, the one before says more.
fn cause(last: MysqlError, mut failed_attempts: Vec<MysqlError>) -> MysqlError {
    match last {
        MysqlError::Deadline(_) => failed_attempts.pop().unwrap_or(last),
        last => last,
    }
}

/// Asks on a connection that is opened for this and closed after it; then its place is free.
async fn ask_on_new(
    server: &Server,
    question: &Question,
    place: impl Send + 'static,
) -> Result<Served, MysqlError> {
    let start = Instant::now();
    let (mut connection, address) = server.connect(CONNECT_DEADLINE).await?;
    let server = db::identity(&mut connection).await?;
    let answer = db::answer(&mut connection, server, question).await?;
    let took = start.elapsed();
    // Nobody waits for the goodbye: the server takes a millisecond to say its own.
    tokio::spawn(async move {
        drop(timeout(CONNECT_DEADLINE, connection.close()).await);
        drop(place);
    });
    Ok(Served { answer, address, took, failed_attempts: Vec::new() })
}

/// Asks on a connection that was there, and stays for the next.
async fn ask_on_kept(
    pool: &Pool<ServerIdentity>,
    question: &Question,
) -> Result<Served, MysqlError> {
    let start = Instant::now();
    let mut connection = pool.acquire().await?;
    let address = connection.address();
    let server = match connection.known() {
        Some(server) => server.clone(),
        None => {
            let server = db::identity(&mut connection).await?;
            connection.learn(server.clone());
            server
        }
    };
    let answer = db::answer(&mut connection, server, question).await?;
    connection.give_back();
    Ok(Served { answer, address, took: start.elapsed(), failed_attempts: Vec::new() })
}

/// What is behind these is whole after every step, also where a thread has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

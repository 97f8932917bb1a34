//! Connections to one server that are kept open and used again.
//!
//! `docs/decisions.md` says why this is not sqlx's pool and not the crate deadpool.

use std::{
    io,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, MySqlConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use super::{MysqlError, Server};

/// How long a connection may stay open. A new one logs in with the current account and password.
pub const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long [`Pooled::known`] returns what [`Pooled::learn`] was told.
const KNOWN_FOR: Duration = Duration::from_millis(250);

/// How long the server may take to answer a ping. After that, the pool opens another connection.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause between two attempts to open a connection.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How a [`Pool`] opens and keeps connections.
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// How many connections may be open.
    pub size: u32,
    /// How long [`Pool::acquire`] may take: waiting for other requests and opening a connection together.
    pub acquire_timeout: Duration,
    /// A connection that was given back so recently is used without a ping.
    pub fresh_for: Duration,
    /// How long a connection may stay open, such as [`MAX_LIFETIME`].
    pub max_lifetime: Duration,
}

/// Connections to one server, each with what the app learned from it. Cheap to clone.
pub struct Pool<K>(Arc<Shared<K>>);

struct Shared<K> {
    server: Server,
    config: PoolConfig,
    permits: Arc<Semaphore>,
    /// The last one given back stands last, and is used next.
    idle: Mutex<Vec<Open<K>>>,
}

struct Open<K> {
    connection: MySqlConnection,
    address: SocketAddr,
    /// Ends when the connection is too old, or when the server's name has another address.
    outdated: AbortOnDropHandle<()>,
    given_back: Instant,
    learned: Option<(Instant, K)>,
}

/// How many connections a [`Pool`] has at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// The server's name or address.
    pub server: String,
    /// Open and not in use.
    pub idle: u32,
    /// In use, or being opened.
    pub in_use: u32,
    /// How many may be open.
    pub limit: u32,
}

impl<K> Clone for Pool<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Pool<K> {
    /// A pool without a connection. It opens the first one when a request needs it.
    #[must_use]
    pub fn new(server: Server, config: PoolConfig) -> Self {
        let permits = Arc::new(Semaphore::new(config.size as usize));
        Self(Arc::new(Shared { server, config, permits, idle: Mutex::default() }))
    }

    /// The server that its connections lead to.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// How many connections it has.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let limit = self.0.config.size;
        let in_use = limit.saturating_sub(count(self.0.permits.available_permits()));
        let idle = count(self.0.idle().len()).min(limit - in_use);
        PoolStatus { server: self.0.server.host().to_owned(), idle, in_use, limit }
    }

    /// Takes an idle connection, or opens one.
    ///
    /// # Errors
    ///
    /// [`MysqlError::Busy`] where all connections stay in use; otherwise why no connection could be opened.
    pub async fn acquire(&self) -> Result<Pooled<K>, MysqlError> {
        let Shared { config, permits, .. } = &*self.0;
        let deadline = Instant::now() + config.acquire_timeout;
        let permit = timeout_at(deadline, permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(MysqlError::Busy) };
        let open = match self.0.take_idle() {
            Some(open) if open.given_back.elapsed() < config.fresh_for => open,
            // On the heap: this is rare, and every request would carry its state.
            idle => Box::pin(self.0.ping_or_open(idle, deadline)).await?,
        };
        Ok(Pooled { open, pool: self.0.clone(), _permit: permit })
    }
}

impl<K> Shared<K> {
    fn idle(&self) -> MutexGuard<'_, Vec<Open<K>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Open<K>> {
        let mut idle = self.idle();
        idle.retain(|open| !open.outdated.is_finished());
        idle.pop()
    }

    async fn ping_or_open(
        &self,
        idle: Option<Open<K>>,
        deadline: Instant,
    ) -> Result<Open<K>, MysqlError> {
        if let Some(mut open) = idle
            && matches!(timeout(PING_TIMEOUT, open.connection.ping()).await, Ok(Ok(())))
        {
            return Ok(open);
        }
        self.open(deadline).await
    }

    /// Tries again where the server may be starting, or has too many connections.
    async fn open(&self, deadline: Instant) -> Result<Open<K>, MysqlError> {
        let mut earlier = None;
        loop {
            let error = match self.open_once(deadline).await {
                Ok(open) => return Ok(open),
                Err(error) => error,
            };
            let now = Instant::now();
            if now + RETRY_PAUSE >= deadline || !may_accept_soon(&error) {
                // An attempt that ran out of time says less than the one before it.
                return Err(earlier.filter(|_| now >= deadline).unwrap_or(error));
            }
            earlier = Some(error);
            sleep(RETRY_PAUSE).await;
        }
    }

    /// A pod that was replaced may not refuse: its old address may not answer at all. So this follows the name.
    async fn open_once(&self, deadline: Instant) -> Result<Open<K>, MysqlError> {
        let mut address = self.server.address().await?;
        loop {
            let time_left = deadline.saturating_duration_since(Instant::now());
            tokio::select! {
                connected = self.server.connect_to(address, time_left) => {
                    return Ok(self.opened(connected?, address));
                }
                moved_to = self.server.other_address_than(address) => address = moved_to,
            }
        }
    }

    fn opened(&self, connection: MySqlConnection, address: SocketAddr) -> Open<K> {
        let (server, max_lifetime) = (self.server.clone(), self.config.max_lifetime);
        // This is not part of a request, so no request waits for a DNS server that is silent.
        let outdated = tokio::spawn(async move {
            drop(timeout(max_lifetime, server.other_address_than(address)).await);
        });
        let outdated = AbortOnDropHandle::new(outdated);
        Open { connection, address, outdated, given_back: Instant::now(), learned: None }
    }
}

fn may_accept_soon(error: &MysqlError) -> bool {
    match error {
        MysqlError::Unreachable { source: sqlx::Error::Io(error), .. } => {
            error.kind() == io::ErrorKind::ConnectionRefused
        }
        MysqlError::TooManyConnections(_) => true,
        _ => false,
    }
}

/// A connection from a [`Pool`]. Dropping it closes the connection; [`Pooled::give_back`] keeps it. After an
/// error or an unfinished query, the next answer on it could belong to an earlier question.
pub struct Pooled<K> {
    open: Open<K>,
    pool: Arc<Shared<K>>,
    _permit: OwnedSemaphorePermit,
}

impl<K> Pooled<K> {
    /// The address that it is connected to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.open.address
    }

    /// What [`Pooled::learn`] was told within the last 250 ms, also by an earlier request.
    #[must_use]
    pub fn known(&self) -> Option<&K> {
        let learned = self.open.learned.as_ref();
        learned.filter(|(learned, _)| learned.elapsed() < KNOWN_FOR).map(|(_, known)| known)
    }

    /// Remembers something about this connection for 250 ms.
    pub fn learn(&mut self, known: K) {
        self.open.learned = Some((Instant::now(), known));
    }

    /// Returns the connection to the pool. Its last query must have succeeded, or failed by a rule of the schema.
    pub fn give_back(mut self) {
        self.open.given_back = Instant::now();
        self.pool.idle().push(self.open);
    }
}

impl<K> Deref for Pooled<K> {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.open.connection
    }
}

impl<K> DerefMut for Pooled<K> {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.open.connection
    }
}

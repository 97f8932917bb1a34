//! Connections to one server that are kept open and used again.
//!
//! sqlx has a pool too. It asks a connection whether it is there before each use and after it, which is two
//! round trips a query, knows no name that moves, and calls every failure "timed out".

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

use super::{MysqlError, NAME_PERIOD, Server};

/// For how long what was learnt of a connection holds.
const KNOWN: Duration = Duration::from_millis(250);

/// How long a connection may take to say that it is there; another is opened then.
const TEST_DEADLINE: Duration = Duration::from_secs(1);

/// How long a connection may be open, so that in the end every one is of the current account.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long to wait before a server that refuses is tried again.
const REFUSED_PERIOD: Duration = Duration::from_millis(100);

/// Connections to one server, each with what is known of it. Cheap to clone.
pub struct Pool<K>(Arc<Shared<K>>);

struct Shared<K> {
    server: Server,
    /// How many connections there may be.
    size: u32,
    places: Arc<Semaphore>,
    /// How long a request may wait for a connection.
    patience: Duration,
    /// For how long a connection that answered is taken to be there.
    fresh: Duration,
    /// The last one used stands last, and is used next.
    idle: Mutex<Vec<Open<K>>>,
}

struct Open<K> {
    connection: MySqlConnection,
    address: SocketAddr,
    opened: Instant,
    /// When it last answered.
    answered: Instant,
    known: Option<(Instant, K)>,
}

/// How many connections a [`Pool`] has at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// The server's name or address.
    pub server: String,
    /// Open, and nobody uses them.
    pub idle: u32,
    /// Open or being opened, and somebody does.
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
    /// A pool of at most `size` connections; a request waits for one as long as `patience` lasts. The
    /// first is opened when it is needed. One that has not answered for as long as `fresh` is first asked whether
    /// it is there.
    #[must_use]
    pub fn new(server: Server, size: u32, patience: Duration, fresh: Duration) -> Self {
        let places = Arc::new(Semaphore::new(size as usize));
        Self(Arc::new(Shared { server, size, places, patience, fresh, idle: Mutex::default() }))
    }

    /// The server behind it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// How many connections it has.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let limit = self.0.size;
        let in_use = limit.saturating_sub(count(self.0.places.available_permits()));
        let idle = count(self.0.idle().len()).min(limit - in_use);
        PoolStatus { server: self.0.server.host().to_owned(), idle, in_use, limit }
    }

    /// A connection that answered just now, an idle one or else a new one.
    ///
    /// # Errors
    ///
    /// Why there is none when the pool's patience is over.
    pub async fn acquire(&self) -> Result<Pooled<K>, MysqlError> {
        let deadline = Instant::now() + self.0.patience;
        let place = timeout_at(deadline, self.0.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(MysqlError::Busy) };
        let open = match self.0.take_fresh() {
            Some(open) => open,
            // On the heap: this is seldom, and its state would be moved about with every request.
            None => Box::pin(self.0.find_or_open(deadline)).await?,
        };
        Ok(Pooled { open, pool: self.0.clone(), _place: place })
    }
}

impl<K> Shared<K> {
    fn idle(&self) -> MutexGuard<'_, Vec<Open<K>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_fresh(&self) -> Option<Open<K>> {
        self.idle().pop_if(|open| open.answered.elapsed() < self.fresh)
    }

    async fn find_or_open(&self, deadline: Instant) -> Result<Open<K>, MysqlError> {
        let address = self.server.address().await?;
        let idle = self.idle().pop();
        if let Some(mut open) = idle {
            let is_usable = open.address == address && open.opened.elapsed() < LIFETIME;
            if is_usable && open.answers().await {
                return Ok(open);
            }
            // Where one is gone, so are the others, as a rule.
            self.idle().clear();
        }
        self.open(address, deadline).await
    }

    /// A server that is just being started refuses, and one whose connections are all taken is about to have
    /// some: both are asked again. A pod that was replaced does not refuse, for nobody is there to do so.
    async fn open(
        &self,
        mut address: SocketAddr,
        deadline: Instant,
    ) -> Result<Open<K>, MysqlError> {
        let mut refused = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let connected = tokio::select! {
                connected = self.server.connect_to(address, left) => connected,
                moved_to = self.server.other_address_than(address) => {
                    address = moved_to;
                    continue;
                }
            };
            let error = match connected {
                Ok(connection) => return Ok(Open::new(connection, address)),
                Err(error) => error,
            };
            let now = Instant::now();
            let Some(pause) = pause_after(&error).filter(|pause| now + *pause < deadline) else {
                // Where the time was up, the attempt before says more.
                return Err(refused.filter(|_| now >= deadline).unwrap_or(error));
            };
            refused = Some(error);
            sleep(pause).await;
            address = self.server.address().await?;
        }
    }
}

fn pause_after(error: &MysqlError) -> Option<Duration> {
    match error {
        MysqlError::Unreachable { source: sqlx::Error::Io(error), .. }
            if error.kind() == io::ErrorKind::ConnectionRefused =>
        {
            Some(REFUSED_PERIOD)
        }
        MysqlError::TooManyConnections(_) => Some(NAME_PERIOD),
        _ => None,
    }
}

impl<K> Open<K> {
    fn new(connection: MySqlConnection, address: SocketAddr) -> Self {
        let now = Instant::now();
        Self { connection, address, opened: now, answered: now, known: None }
    }

    async fn answers(&mut self) -> bool {
        matches!(timeout(TEST_DEADLINE, self.connection.ping()).await, Ok(Ok(())))
    }
}

/// A connection out of a [`Pool`]. It is closed in the end, unless it is given back: after an error, or a
/// query dropped half-way, nobody knows what it would answer next.
pub struct Pooled<K> {
    open: Open<K>,
    pool: Arc<Shared<K>>,
    _place: OwnedSemaphorePermit,
}

impl<K> Pooled<K> {
    /// Where it leads to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.open.address
    }

    /// What was learnt of it a moment ago.
    #[must_use]
    pub fn known(&self) -> Option<&K> {
        let known = self.open.known.as_ref();
        known.filter(|(learnt, _)| learnt.elapsed() < KNOWN).map(|(_, known)| known)
    }

    /// What holds of it from now on, for a moment.
    pub fn learn(&mut self, known: K) {
        self.open.known = Some((Instant::now(), known));
    }

    /// The work is done, and the connection is as good as before.
    pub fn give_back(self) {
        let Self { mut open, pool, _place } = self;
        open.answered = Instant::now();
        pool.idle().push(open);
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

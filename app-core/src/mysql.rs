//! A MySQL server or Service known by its name, connections to it, and what can go wrong.
//!
//! The app resolves the name for each connection that it opens. So it finds a pod that comes back with
//! another address, without a restart. Each kind of failure is a variant of [`MysqlError`], and known
//! within four seconds.

pub mod budget;
pub mod gtid;
mod nodelay;
pub mod pod_name;
mod pool;
mod uncancelled;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use secrecy::ExposeSecret as _;
use sqlx::{
    ConnectOptions as _, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

pub use self::{
    pool::{MAX_LIFETIME, Pool, PoolConfig, PoolStatus, Pooled},
    uncancelled::to_its_end,
};
use crate::{
    config::{
        MysqlConfig,
        credentials::{Credentials, Login},
        tls_ca,
    },
    dns::{DnsError, Resolver},
};

/// How long a server may take to accept a TCP connection.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(3);

/// How long an app that starts waits for a server that accepts connections, and how often it tries.
const START_DEADLINE: Duration = Duration::from_secs(60);
const START_PERIOD: Duration = Duration::from_millis(500);

/// How often a name is resolved again, while connecting and as long as a connection is kept.
const NAME_PERIOD: Duration = Duration::from_millis(250);

/// How each session begins. MySQL does not notice that a client has given up a statement that waits for a lock,
/// and would wait on for up to a year. With these limits it gives up first, and says so: after a second, or two where
/// the lock is that of a row. It ends a SELECT that is longer under way than any client waits.
/// <https://dev.mysql.com/doc/refman/9.7/en/server-system-variables.html#sysvar_lock_wait_timeout>
const SESSION: &str =
    "SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, max_execution_time = 6000";

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MysqlError {
    /// The server's name has no address.
    #[error(transparent)]
    Name(#[from] DnsError),
    /// No server accepts a connection at this address.
    #[error("no connection to {server}")]
    Unreachable {
        /// The name and the address that were tried.
        server: String,
        /// The error of the attempt.
        source: sqlx::Error,
    },
    /// None of the authorities in `DB_TLS_CA` signed the server's certificate. No password was sent.
    #[error("the certificate of {server} is not to be trusted")]
    Untrusted {
        /// The name and the address that were tried.
        server: String,
        /// What is wrong with it.
        source: sqlx::Error,
    },
    /// The account may not log in, or may not do this.
    #[error("the server refuses this account")]
    AccessDenied(#[source] sqlx::Error),
    /// The server, or this account, has as many connections as it may have.
    #[error("the server has too many connections")]
    TooManyConnections(#[source] sqlx::Error),
    /// The server's volume is full. Without a source, the server sent no error: it waits for room, and so
    /// does the statement.
    #[error("the server's volume is full")]
    DiskFull(#[source] Option<sqlx::Error>),
    /// The server takes no writes: it is a replica.
    #[error("the server is read-only")]
    ReadOnly(#[source] sqlx::Error),
    /// The database or a table is not there (yet).
    #[error("the schema is not there")]
    SchemaMissing(#[source] sqlx::Error),
    /// The migrations that the database records are not those of this app; the text says what differs, and what to do.
    #[error("{0}")]
    SchemaDiffers(String),
    /// A row with the same unique key exists.
    #[error("a row with this unique key exists")]
    Duplicate(#[source] sqlx::Error),
    /// Another session kept a lock for so long that the server gave up. It has done nothing.
    #[error("the lock of another session did not end")]
    LockWait(#[source] sqlx::Error),
    /// Two sessions waited for each other, and the server ended this one's statement. It has done nothing.
    #[error("a deadlock with another session")]
    Deadlock(#[source] sqlx::Error),
    /// The connection broke while it was in use.
    #[error("the connection broke")]
    ConnectionLost(#[source] sqlx::Error),
    /// Every connection that this app may have is in use.
    #[error("all connections of the pool are in use")]
    Busy,
    /// The work took too long.
    #[error("no result within {0:?}")]
    Deadline(Duration),
    /// There is no replica to ask, or none accepts connections.
    #[error("no replica behind {service} could be asked")]
    NoReplica {
        /// The headless Service of the replicas.
        service: String,
        /// The error of the last attempt, where there was one.
        source: Option<Box<MysqlError>>,
    },
    /// Anything else.
    #[error("the query failed")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for MysqlError {
    /// Goes by the server's error numbers:
    /// <https://dev.mysql.com/doc/mysql-errors/9.7/en/server-error-reference.html>
    fn from(error: sqlx::Error) -> Self {
        let number = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
            .map(MySqlDatabaseError::number);
        match (number, &error) {
            (Some(1040 | 1203 | 1226), _) => Self::TooManyConnections(error),
            (Some(1044 | 1045 | 1142), _) => Self::AccessDenied(error),
            (Some(1021 | 1114), _) => Self::DiskFull(Some(error)),
            (Some(1049 | 1146), _) => Self::SchemaMissing(error),
            (Some(1062), _) => Self::Duplicate(error),
            (Some(1290 | 1792 | 1836), _) => Self::ReadOnly(error),
            (Some(1205), _) => Self::LockWait(error),
            (Some(1213), _) => Self::Deadlock(error),
            // The server is stopping, or an administrator ended this connection or its query.
            (Some(1053 | 1317 | 3169 | 4031), _) | (None, sqlx::Error::Io(_)) => {
                Self::ConnectionLost(error)
            }
            _ => Self::Other(error),
        }
    }
}

/// A MySQL server or Service, by name. Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    host: String,
    port: u16,
    /// Everything but the address and the account.
    options: MySqlConnectOptions,
    credentials: Credentials,
    resolver: Resolver,
}

impl Server {
    /// The server that the configuration names. This does not connect.
    #[must_use]
    pub fn new(config: &MysqlConfig, resolver: Resolver) -> Self {
        let options = MySqlConnectOptions::new()
            .port(config.port)
            .database(&config.name)
            .log_statements(tracing::log::LevelFilter::Debug)
            // sqlx would need one more round trip to set these, and the apps do not depend on them.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false);
        Self(Arc::new(Inner {
            host: config.host.clone(),
            port: config.port,
            options: tls_ca::require(options, config.tls_ca.as_ref()),
            credentials: config.credentials.clone(),
            resolver,
        }))
    }

    /// Its name or address, such as `mysql-read`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The address that its name has now.
    ///
    /// # Errors
    ///
    /// Where the name has no address or DNS does not answer.
    pub async fn address(&self) -> Result<SocketAddr, MysqlError> {
        let ip = self.0.resolver.address(&self.0.host).await?;
        Ok((ip, self.0.port).into())
    }

    /// Waits until the name has another address.
    async fn other_address_than(&self, known: SocketAddr) -> SocketAddr {
        loop {
            sleep(NAME_PERIOD).await;
            match self.address().await {
                Ok(address) if address != known => return address,
                // No address, or no answer, does not say that the server has moved.
                _ => {}
            }
        }
    }

    /// Waits until the server accepts a connection, for a minute at most.
    ///
    /// A Service has an address from the start; a pod's name has none before the pod has one. A DNS server with
    /// a cache remembers that a name does not exist, and answers so to every client: docs/lessons/4-discovery.md.
    /// So an app first waits for the Service, and then asks for the pods behind it.
    pub async fn wait_until_it_accepts(&self) {
        let accepted = async {
            while !self.accepts().await {
                sleep(START_PERIOD).await;
            }
        };
        if timeout(START_DEADLINE, accepted).await.is_err() {
            tracing::warn!("{} did not accept a connection within {START_DEADLINE:?}", self.host());
        }
    }

    async fn accepts(&self) -> bool {
        let Ok(address) = self.address().await else {
            return false;
        };
        matches!(timeout(ACCEPT_DEADLINE, TcpStream::connect(address)).await, Ok(Ok(_)))
    }

    /// Opens a connection that serves one request: TCP, TLS and login. Returns its address too.
    ///
    /// # Errors
    ///
    /// Where the name has no address, no server accepts there, or the server refuses.
    pub async fn connect(
        &self,
        deadline: Duration,
    ) -> Result<(MySqlConnection, SocketAddr), MysqlError> {
        let address = self.address().await?;
        let connecting = nodelay::connect(self.options_for(address), address);
        let connection = self.connected(address, deadline, connecting).await?;
        Ok((connection, address))
    }

    /// Opens a connection that the pool keeps.
    async fn connect_to(
        &self,
        address: SocketAddr,
        deadline: Duration,
    ) -> Result<MySqlConnection, MysqlError> {
        let options = self.options_for(address);
        self.connected(address, deadline, options.connect()).await
    }

    async fn connected(
        &self,
        address: SocketAddr,
        deadline: Duration,
        connecting: impl Future<Output = sqlx::Result<MySqlConnection>>,
    ) -> Result<MySqlConnection, MysqlError> {
        // On the heap: every future around it would otherwise carry the state of a TLS handshake.
        let beginning = Box::pin(async {
            let mut connection = connecting.await?;
            sqlx::raw_sql(SESSION).execute(&mut connection).await?;
            Ok(connection)
        });
        let error = match timeout(deadline, beginning).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        Err(self.not_connected(error, address))
    }

    /// A connection cannot be lost before it is open.
    fn not_connected(&self, error: sqlx::Error, address: SocketAddr) -> MysqlError {
        let server = format!("{} at {address}", self.host());
        match MysqlError::from(error) {
            MysqlError::ConnectionLost(source) if tls_ca::is_about_a_certificate(&source) => {
                MysqlError::Untrusted { server, source }
            }
            MysqlError::ConnectionLost(source) => MysqlError::Unreachable { server, source },
            other => other,
        }
    }

    /// With the current account and password.
    fn options_for(&self, address: SocketAddr) -> MySqlConnectOptions {
        let Login { user, password } = self.0.credentials.now();
        let options = self.0.options.clone().host(&address.ip().to_string());
        options.username(&user).password(password.expose_secret())
    }
}

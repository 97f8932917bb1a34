//! A MySQL server or Service known by its name, connections to it, and what can go wrong.
//!
//! The name is resolved anew for each connection that is opened, so that a pod which comes back with
//! another address is found without a restart. Every failure has a name of its own ([`MysqlError`])
//! within four seconds.

pub mod gtid;
mod nodelay;
pub mod pod_name;
mod pool;
mod uncancelled;

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

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
    uncancelled::{WORK_DEADLINE, to_its_end},
};
use crate::{
    config::{
        MysqlConfig,
        credentials::{Credentials, Login},
        tls_ca,
    },
    dns::{DnsError, Resolver},
};

/// How long somebody may take to accept a connection.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(3);

/// How long to wait until somebody accepts for the first time, and how often to try.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// How often the name of a server that is being connected to is asked for again.
const NAME_PERIOD: Duration = Duration::from_millis(250);

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MysqlError {
    /// The server's name has no address.
    #[error(transparent)]
    Name(#[from] DnsError),
    /// Nobody accepts a connection at the server's address.
    #[error("no connection to {server}")]
    Unreachable {
        /// The name and the address that were tried.
        server: String,
        /// What the attempt ended in.
        source: sqlx::Error,
    },
    /// The server's certificate is not signed by whoever must have signed it. Nothing was sent.
    #[error("the certificate of {server} is not to be trusted")]
    Untrusted {
        /// The name and the address that were tried.
        server: String,
        /// What is wrong with it.
        source: sqlx::Error,
    },
    /// The server does not let this account in, or not do this.
    #[error("the server refuses this account")]
    AccessDenied(#[source] sqlx::Error),
    /// The server has no connection left to give.
    #[error("the server has too many connections")]
    TooManyConnections(#[source] sqlx::Error),
    /// The server's volume has no room left. Without a cause the server did not say so: it waits for
    /// room, and the work with it.
    #[error("the server's volume is full")]
    DiskFull(#[source] Option<sqlx::Error>),
    /// The server takes no writes: it is a replica.
    #[error("the server is read-only")]
    ReadOnly(#[source] sqlx::Error),
    /// The database or a table is not there (yet).
    #[error("the schema is not there")]
    SchemaMissing(#[source] sqlx::Error),
    /// A row with the same unique key exists.
    #[error("a row with this unique key exists")]
    Duplicate(#[source] sqlx::Error),
    /// The connection broke while it was in use.
    #[error("the connection broke")]
    ConnectionLost(#[source] sqlx::Error),
    /// Every connection that this app may have is in use.
    #[error("all connections of the pool are in use")]
    Busy,
    /// The work took too long.
    #[error("no result within {0:?}")]
    Deadline(Duration),
    /// There is no replica to ask, or none that lets anybody connect.
    #[error("no replica behind {service} could be asked")]
    NoReplica {
        /// The headless Service whose pods were looked for.
        service: String,
        /// What the last attempt ended in, where there was one.
        source: Option<Box<MysqlError>>,
    },
    /// Anything else.
    #[error("the query failed")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for MysqlError {
    /// Tells errors apart by the server's own numbers:
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
            // The server is stopping, or ended this connection.
            (Some(1053 | 3169 | 4031), _) | (None, sqlx::Error::Io(_)) => {
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
    /// All but where to connect to, and as whom.
    options: MySqlConnectOptions,
    credentials: Credentials,
    resolver: Resolver,
}

impl Server {
    /// The server that the configuration names. Nothing is asked of it yet.
    #[must_use]
    pub fn new(config: &MysqlConfig, resolver: Resolver) -> Self {
        let options = MySqlConnectOptions::new()
            .port(config.port)
            .database(&config.name)
            .log_statements(tracing::log::LevelFilter::Debug)
            // What sqlx would set takes a round trip more, and nothing here depends on it.
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

    /// The name it is known by, such as `mysql-read`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The address that the name stands for at this moment.
    ///
    /// # Errors
    ///
    /// Where the name has no address or DNS does not answer.
    pub async fn address(&self) -> Result<SocketAddr, MysqlError> {
        let ip = self.0.resolver.address(&self.0.host).await?;
        Ok((ip, self.0.port).into())
    }

    /// Waits until the name stands for another address.
    async fn other_address_than(&self, known: SocketAddr) -> SocketAddr {
        loop {
            sleep(NAME_PERIOD).await;
            match self.address().await {
                Ok(address) if address != known => return address,
                // The same, or none at this moment: whoever connects will hear of it.
                _ => {}
            }
        }
    }

    /// Waits until somebody accepts a connection, for a minute at most.
    ///
    /// A Service has its address from the start, a pod's name only when the pod has one. A name that is
    /// asked for too early is remembered as missing by the cluster's DNS, and so for everybody, for up to
    /// 30 seconds. So whoever is about to ask for pods first waits for the Service in front of them.
    pub async fn wait_until_it_accepts(&self) {
        let accepted = async {
            while !self.accepts().await {
                sleep(BETWEEN_TRIES).await;
            }
        };
        if timeout(LONGEST_WAIT, accepted).await.is_err() {
            tracing::warn!("{} did not accept a connection within {LONGEST_WAIT:?}", self.host());
        }
    }

    async fn accepts(&self) -> bool {
        let Ok(address) = self.address().await else {
            return false;
        };
        matches!(timeout(ACCEPT_DEADLINE, TcpStream::connect(address)).await, Ok(Ok(_)))
    }

    /// Opens one new connection (TCP, TLS and authentication), and says to which address.
    ///
    /// # Errors
    ///
    /// Where the name has no address, nobody accepts there, or the server refuses.
    pub async fn connect(
        &self,
        deadline: Duration,
    ) -> Result<(MySqlConnection, SocketAddr), MysqlError> {
        let address = self.address().await?;
        let connecting = Box::pin(nodelay::connect(self.options_for(address), address));
        let connection = self.connected(address, deadline, connecting).await?;
        Ok((connection, address))
    }

    /// Opens one that will be kept.
    async fn connect_to(
        &self,
        address: SocketAddr,
        deadline: Duration,
    ) -> Result<MySqlConnection, MysqlError> {
        let options = self.options_for(address);
        self.connected(address, deadline, Box::pin(options.connect())).await
    }

    /// On the heap: the state of a TLS handshake is not to be moved about with every future around it.
    async fn connected(
        &self,
        address: SocketAddr,
        deadline: Duration,
        connecting: Pin<Box<impl Future<Output = sqlx::Result<MySqlConnection>>>>,
    ) -> Result<MySqlConnection, MysqlError> {
        let error = match timeout(deadline, connecting).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        Err(self.not_connected(error, address))
    }

    /// Before there is a connection, none can be lost.
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

    /// With the account and the password of this moment.
    fn options_for(&self, address: SocketAddr) -> MySqlConnectOptions {
        let Login { user, password } = self.0.credentials.now();
        let options = self.0.options.clone().host(&address.ip().to_string());
        options.username(&user).password(password.expose_secret())
    }
}

//! The primary, and what it is asked to do.

pub mod commit;
mod disk_full;
mod insert;
mod migrate;
pub mod replicas;

use std::{net::SocketAddr, time::Duration};

use app_core::{
    config::MysqlConfig,
    dns::Resolver,
    http::{error::Error, metrics::QueryMetrics},
    mysql::{MysqlError, Pool, PoolStatus, Pooled, Server, pod_name::PodName, to_its_end},
};

use self::{
    commit::{Acknowledgements, Before, Commit},
    disk_full::Volume,
    insert::Made,
    replicas::pod_and_service,
};
use crate::{idempotency::IdempotencyKey, registration::Registration};

/// Connections to the primary. A single INSERT is short, and the server allows 100 in all.
const CONNECTIONS: u32 = 20;

/// How long a request may wait for one of them.
const PATIENCE: Duration = Duration::from_millis(2_700);

/// For how long a connection that answered is taken to be there: between two requests of many, and no longer, for
/// an INSERT that is lost with its connection is not sent again.
const FRESH: Duration = Duration::from_millis(25);

/// The one server that takes writes. A type of its own, so that no replica can be passed instead.
#[derive(Clone)]
pub struct Primary {
    pool: Pool<Before>,
    volume: Volume,
    acknowledgements: Acknowledgements,
    queries: QueryMetrics,
}

/// A user who is now registered.
#[derive(Debug)]
pub struct Registered {
    /// The new row's key.
    pub id: u64,
    /// `@@report_host` of the connection that ran the INSERT: the name of the pod that took it.
    pub pod: PodName,
    /// From sending the INSERT to its answer, which comes after the commit: a replica's
    /// acknowledgement, or the wait for it, is a part of it.
    pub took: Duration,
    /// What MySQL says of the commit.
    pub commit: Commit,
    /// Whether an earlier attempt under the same key had made it.
    pub is_repeated: bool,
}

impl Primary {
    /// The primary that the configuration names. Nothing is asked of it yet.
    #[must_use]
    pub fn new(config: &MysqlConfig, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let pool = Pool::new(Server::new(config, resolver), CONNECTIONS, PATIENCE, FRESH);
        let (volume, acknowledgements) = Default::default();
        Self { pool, volume, acknowledgements, queries: queries.clone() }
    }

    /// The connections to it.
    pub(crate) fn pool(&self) -> PoolStatus {
        self.pool.status()
    }

    /// The name that it is known by.
    #[must_use]
    pub fn host(&self) -> &str {
        self.pool.server().host()
    }

    /// The address that its name stands for at this moment.
    ///
    /// # Errors
    ///
    /// Where the name has no address.
    pub async fn address(&self) -> Result<SocketAddr, MysqlError> {
        self.pool.server().address().await
    }

    /// Brings the schema to the primary; does nothing where it is there.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub async fn migrate(&self) -> Result<(), MysqlError> {
        let pool = self.pool.clone();
        to_its_end(async move {
            let mut connection = pool.acquire().await?;
            migrate::bring(&mut connection).await
        })
        .await
    }

    /// Registers a user; under a key that was used for the same values before, the one that it was used
    /// for.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] where the email is taken, [`Error::IdempotencyKeyReused`] where the key is;
    /// otherwise why it could not. Some errors leave it open whether the user is registered:
    /// [`Error::leaves_outcome_unknown`].
    pub async fn register(
        &self,
        registration: Registration,
        key: Option<IdempotencyKey>,
    ) -> Result<Registered, Error> {
        let primary = self.clone();
        let made = async move { primary.make(&registration, key.as_ref()).await };
        let made = to_its_end(made).await;
        self.count(&made);
        let (made, connection) = made?;
        Ok(made.registered(connection, &self.acknowledgements).await)
    }

    /// Where nobody answered, the pod is the one that the primary's name is about.
    fn count(&self, made: &Result<(Made, Pooled<Before>), Error>) {
        let (asked, _) = pod_and_service(self.host());
        let asked = PodName::new(asked.to_owned());
        match made {
            Ok((made, _)) => self.queries.count(Some(made.pod()), Ok(())),
            Err(error) => self.queries.count(Some(&asked), Err(error.code())),
        }
    }

    /// What the answer depends on. The connection comes with it, to be asked about the commit.
    async fn make(
        &self,
        registration: &Registration,
        key: Option<&IdempotencyKey>,
    ) -> Result<(Made, Pooled<Before>), Error> {
        let mut connection = self.pool.acquire().await?;
        self.volume.check(&mut connection).await?;
        let making = insert::register(&mut connection, registration, key);
        match self.volume.watch(self.pool.server(), making).await {
            Ok(made) => Ok((made, connection)),
            // It was sent, and may be done while nobody waits for it any more.
            Err(Error::Database(
                error @ (MysqlError::Deadline(_) | MysqlError::DiskFull(None)),
            )) => Err(Error::OutcomeUnknown(error)),
            Err(error) => {
                if matches!(error, Error::Conflict(_) | Error::IdempotencyKeyReused) {
                    connection.give_back();
                }
                Err(error)
            }
        }
    }
}

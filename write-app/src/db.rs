//! The primary, and what write-app asks it to do.

mod commit;
mod disk_full;
mod insert;
mod migrate;
pub(crate) mod replicas;

use std::{net::SocketAddr, time::Duration};

use app_core::{
    config::MysqlConfig,
    dns::Resolver,
    http::{
        error::{Error, causes},
        metrics::QueryMetrics,
    },
    mysql::{
        MAX_LIFETIME, MysqlError, Pool, PoolConfig, PoolStatus, Pooled, Server, pod_name::PodName,
        to_its_end,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::{
    commit::{BeforeCommit, Commit, LatestSemiSync},
    disk_full::DiskFullCheck,
    insert::Inserted,
    replicas::pod_and_service,
};
use crate::{idempotency::Sender, registration::Registration};

/// An INSERT is short, and the server allows 100 connections. A connection that was idle for 25 ms is pinged first:
/// write-app does not send an INSERT again that is lost with its connection.
const POOL: PoolConfig = PoolConfig {
    size: 20,
    acquire_timeout: Duration::from_millis(2_700),
    fresh_for: Duration::from_millis(25),
    max_lifetime: MAX_LIFETIME,
};

/// The one server that takes writes. It has its own type, so that no replica can be passed instead.
#[derive(Clone)]
pub(crate) struct Primary {
    pool: Pool<BeforeCommit>,
    disk_full: DiskFullCheck,
    semi_sync: LatestSemiSync,
    queries: QueryMetrics,
}

/// A registered user.
// Programs get these fields as JSON, browsers in a cookie. The docs below are part of /openapi.json.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct Registered {
    pub(crate) id: u64,
    /// `@@report_host` of the connection that ran the INSERT. Where an earlier attempt registered the user, of the
    /// connection that found the user.
    #[schema(value_type = String)]
    pub(crate) pod: PodName,
    /// A pod that has these transactions has the user: read-app's `after`.
    pub(crate) gtid: Option<String>,
    /// Whether a replica is known to have stored the commit before the primary answered. Null where MySQL does not
    /// say.
    pub(crate) acknowledged: Option<bool>,
    /// Milliseconds from sending the INSERT to its result. The wait for a replica is a part of it. Null where an
    /// earlier attempt registered the user: how long that took is not known.
    pub(crate) commit_ms: Option<u64>,
    /// Whether the user was registered already, by an earlier attempt at the same registration.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) repeated: bool,
}

impl Primary {
    /// Opens no connection yet.
    pub(crate) fn new(config: &MysqlConfig, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let pool = Pool::new(Server::new(config, resolver), POOL);
        let (disk_full, semi_sync) = Default::default();
        Self { pool, disk_full, semi_sync, queries: queries.clone() }
    }

    pub(crate) fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }

    /// The configured name, such as `mysql-0.mysql`.
    pub(crate) fn host(&self) -> &str {
        self.pool.server().host()
    }

    /// The address that DNS has for the name at this moment.
    pub(crate) async fn address(&self) -> Result<SocketAddr, MysqlError> {
        self.pool.server().address().await
    }

    /// Applies the migrations that the primary does not have yet. Returns what is unusual about the schema, or an
    /// empty text.
    pub(crate) async fn migrate(&self) -> Result<String, MysqlError> {
        let pool = self.pool.clone();
        to_its_end(async move {
            let mut connection = pool.acquire().await?;
            migrate::run(&mut connection).await
        })
        .await
    }

    /// Registers a user. Where this [`Sender`] sent the same registration before, the result is the user who
    /// was registered then.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] where the email is taken, [`Error::IdempotencyKeyReused`] where a program's key was
    /// used for other values, [`Error::OutcomeUnknown`] where the user may be registered nevertheless.
    pub(crate) async fn register(
        &self,
        registration: Registration,
        sender: Sender,
    ) -> Result<Registered, Error> {
        let primary = self.clone();
        let registering = async move { primary.insert(&registration, &sender).await };
        let registered = to_its_end(registering).await;
        match &registered {
            Ok(registered) => self.queries.count(Some(&registered.pod), Ok(())),
            // No pod has said its name: count the pod that write-app meant to reach.
            Err(error) => {
                let (pod, _) = pod_and_service(self.host());
                self.queries.count(Some(&PodName::new(pod.to_owned())), Err(error.code()));
            }
        }
        registered
    }

    async fn insert(
        &self,
        registration: &Registration,
        sender: &Sender,
    ) -> Result<Registered, Error> {
        let mut connection = self.pool.acquire().await?;
        self.disk_full.check(&mut connection).await?;
        let inserting = insert::user(&mut connection, registration, sender);
        match self.disk_full.watch(self.pool.server(), inserting).await {
            Ok(inserted) => Ok(self.registered(inserted, connection).await),
            Err(error) => {
                if matches!(error, Error::Conflict(_) | Error::IdempotencyKeyReused) {
                    connection.give_back();
                }
                Err(error)
            }
        }
    }

    /// Adds what MySQL says of the commit. The user is registered, so this must not fail: what MySQL
    /// does not say is left out.
    async fn registered(
        &self,
        Inserted { id, commit_ms, before }: Inserted,
        mut connection: Pooled<BeforeCommit>,
    ) -> Registered {
        let pod = PodName::new(before.pod.clone());
        let repeated = commit_ms.is_none();
        let mut commit = Commit::default();
        let asked = if repeated {
            commit.ask_for_all(&mut connection).await
        } else {
            commit.ask(&mut connection, before, &self.semi_sync).await
        };
        match asked {
            Ok(()) => connection.give_back(),
            Err(error) => tracing::warn!("MySQL does not say all of a commit: {}", causes(&error)),
        }
        let Commit { gtid, acknowledged } = commit;
        Registered { id, pod, gtid, acknowledged, commit_ms, repeated }
    }
}

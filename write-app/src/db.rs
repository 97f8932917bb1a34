//! The primary, and what it is asked to do.

pub mod commit;
pub mod replicas;
mod schema;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use app_core::{
    config::DatabaseConfig,
    database::{DatabaseError, Pool, PoolStatus, Pooled, Server, to_its_end},
    dns::Resolver,
    error::causes,
    metrics::QueryMetrics,
    pod::PodName,
};
use sqlx::MySqlConnection;

use self::{
    commit::{Commit, CommitsAlone},
    replicas::pod_and_service,
};
use crate::registration::Registration;

/// Connections to the primary. A single INSERT is short, and the server allows 100 in all.
const CONNECTIONS: u32 = 20;

/// The one server that takes writes. A type of its own, so that no replica can be passed instead.
#[derive(Clone)]
pub struct Primary {
    pool: Pool,
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
}

/// What the INSERT itself tells.
struct Inserted {
    id: u64,
    pod: PodName,
    took: Duration,
    alone_before: CommitsAlone,
}

impl Primary {
    /// The primary that the configuration names. Nothing is asked of it yet.
    #[must_use]
    pub fn new(config: &DatabaseConfig, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let pool = Pool::new(Server::new(config, resolver), CONNECTIONS);
        Self { pool, queries: queries.clone() }
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
    pub async fn address(&self) -> Result<SocketAddr, DatabaseError> {
        self.pool.server().address().await
    }

    /// Brings the schema to the primary; does nothing where it is there.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let pool = self.pool.clone();
        to_its_end(async move {
            let mut connection = pool.acquire().await?;
            schema::bring(&mut connection).await
        })
        .await
    }

    /// Registers a user.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Duplicate`] where the email is taken; otherwise why it could not. After
    /// [`DatabaseError::ConnectionLost`] and [`DatabaseError::Deadline`] the user may be registered.
    pub async fn register(&self, registration: Registration) -> Result<Registered, DatabaseError> {
        let pool = self.pool.clone();
        let inserted = to_its_end(async move {
            let mut connection = pool.acquire().await?;
            match insert(&mut connection, &registration).await {
                Ok(inserted) => Ok((inserted, connection)),
                Err(error) => {
                    if matches!(error, DatabaseError::Duplicate(_)) {
                        connection.give_back();
                    }
                    Err(error)
                }
            }
        })
        .await;
        self.count(inserted.as_ref().map(|(inserted, _)| inserted));
        let (inserted, connection) = inserted?;
        let Inserted { id, pod, took, alone_before } = inserted;
        Ok(Registered { id, pod, took, commit: commit_on(connection, alone_before).await })
    }

    /// Where nobody answered, the pod is the one that the primary's name is about.
    fn count(&self, inserted: Result<&Inserted, &DatabaseError>) {
        let (asked, _) = pod_and_service(self.host());
        let asked = PodName::new(asked.to_owned());
        match inserted {
            Ok(inserted) => self.queries.count(Some(&inserted.pod), Ok(())),
            Err(error) => self.queries.count(Some(&asked), Err(error)),
        }
    }
}

/// The row is in, and nothing may fail any more: what cannot be had is left out.
async fn commit_on(mut connection: Pooled, alone_before: CommitsAlone) -> Commit {
    match commit::last_on(&mut connection, alone_before).await {
        Ok(commit) => {
            connection.give_back();
            commit
        }
        Err(error) => {
            tracing::warn!("what MySQL says of a commit is not known: {}", causes(&error));
            Commit::default()
        }
    }
}

/// The pod is asked for first: once the row is in, nothing may fail any more.
async fn insert(
    connection: &mut MySqlConnection,
    registration: &Registration,
) -> Result<Inserted, DatabaseError> {
    let (pod, alone_before) = commit::before(connection).await?;
    let sent = Instant::now();
    let inserted = sqlx::query("INSERT INTO users (name, email) VALUES (?, ?)")
        .bind(registration.name.as_str())
        .bind(registration.email.as_str())
        .execute(connection)
        .await?;
    let took = sent.elapsed();
    Ok(Inserted { id: inserted.last_insert_id(), pod, took, alone_before })
}

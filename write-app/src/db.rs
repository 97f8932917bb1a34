//! The primary, and what it is asked to do.

mod schema;

use std::net::SocketAddr;

use app_core::{
    config::DatabaseConfig,
    database::{DatabaseError, Pool, Server, to_its_end},
    dns::Resolver,
    pod::PodName,
};
use sqlx::MySqlConnection;

use crate::registration::Registration;

/// Connections to the primary. A single INSERT is short, and the server allows 100 in all.
const CONNECTIONS: u32 = 20;

/// The one server that takes writes. A type of its own, so that no replica can be passed instead.
#[derive(Clone)]
pub struct Primary(Pool);

/// A user who is now registered.
#[derive(Debug)]
pub struct Registered {
    /// The new row's key.
    pub id: u64,
    /// `@@report_host` of the connection that ran the INSERT: the name of the pod that took it.
    pub pod: PodName,
}

impl Primary {
    /// The primary that the configuration names. Nothing is asked of it yet.
    #[must_use]
    pub fn new(config: &DatabaseConfig, resolver: Resolver) -> Self {
        Self(Pool::new(Server::new(config, resolver), CONNECTIONS))
    }

    /// The name that it is known by.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.server().host()
    }

    /// The address that its name stands for at this moment.
    ///
    /// # Errors
    ///
    /// Where the name has no address.
    pub async fn address(&self) -> Result<SocketAddr, DatabaseError> {
        self.0.server().address().await
    }

    /// Brings the schema to the primary; does nothing where it is there.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let pool = self.0.clone();
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
        let pool = self.0.clone();
        to_its_end(async move {
            let mut connection = pool.acquire().await?;
            let result = insert(&mut connection, &registration).await;
            if matches!(result, Ok(_) | Err(DatabaseError::Duplicate(_))) {
                connection.give_back();
            }
            result
        })
        .await
    }
}

/// The pod is asked for first: once the row is in, nothing may fail any more.
async fn insert(
    connection: &mut MySqlConnection,
    registration: &Registration,
) -> Result<Registered, DatabaseError> {
    let pod = sqlx::query_scalar("SELECT @@report_host").fetch_one(&mut *connection).await?;
    let inserted = sqlx::query("INSERT INTO users (name, email) VALUES (?, ?)")
        .bind(registration.name.as_str())
        .bind(registration.email.as_str())
        .execute(connection)
        .await?;
    Ok(Registered { id: inserted.last_insert_id(), pod: PodName::new(pod) })
}

//! Queries through `mysql-read`, and who answered them.
//!
//! Each query gets a connection of its own, because that is when a Service chooses: kube-proxy picks
//! a pod for a connection when it is opened, and never again. A pool would go on asking the pods that
//! its first connections happened to meet.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use app_core::{
    config::DatabaseConfig,
    database::{DatabaseError, Server, to_its_end},
    dns::Resolver,
    error::causes,
    pod::PodName,
};
use sqlx::{Connection as _, MySqlConnection};
use time::OffsetDateTime;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// A query is tried again after these pauses. Reading twice does no harm, and the Service may pick
/// another pod: it still sends connections to one that has just died, until the cluster notices.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// How long opening a connection may take: a few milliseconds, unless nobody is there. All attempts
/// together end within four seconds.
const CONNECT_DEADLINE: Duration = Duration::from_millis(600);

/// How many users a page shows.
pub const PAGE_LENGTH: u32 = 50;

/// How many connections may be open at once; a server allows 100 in all.
const CONNECTIONS: usize = 32;

/// How long a request may wait until one of them is closed.
const SLOT_DEADLINE: Duration = Duration::from_secs(3);

/// The Service that reads go through. Cheap to clone.
#[derive(Clone)]
pub struct ReadService {
    server: Server,
    slots: Arc<Semaphore>,
}

/// One registered user.
#[derive(Debug, sqlx::FromRow)]
pub struct User {
    /// The row's key; a newer user has a larger one.
    pub id: u64,
    /// The name as it was registered.
    pub name: String,
    /// The email as it was registered.
    pub email: String,
    /// When, in UTC, to the second.
    pub created_at: OffsetDateTime,
}

/// What one connection had to say: the rows, and where they come from.
#[derive(Debug)]
pub struct Answer {
    /// The newest [`PAGE_LENGTH`] users, newest first.
    pub users: Vec<User>,
    /// The pod at the other end of the connection.
    pub pod: PodName,
    /// What that pod is.
    pub role: Role,
    /// The address that the connection was opened to: the Service's, not the pod's.
    pub asked: SocketAddr,
}

/// What a server is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It is super-read-only and follows the primary.
    Replica,
}

impl ReadService {
    /// The Service that the configuration names. Nothing is asked of it yet.
    #[must_use]
    pub fn new(config: &DatabaseConfig, resolver: Resolver) -> Self {
        Self { server: Server::new(config, resolver), slots: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// The name that it is known by.
    #[must_use]
    pub fn host(&self) -> &str {
        self.server.host()
    }

    /// The newest users, as whichever pod the Service picked has them.
    ///
    /// # Errors
    ///
    /// Why no pod answered.
    pub async fn newest_users(&self) -> Result<Answer, DatabaseError> {
        let Self { server, slots } = self.clone();
        to_its_end(async move {
            let slot = timeout(SLOT_DEADLINE, slots.acquire_owned()).await;
            let _slot = slot.map_err(|_| DatabaseError::Busy)?;
            for pause in PAUSES {
                match ask_a_pod(&server).await {
                    Err(error) if another_pod_might_answer(&error) => {
                        tracing::info!(error = causes(&error), "asking again in {pause:?}");
                    }
                    answer => return answer,
                }
                sleep(pause).await;
            }
            ask_a_pod(&server).await
        })
        .await
    }
}

/// Whether the error is of one pod, and says nothing of the others.
fn another_pod_might_answer(error: &DatabaseError) -> bool {
    matches!(
        error,
        DatabaseError::Unreachable { .. }
            | DatabaseError::TooManyConnections(_)
            | DatabaseError::ConnectionLost(_)
    )
}

/// Asks whichever pod the Service picks now.
async fn ask_a_pod(server: &Server) -> Result<Answer, DatabaseError> {
    let (mut connection, asked) = server.connect(CONNECT_DEADLINE).await?;
    let (pod, role) = server_identity(&mut connection).await?;
    let users = select_newest(&mut connection).await?;
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not close cleanly");
    }
    Ok(Answer { users, pod, role, asked })
}

async fn server_identity(
    connection: &mut MySqlConnection,
) -> Result<(PodName, Role), DatabaseError> {
    let (pod, read_only): (String, bool) =
        sqlx::query_as("SELECT @@report_host, @@super_read_only").fetch_one(connection).await?;
    let role = if read_only { Role::Replica } else { Role::Primary };
    Ok((PodName::new(pod), role))
}

async fn select_newest(connection: &mut MySqlConnection) -> Result<Vec<User>, DatabaseError> {
    let users =
        sqlx::query_as("SELECT id, name, email, created_at FROM users ORDER BY id DESC LIMIT ?")
            .bind(PAGE_LENGTH)
            .fetch_all(connection)
            .await?;
    Ok(users)
}

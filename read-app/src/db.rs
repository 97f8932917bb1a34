//! What one connection is asked, and what it says: the pod that is named and the rows that are shown
//! come from the same connection.

mod users;

use std::time::{Duration, Instant};

use app_core::mysql::{MysqlError, gtid::GtidSet, pod_name::PodName};
use serde::Serialize;
use sqlx::{FromRow, MySqlConnection};
use utoipa::ToSchema;

pub use self::users::{User, UsersPage};

/// The statement behind each dot. It is shown as it is sent.
pub const IDENTITY: &str = "SELECT @@report_host, @@super_read_only, CONNECTION_ID()";

/// What a connection is asked, besides who it leads to.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Transactions that the pod must have applied before it is asked for users.
    pub after: Option<After>,
    /// Which users, and how many of them at most.
    pub users: Option<(UsersQuery, usize)>,
}

impl Question {
    /// How long it asks to wait at most.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.after.as_ref().map_or(Duration::ZERO, |after| after.wait)
    }
}

/// Transactions to wait for.
#[derive(Clone, Debug)]
pub struct After {
    /// What a write gave as its token.
    pub token: GtidSet,
    /// How long to wait.
    pub wait: Duration,
}

/// Which of the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsersQuery {
    /// The newest.
    Newest,
    /// The newest of those before this id.
    OlderThan(u64),
    /// Those next after this id.
    NewerThan(u64),
    /// Those whose name or email begins so.
    Beginning(String),
}

/// What one connection said.
#[derive(Debug)]
pub struct Answer {
    /// Who it leads to.
    pub server: ServerIdentity,
    /// Whether the pod had what was to be waited for.
    pub freshness: Option<Freshness>,
    /// The users, where they were asked for.
    pub users: Option<UsersPage>,
}

/// The server at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// The pod.
    pub pod: PodName,
    /// What the pod is.
    pub role: Role,
    /// The server's own number for the connection: a kept connection keeps it.
    pub connection: u64,
}

/// What a server is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It is super-read-only and follows the primary.
    Replica,
}

impl Role {
    /// By `@@super_read_only`.
    #[must_use]
    pub fn new(super_read_only: bool) -> Self {
        if super_read_only { Self::Replica } else { Self::Primary }
    }

    /// As people say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// Whether a pod has the transactions that a client must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It had them when it was asked.
    AtOnce,
    /// It had them after this time.
    AfterWaiting(Duration),
    /// It does not have them yet: it lacks so many transactions up to the last of them.
    Behind(u64),
}

/// Asks everything on one connection, in this order.
///
/// # Errors
///
/// Why it did not answer.
pub async fn answer(
    connection: &mut MySqlConnection,
    server: ServerIdentity,
    question: &Question,
) -> Result<Answer, MysqlError> {
    let freshness = match &question.after {
        Some(after) => Some(freshness(connection, after).await?),
        None => None,
    };
    let users = match &question.users {
        Some((query, length)) => Some(users::page(connection, query, *length).await?),
        None => None,
    };
    Ok(Answer { server, freshness, users })
}

/// Asks who is at the other end.
///
/// # Errors
///
/// Why it did not answer.
pub async fn identity(connection: &mut MySqlConnection) -> Result<ServerIdentity, MysqlError> {
    // As text: to prepare it would take a round trip more, and it is asked once or seldom.
    let row = sqlx::raw_sql(IDENTITY).fetch_one(connection).await?;
    let (pod, read_only, connection): (String, bool, u64) = FromRow::from_row(&row)?;
    Ok(ServerIdentity { pod: PodName::new(pod), role: Role::new(read_only), connection })
}

/// <https://dev.mysql.com/doc/refman/9.7/en/gtid-functions.html>
async fn freshness(
    connection: &mut MySqlConnection,
    After { token, wait }: &After,
) -> Result<Freshness, MysqlError> {
    let has_them: bool = sqlx::query_scalar("SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed)")
        .bind(token.to_string())
        .fetch_one(&mut *connection)
        .await?;
    if has_them {
        return Ok(Freshness::AtOnce);
    }
    let start = Instant::now();
    // A timeout of 0 would mean to wait without end.
    if !wait.is_zero() {
        let timed_out: bool = sqlx::query_scalar("SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)")
            .bind(token.to_string())
            .bind(wait.as_secs_f64())
            .fetch_one(&mut *connection)
            .await?;
        if !timed_out {
            return Ok(Freshness::AfterWaiting(start.elapsed()));
        }
    }
    let lacks: String = sqlx::query_scalar("SELECT GTID_SUBTRACT(?, @@GLOBAL.gtid_executed)")
        .bind(token.with_all_before().to_string())
        .fetch_one(connection)
        .await?;
    Ok(Freshness::Behind(lacks.parse::<GtidSet>().map_or(1, |set| set.transactions())))
}

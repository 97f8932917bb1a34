//! One read on one connection: the pod that is named and the users that are listed come from the same
//! connection.

mod users;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use app_core::mysql::{
    MAX_LIFETIME, MysqlError, Pool, PoolConfig, Pooled, Server, gtid::GtidSet, pod_name::PodName,
};
use serde::Serialize;
use sqlx::{Connection as _, FromRow, MySqlConnection};
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

pub(crate) use self::users::{MOST_MATCHES, Position, User, UsersPage, UsersQuery};

/// The statement behind each dot. The page shows it as it is sent.
pub(crate) const IDENTITY: &str = "SELECT @@report_host, @@super_read_only, CONNECTION_ID()";

/// How long opening a connection may take. It takes a few milliseconds where a server accepts. All attempts
/// together end within four seconds.
const CONNECT_DEADLINE: Duration = Duration::from_millis(600);

/// What to read, besides the server's identity.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadRequest {
    /// Transactions that the pod must have applied before it lists users.
    pub(crate) after: Option<After>,
    /// Which users, and how many of them at most.
    pub(crate) users: Option<(UsersQuery, usize)>,
    /// Whether it is enough what a kept connection said of its server when it was opened. This saves a round trip.
    /// The page asks each time: a dot is an answer.
    pub(crate) trusts_known: bool,
}

impl ReadRequest {
    /// How long it may wait for transactions.
    pub(crate) fn wait(&self) -> Duration {
        self.after.as_ref().map_or(Duration::ZERO, |after| after.wait)
    }

    /// Shortens that time, for another attempt.
    pub(crate) fn wait_at_most(&mut self, time_left: Duration) {
        if let Some(after) = &mut self.after {
            after.wait = after.wait.min(time_left);
        }
    }
}

/// Transactions to wait for.
#[derive(Clone, Debug)]
pub(crate) struct After {
    /// The token of a write.
    pub(crate) token: GtidSet,
    /// How long to wait.
    pub(crate) wait: Duration,
}

/// What a pod answered.
#[derive(Debug)]
pub(crate) struct ReadResult {
    pub(crate) server: ServerIdentity,
    /// Whether the pod had the transactions, where the request named some.
    pub(crate) freshness: Option<Freshness>,
    /// The users, where the request asked for them.
    pub(crate) users: Option<UsersPage>,
    /// Where the connection leads to: for `mysql-read` the Service's address, not the pod's.
    pub(crate) address: SocketAddr,
    /// How long this attempt took, with the opening of a connection.
    pub(crate) took: Duration,
    /// Why the attempts before it failed.
    pub(crate) failed_attempts: Vec<MysqlError>,
}

/// The server at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerIdentity {
    pub(crate) pod: PodName,
    pub(crate) role: Role,
    /// The server's number for the connection: a kept connection keeps it.
    pub(crate) connection: u64,
}

/// What a server does in replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// It takes writes.
    Primary,
    /// It is super-read-only and follows the primary.
    Replica,
}

impl Role {
    /// By `@@super_read_only`.
    pub(crate) fn new(super_read_only: bool) -> Self {
        if super_read_only { Self::Replica } else { Self::Primary }
    }

    /// The word for people, and for a metric's label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// Whether a pod has the transactions that a client must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It had them already.
    AtOnce,
    /// It had them after this time.
    AfterWaiting(Duration),
    /// It does not have them yet, and lacks this many transactions up to the last of them. None where the number is
    /// not known.
    Behind(Option<u64>),
}

impl Freshness {
    /// By what the pod lacked when the time was up. It may have got the last of it since then.
    fn of(lacks: &str, waited: Duration) -> Self {
        match GtidSet::count(lacks) {
            Some(0) => Self::AfterWaiting(waited),
            transactions => Self::Behind(transactions),
        }
    }
}

/// A read that waits for transactions has a kept connection for so long at a time. Then it lets other reads have the
/// connection, and asks again after the pause.
const TURN: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(50);

/// A pool of connections that remember which server they lead to. After a second of waiting for a connection, a
/// read still has time for another pod. With fifty pods in turn, each connection is idle for 100 ms. A ping would
/// be a second round trip, and routing repeats a read whose connection is gone.
pub(crate) fn pool(server: Server, size: u32) -> Pool<ServerIdentity> {
    let config = PoolConfig {
        size,
        acquire_timeout: Duration::from_secs(1),
        fresh_for: Duration::from_millis(100),
        max_lifetime: MAX_LIFETIME,
    };
    Pool::new(server, config)
}

/// Reads on a connection that is opened for this read and closed after it; `slot` is dropped once the
/// connection is closed.
pub(crate) async fn read_on_new(
    server: &Server,
    request: &ReadRequest,
    slot: impl Send + 'static,
) -> Result<ReadResult, MysqlError> {
    let start = Instant::now();
    let (mut connection, address) = server.connect(CONNECT_DEADLINE).await?;
    let server = identity(&mut connection).await?;
    let freshness = match &request.after {
        Some(After { token, wait }) => Some(freshness(&mut connection, token, *wait).await?),
        None => None,
    };
    let users = users_page(&mut connection, request).await?;
    // The response does not wait for this: the server takes a millisecond to close its end.
    tokio::spawn(async move {
        drop(timeout(CONNECT_DEADLINE, connection.close()).await);
        drop(slot);
    });
    Ok(result(server, freshness, users, address, start))
}

fn result(
    server: ServerIdentity,
    freshness: Option<Freshness>,
    users: Option<UsersPage>,
    address: SocketAddr,
    start: Instant,
) -> ReadResult {
    let took = start.elapsed();
    ReadResult { server, freshness, users, address, took, failed_attempts: Vec::new() }
}

/// Reads on a connection of the pool.
pub(crate) async fn read_on_kept(
    pool: &Pool<ServerIdentity>,
    request: &ReadRequest,
) -> Result<ReadResult, MysqlError> {
    let start = Instant::now();
    let mut connection = pool.acquire().await?;
    let mut freshness = None;
    if let Some(after) = &request.after {
        (connection, freshness) = wait_in_turns(pool, connection, after, start).await?;
    }
    let server = known_identity(&mut connection, request.trusts_known).await?;
    let users = users_page(&mut connection, request).await?;
    let address = connection.address();
    connection.give_back();
    Ok(result(server, freshness, users, address, start))
}

/// Other reads have the connection between two turns.
async fn wait_in_turns(
    pool: &Pool<ServerIdentity>,
    mut connection: Pooled<ServerIdentity>,
    After { token, wait }: &After,
    start: Instant,
) -> Result<(Pooled<ServerIdentity>, Option<Freshness>), MysqlError> {
    let mut found = freshness(&mut connection, token, TURN.min(*wait)).await?;
    while matches!(found, Freshness::Behind(_)) && start.elapsed() < *wait {
        connection.give_back();
        sleep(PAUSE).await;
        connection = pool.acquire().await?;
        found = match freshness(&mut connection, token, TURN).await? {
            Freshness::Behind(transactions) => Freshness::Behind(transactions),
            _ => Freshness::AfterWaiting(start.elapsed()),
        };
    }
    Ok((connection, Some(found)))
}

async fn known_identity(
    connection: &mut Pooled<ServerIdentity>,
    trusts_known: bool,
) -> Result<ServerIdentity, MysqlError> {
    if let Some(server) = connection.known()
        && trusts_known
    {
        return Ok(server.clone());
    }
    let server = identity(connection).await?;
    connection.learn(server.clone());
    Ok(server)
}

async fn users_page(
    connection: &mut MySqlConnection,
    request: &ReadRequest,
) -> Result<Option<UsersPage>, MysqlError> {
    match &request.users {
        Some((query, length)) => users::page(connection, query, *length).await.map(Some),
        None => Ok(None),
    }
}

async fn identity(connection: &mut MySqlConnection) -> Result<ServerIdentity, MysqlError> {
    // As text: to prepare it would take another round trip, and a connection sends it once or seldom.
    let row = sqlx::raw_sql(IDENTITY).fetch_one(connection).await?;
    let (pod, read_only, connection): (String, bool, u64) = FromRow::from_row(&row)?;
    Ok(ServerIdentity { pod: PodName::new(pod), role: Role::new(read_only), connection })
}

/// <https://dev.mysql.com/doc/refman/9.7/en/gtid-functions.html>
async fn freshness(
    connection: &mut MySqlConnection,
    token: &GtidSet,
    wait: Duration,
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
    Ok(Freshness::of(&lacks, start.elapsed()))
}

#[test]
fn a_pod_that_lacks_nothing_is_not_behind_and_an_unknown_number_is_not_one() {
    let waited = Duration::from_millis(200);
    let one = "3e11fa47-71ca-11e1-9e33-c80aa9429562:57";
    assert_eq!(Freshness::of("", waited), Freshness::AfterWaiting(waited));
    assert_eq!(Freshness::of(one, waited), Freshness::Behind(Some(1)));
    assert_eq!(Freshness::of(&format!("{one},").repeat(60), waited), Freshness::Behind(None));
}

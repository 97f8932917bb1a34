//! What MySQL says of a commit: its GTID, and whether a replica acknowledged it.
//!
//! The GTID of one's own commit would come with the answer to the INSERT (`session_track_gtids`), but
//! sqlx does not read that part of an answer. The performance schema keeps the last transaction of each
//! connection, with its GTID: exact, however many others commit at the same time.
//!
//! How many commits went without an acknowledgement is a status variable. To read one takes MySQL half a
//! millisecond under a lock, whoever asks; so one answer serves all commits that came before its question.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use app_core::mysql::{MysqlError, Pooled, gtid::GtidSet, pod_name::PodName};
use sqlx::MySqlConnection;
use tokio::{sync::Mutex, time::timeout};

/// How long the questions after the commit may take; they read a few rows in memory.
const DEADLINE: Duration = Duration::from_secs(1);

/// The pod, and how many commits it made without a replica's acknowledgement.
const BEFORE: &str = "SELECT @@report_host, \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_no_tx')";

/// Whether commits wait for a replica, and how many were made alone.
const SEMI_SYNC: &str = "SELECT \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_status'), \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_no_tx')";

/// The GTID of this connection's last commit. A query of the performance schema is no transaction, so it
/// does not take the place of the one that it asks for.
const LAST_GTID: &str = "SELECT gtid FROM performance_schema.events_transactions_current \
     WHERE thread_id = PS_CURRENT_THREAD_ID() AND state = 'COMMITTED'";

/// All that the primary has committed, for an account that may not see the former.
const ALL_GTIDS: &str = "SELECT @@GLOBAL.gtid_executed";

/// How many commits the primary has made without a replica's acknowledgement, since it started. None
/// where it does not count them.
type CommitsAlone = Option<String>;

/// What a connection said before a commit. It holds for a moment longer: where another connection's commit
/// went alone meanwhile, this one's is taken to be alone too, which is too modest and never too bold.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    /// The pod at the other end.
    pub(super) pod: PodName,
    alone: CommitsAlone,
}

/// What is known of a commit. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Transactions among which it is: as a rule itself alone. Whoever has them all has this commit.
    pub gtids: Option<GtidSet>,
    /// Whether a replica had stored it before it was answered, where the primary says so. `false` is
    /// "not for certain": the primary went on alone, and a replica gets the commit as soon as it can.
    pub acknowledged: Option<bool>,
}

/// The pod at the other end of the connection, and what [`last_on`] compares with. A connection that is
/// used all the time is asked a few times a second.
///
/// # Errors
///
/// Why MySQL does not say.
pub(super) async fn before(connection: &mut Pooled<Before>) -> Result<Before, MysqlError> {
    if let Some(before) = connection.known() {
        return Ok(before.clone());
    }
    let (pod, alone) = sqlx::query_as(BEFORE).fetch_one(&mut **connection).await?;
    let before = Before { pod: PodName::new(pod), alone };
    connection.learn(before.clone());
    Ok(before)
}

/// Asks about the last commit on this connection, which was answered just now.
///
/// # Errors
///
/// Why MySQL does not say; the connection is not to be used again then.
pub(super) async fn last_on(
    connection: &mut Pooled<Before>,
    Before { pod, alone }: Before,
    acknowledgements: &Acknowledgements,
) -> Result<Commit, MysqlError> {
    let committed = Instant::now();
    let asking = async {
        let gtids = last_gtids(connection).await?;
        Ok((gtids, acknowledgements.since(committed, connection).await?))
    };
    let (gtids, semi_sync) = in_time(asking).await?;
    let acknowledged = semi_sync.is_acknowledged(&alone);
    connection.learn(Before { pod, alone: semi_sync.1 });
    Ok(Commit { gtids, acknowledged })
}

/// Asks for all commits, among which is the one in question, made on another connection. Whether a replica
/// acknowledged that one, nobody remembers.
///
/// # Errors
///
/// As [`last_on`].
pub(super) async fn all_on(connection: &mut MySqlConnection) -> Result<Commit, MysqlError> {
    let gtids = in_time(all_gtids(connection)).await?;
    Ok(Commit { gtids, acknowledged: None })
}

async fn in_time<T>(asking: impl Future<Output = Result<T, MysqlError>>) -> Result<T, MysqlError> {
    timeout(DEADLINE, asking).await.map_err(|_| MysqlError::Deadline(DEADLINE))?
}

async fn last_gtids(connection: &mut MySqlConnection) -> Result<Option<GtidSet>, MysqlError> {
    let last: Result<Option<String>, _> =
        sqlx::query_scalar(LAST_GTID).fetch_optional(&mut *connection).await;
    match last.map_err(MysqlError::from) {
        Ok(last) if gtids(last.as_deref()).is_some() => Ok(gtids(last.as_deref())),
        // A cluster that was made before its account was granted this.
        Ok(_) | Err(MysqlError::AccessDenied(_)) => all_gtids(connection).await,
        Err(error) => Err(error),
    }
}

async fn all_gtids(connection: &mut MySqlConnection) -> Result<Option<GtidSet>, MysqlError> {
    let all: String = sqlx::query_scalar(ALL_GTIDS).fetch_one(connection).await?;
    Ok(gtids(Some(&all)))
}

/// Until it is assigned, a GTID reads AUTOMATIC, which is no set.
fn gtids(text: Option<&str>) -> Option<GtidSet> {
    let gtids: GtidSet = text?.parse().ok()?;
    Some(gtids).filter(|gtids| !gtids.is_empty())
}

/// What the primary said last of its replicas, and when it was asked. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Acknowledgements(Arc<Mutex<Option<(Instant, SemiSync)>>>);

impl Acknowledgements {
    /// The answer to a question that was asked after this commit. Whoever waits while another asks takes
    /// the next answer, together with all who wait.
    async fn since(
        &self,
        committed: Instant,
        connection: &mut MySqlConnection,
    ) -> Result<SemiSync, MysqlError> {
        let mut last = self.0.lock().await;
        if let Some((_, semi_sync)) = last.as_ref().filter(|(asked, _)| *asked >= committed) {
            return Ok(semi_sync.clone());
        }
        let asked = Instant::now();
        let semi_sync: SemiSync = sqlx::query_as(SEMI_SYNC).fetch_one(connection).await?;
        *last = Some((asked, semi_sync.clone()));
        Ok(semi_sync)
    }
}

/// Whether semi-synchronous replication is on, and how many commits were made alone.
#[derive(Clone, Debug, sqlx::FromRow)]
struct SemiSync(Option<String>, CommitsAlone);

impl SemiSync {
    /// ON alone says too little: when replicas come back it is ON a moment before one has acknowledged
    /// what was committed without them. A commit that nobody acknowledged is counted before it is
    /// answered; so where none was counted since, this one was acknowledged.
    /// <https://dev.mysql.com/doc/refman/9.7/en/replication-semisync-monitoring.html>
    fn is_acknowledged(&self, alone_before: &CommitsAlone) -> Option<bool> {
        let Self(semi_sync, alone) = self;
        Some(semi_sync.as_ref()? == "ON" && alone == alone_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_claimed_that_mysql_did_not_say() {
        assert_eq!(SemiSync(None, None).is_acknowledged(&None), None);
        for no_set in [None, Some("AUTOMATIC"), Some("")] {
            assert_eq!(gtids(no_set), None, "{no_set:?}");
        }
    }

    #[test]
    fn a_commit_is_acknowledged_where_replicas_are_waited_for_and_none_went_without() {
        let semi_sync = |state: &str, alone: &str| SemiSync(Some(state.into()), Some(alone.into()));
        let before = Some("3".to_owned());
        assert_eq!(semi_sync("ON", "3").is_acknowledged(&before), Some(true));
        assert_eq!(semi_sync("ON", "4").is_acknowledged(&before), Some(false));
        assert_eq!(semi_sync("OFF", "3").is_acknowledged(&before), Some(false));
    }
}

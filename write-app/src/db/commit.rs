//! What MySQL says of a commit: its GTID, and whether a replica acknowledged it.
//!
//! MySQL can send the GTID with the answer to the INSERT (`session_track_gtids`), but sqlx does not read
//! that part of an answer. The performance schema has the last transaction of each connection with its
//! GTID, so write-app asks there. Commits on other connections do not change the answer.
//!
//! MySQL counts the commits that no replica acknowledged in a status variable. A read of it takes half a
//! millisecond under a lock. So one read serves all commits that were made before it began.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use app_core::mysql::{MysqlError, Pooled, gtid::GtidSet};
use sqlx::{FromRow, MySqlConnection};
use tokio::{sync::Mutex, time::timeout};

use super::disk_full::ANSWER;

/// How long the questions after a commit may take. They read a few rows in memory.
const DEADLINE: Duration = Duration::from_secs(1);

/// How long after the request's begin they must end: just before write-app answers without a result.
const END: Duration = ANSWER.saturating_sub(Duration::from_millis(100));

const BEFORE_COMMIT: &str = "SELECT @@report_host AS pod, \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_no_tx') AS unacknowledged";

/// In one pass over the table: a query for each variable would fill it anew.
const SEMI_SYNC: &str = "SELECT \
     MAX(IF(variable_name = 'Rpl_semi_sync_source_status', variable_value, NULL)) AS status, \
     MAX(IF(variable_name = 'Rpl_semi_sync_source_no_tx', variable_value, NULL)) AS unacknowledged, \
     MAX(IF(variable_name = 'Rpl_semi_sync_source_clients', variable_value, NULL)) AS replicas \
     FROM performance_schema.global_status WHERE variable_name IN ('Rpl_semi_sync_source_status', \
     'Rpl_semi_sync_source_no_tx', 'Rpl_semi_sync_source_clients')";

/// The GTID of this connection's last commit. The query itself does not replace it, because a query of
/// the performance schema is no transaction.
const LAST_GTID: &str = "SELECT gtid FROM performance_schema.events_transactions_current \
     WHERE thread_id = PS_CURRENT_THREAD_ID() AND state = 'COMMITTED'";

/// All that the primary has committed.
const ALL_GTIDS: &str = "SELECT @@GLOBAL.gtid_executed";

/// What the primary said before a commit. A connection that is in use all the time asks again after a
/// moment only. A commit on another connection may go without an acknowledgement in that moment. Then
/// this commit is not called acknowledged, even if a replica has it: the error is on the safe side.
#[derive(Clone, Debug, FromRow)]
pub(super) struct BeforeCommit {
    /// `@@report_host`.
    pub(super) pod: String,
    /// As [`SemiSync::unacknowledged`].
    unacknowledged: Option<String>,
}

/// What MySQL says of a commit; by default, nothing.
#[derive(Debug, Default)]
pub(super) struct Commit {
    /// A set of transactions that contains the commit: the commit alone, where MySQL says which it is.
    pub(super) gtid: Option<String>,
    /// Whether a replica had stored the commit before the primary answered. `false` means that none is known to:
    /// the primary did not wait any longer, and a replica gets the commit as soon as it can.
    pub(super) acknowledged: Option<bool>,
    /// How many replicas were connected just after the commit, and could acknowledge it. MySQL does not say which of
    /// them did.
    pub(super) replicas: Option<u64>,
}

/// Asks what [`Commit::ask`] needs to know later.
pub(super) async fn before(
    connection: &mut Pooled<BeforeCommit>,
) -> Result<BeforeCommit, MysqlError> {
    if let Some(before) = connection.known() {
        return Ok(before.clone());
    }
    let before: BeforeCommit = sqlx::query_as(BEFORE_COMMIT).fetch_one(&mut **connection).await?;
    connection.learn(before.clone());
    Ok(before)
}

impl Commit {
    /// Asks about the last commit on this connection, which MySQL answered just now. What is known before an error
    /// stays known. After an error the connection must not be used again.
    pub(super) async fn ask(
        &mut self,
        connection: &mut Pooled<BeforeCommit>,
        before: BeforeCommit,
        latest: &LatestSemiSync,
    ) -> Result<(), MysqlError> {
        let committed = Instant::now();
        self.gtid = last_gtid(connection).await?;
        let semi_sync = latest.asked_after(committed, connection).await?;
        self.acknowledged = semi_sync.is_acknowledged(before.unacknowledged.as_deref());
        self.replicas = semi_sync.replicas.as_deref().and_then(|number| number.parse().ok());
        connection.learn(BeforeCommit { unacknowledged: semi_sync.unacknowledged, ..before });
        Ok(())
    }

    /// Asks about a commit that an earlier attempt made: all commits until now contain it. MySQL does not remember
    /// whether a replica acknowledged it. After an error the connection must not be used again.
    pub(super) async fn ask_for_all(
        &mut self,
        connection: &mut MySqlConnection,
    ) -> Result<(), MysqlError> {
        self.gtid = all_gtids(connection).await?;
        Ok(())
    }
}

/// Asks with a deadline, for a request that began then.
pub(super) async fn in_time<T>(
    begun: Instant,
    asking: impl Future<Output = Result<T, MysqlError>>,
) -> Result<T, MysqlError> {
    let deadline = END.saturating_sub(begun.elapsed()).min(DEADLINE);
    timeout(deadline, asking).await.map_err(|_| MysqlError::Deadline(deadline))?
}

async fn last_gtid(connection: &mut MySqlConnection) -> Result<Option<String>, MysqlError> {
    let last: Result<Option<String>, _> =
        sqlx::query_scalar(LAST_GTID).fetch_optional(&mut *connection).await;
    match last.map(|last| gtid_set(last.as_deref())).map_err(MysqlError::from) {
        Ok(Some(gtid)) => Ok(Some(gtid)),
        // Clusters that were made before write-app asked for GTIDs do not grant its account this table.
        Ok(None) | Err(MysqlError::AccessDenied(_)) => all_gtids(connection).await,
        Err(error) => Err(error),
    }
}

async fn all_gtids(connection: &mut MySqlConnection) -> Result<Option<String>, MysqlError> {
    let all: String = sqlx::query_scalar(ALL_GTIDS).fetch_one(connection).await?;
    Ok(gtid_set(Some(&all)))
}

/// None where the text is no GTID set, such as AUTOMATIC, which stands for a GTID that is not assigned
/// yet; or where the set is empty.
fn gtid_set(text: Option<&str>) -> Option<String> {
    let set: GtidSet = text?.parse().ok()?;
    (!set.is_empty()).then(|| set.to_string())
}

/// The primary's latest answer about semi-synchronous replication, and when it was asked. Clones share
/// it. The lock is held while one request asks: the others wait for its answer. They are at most as many as the pool
/// has connections, and each waits until [`DEADLINE`] at most.
#[derive(Clone, Default)]
pub(super) struct LatestSemiSync(Arc<Mutex<Option<(Instant, SemiSync)>>>);

impl LatestSemiSync {
    /// An answer to a question that was asked after this commit. Requests that wait here while another
    /// one asks share the next answer.
    async fn asked_after(
        &self,
        committed: Instant,
        connection: &mut MySqlConnection,
    ) -> Result<SemiSync, MysqlError> {
        let mut latest = self.0.lock().await;
        if let Some((_, semi_sync)) = latest.as_ref().filter(|(asked, _)| *asked >= committed) {
            return Ok(semi_sync.clone());
        }
        let asked = Instant::now();
        let semi_sync: SemiSync = sqlx::query_as(SEMI_SYNC).fetch_one(connection).await?;
        *latest = Some((asked, semi_sync.clone()));
        Ok(semi_sync)
    }
}

/// Null where the primary does not replicate semi-synchronously.
#[derive(Clone, Debug, FromRow)]
struct SemiSync {
    /// ON while commits wait for a replica.
    status: Option<String>,
    /// How many commits no replica has acknowledged, since the server started.
    unacknowledged: Option<String>,
    /// How many replicas are connected that acknowledge commits.
    replicas: Option<String>,
}

impl SemiSync {
    /// The status alone says too little: when a replica comes back, the status is ON before the replica
    /// has acknowledged the commits that it missed. MySQL counts an unacknowledged commit before it
    /// answers the client. So if the count has not changed, a replica acknowledged this commit.
    /// <https://dev.mysql.com/doc/refman/9.7/en/replication-semisync-monitoring.html>
    fn is_acknowledged(&self, unacknowledged_before: Option<&str>) -> Option<bool> {
        let is_on = self.status.as_deref()? == "ON";
        Some(is_on && self.unacknowledged.as_deref() == unacknowledged_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn semi_sync(status: Option<&str>, unacknowledged: Option<&str>) -> SemiSync {
        let [status, unacknowledged] = [status, unacknowledged].map(|text| text.map(str::to_owned));
        SemiSync { status, unacknowledged, replicas: None }
    }

    #[test]
    fn nothing_is_claimed_that_mysql_did_not_say() {
        assert_eq!(semi_sync(None, None).is_acknowledged(None), None);
        for no_set in [None, Some("AUTOMATIC"), Some("")] {
            assert_eq!(gtid_set(no_set), None, "{no_set:?}");
        }
    }

    #[test]
    fn a_commit_is_acknowledged_if_the_primary_waits_for_replicas_and_counts_no_commit_without_one()
    {
        let is_acknowledged = |status, unacknowledged| {
            semi_sync(Some(status), Some(unacknowledged)).is_acknowledged(Some("3"))
        };
        assert_eq!(is_acknowledged("ON", "3"), Some(true));
        assert_eq!(is_acknowledged("ON", "4"), Some(false));
        assert_eq!(is_acknowledged("OFF", "3"), Some(false));
    }
}

//! What MySQL says of a commit, asked on the same connection, just before and just after.
//!
//! The GTID of one's own commit would come with the answer to the INSERT (`session_track_gtids`), but
//! sqlx does not read that part of an answer. The performance schema keeps the last transaction of each
//! connection, with its GTID: exact, however many others commit at the same time.

use std::time::Duration;

use app_core::{database::DatabaseError, gtid::GtidSet, pod::PodName};
use sqlx::MySqlConnection;
use tokio::time::timeout;

/// How long the question after the commit may take; it reads a few rows in memory.
const DEADLINE: Duration = Duration::from_secs(1);

/// The pod, and how many commits it made without a replica's acknowledgement.
const BEFORE: &str = "SELECT @@report_host, \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_no_tx')";

/// The GTID of this connection's last commit; whether commits wait for a replica; and how many were
/// made alone. A query of the performance schema is no transaction, so it does not take the place of
/// the one that it asks for.
const LAST_COMMIT: &str = "SELECT \
     (SELECT gtid FROM performance_schema.events_transactions_current \
      WHERE thread_id = PS_CURRENT_THREAD_ID() AND state = 'COMMITTED'), \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_status'), \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_no_tx')";

/// The same with all that the primary has committed, for an account that may not see the former.
const ALL_COMMITS: &str = "SELECT @@GLOBAL.gtid_executed, \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_status'), \
     (SELECT variable_value FROM performance_schema.global_status \
      WHERE variable_name = 'Rpl_semi_sync_source_no_tx')";

/// How many commits the primary has made without a replica's acknowledgement, since it started. None
/// where it does not count them.
pub(super) type CommitsAlone = Option<String>;

/// What is known of a commit. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Transactions among which it is: as a rule itself alone. Whoever has them all has this commit.
    pub gtids: Option<GtidSet>,
    /// Whether a replica had stored it before it was answered, where the primary says so. `false` is
    /// "not for certain": the primary went on alone, and a replica gets the commit as soon as it can.
    pub acknowledged: Option<bool>,
}

/// The pod at the other end of the connection, and what [`last_on`] compares with.
///
/// # Errors
///
/// Why MySQL does not say.
pub(super) async fn before(
    connection: &mut MySqlConnection,
) -> Result<(PodName, CommitsAlone), DatabaseError> {
    let (pod, alone) = sqlx::query_as(BEFORE).fetch_one(connection).await?;
    Ok((PodName::new(pod), alone))
}

/// Asks for the last commit on this connection.
///
/// # Errors
///
/// Why MySQL does not say; the connection is not to be used again then.
pub(super) async fn last_on(
    connection: &mut MySqlConnection,
    alone_before: CommitsAlone,
) -> Result<Commit, DatabaseError> {
    let answer = timeout(DEADLINE, ask(connection)).await;
    let answer = answer.map_err(|_| DatabaseError::Deadline(DEADLINE))??;
    Ok(Commit { acknowledged: answer.is_acknowledged(&alone_before), gtids: answer.gtids() })
}

/// Asks for all commits, among which is the one in question, made on another connection. Whether a replica
/// acknowledged that one, nobody remembers.
///
/// # Errors
///
/// As [`last_on`].
pub(super) async fn all_on(connection: &mut MySqlConnection) -> Result<Commit, DatabaseError> {
    let all = sqlx::query_as(ALL_COMMITS).fetch_one(connection);
    let all: Answer =
        timeout(DEADLINE, all).await.map_err(|_| DatabaseError::Deadline(DEADLINE))??;
    Ok(Commit { gtids: all.gtids(), acknowledged: None })
}

async fn ask(connection: &mut MySqlConnection) -> Result<Answer, DatabaseError> {
    let last: Result<Answer, _> = sqlx::query_as(LAST_COMMIT).fetch_one(&mut *connection).await;
    match last.map_err(DatabaseError::from) {
        Ok(answer) if answer.gtids().is_some() => Ok(answer),
        // A cluster that was made before its account was granted this.
        Ok(_) | Err(DatabaseError::AccessDenied(_)) => {
            Ok(sqlx::query_as(ALL_COMMITS).fetch_one(connection).await?)
        }
        Err(error) => Err(error),
    }
}

/// GTIDs, whether semi-synchronous replication is on, and how many commits were made alone.
#[derive(sqlx::FromRow)]
struct Answer(Option<String>, Option<String>, CommitsAlone);

impl Answer {
    /// Until it is assigned, a GTID reads AUTOMATIC, which is no set.
    fn gtids(&self) -> Option<GtidSet> {
        let gtids: GtidSet = self.0.as_deref()?.parse().ok()?;
        Some(gtids).filter(|gtids| !gtids.is_empty())
    }

    /// ON alone says too little: when replicas come back it is ON a moment before one has acknowledged
    /// what was committed without them. A commit that nobody acknowledged is counted before it is
    /// answered; so where none was counted since, this one was acknowledged.
    /// <https://dev.mysql.com/doc/refman/9.7/en/replication-semisync-monitoring.html>
    fn is_acknowledged(&self, alone_before: &CommitsAlone) -> Option<bool> {
        let Self(_, semi_sync, alone) = self;
        Some(semi_sync.as_ref()? == "ON" && alone == alone_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(gtids: &str, semi_sync: &str, alone: &str) -> Answer {
        Answer(Some(gtids.into()), Some(semi_sync.into()), Some(alone.into()))
    }

    #[test]
    fn nothing_is_claimed_that_mysql_did_not_say() {
        let silent = Answer(None, None, None);
        assert_eq!((silent.gtids(), silent.is_acknowledged(&None)), (None, None));
        for no_set in ["AUTOMATIC", ""] {
            assert_eq!(answer(no_set, "ON", "0").gtids(), None, "{no_set}");
        }
    }

    #[test]
    fn a_commit_is_acknowledged_where_replicas_are_waited_for_and_none_went_without() {
        let before = Some("3".to_owned());
        assert_eq!(answer("", "ON", "3").is_acknowledged(&before), Some(true));
        assert_eq!(answer("", "ON", "4").is_acknowledged(&before), Some(false));
        assert_eq!(answer("", "OFF", "3").is_acknowledged(&before), Some(false));
    }
}

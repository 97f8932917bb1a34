//! A primary whose volume is full.
//!
//! mysqld does not refuse a write that its binary log has no room for. It waits, looks for room once a
//! minute, and the client waits with it:
//! <https://dev.mysql.com/doc/refman/9.7/en/full-disk.html>. So a write that takes unusually long is looked
//! into from another connection. And as long as the server waits, nothing more is sent to it: each write
//! would leave a connection behind that waits too, until the server had none left.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use app_core::mysql::{MysqlError, Server};
use sqlx::MySqlConnection;
use tokio::time::{sleep, timeout};

/// From here on a write is unusual: the wait for a replica's acknowledgement ends before.
const UNUSUAL: Duration = Duration::from_millis(3_200);

/// How long a write that is unusual may go on: the cause is named before four seconds are over.
const REST: Duration = Duration::from_millis(350);

/// Whether a commit of this account has been waiting since the server said that its binary log is full
/// (`EE_DISK_FULL_WITH_RETRY_MSG`). The state of the commit alone does not tell: mysqld 9.7 calls it
/// "waiting for handler commit", as it does when a disk is slow. An account sees its own connections
/// whatever its privileges, and nobody else writes; the error log takes a grant of its own.
/// <https://dev.mysql.com/doc/refman/9.7/en/performance-schema-error-log-table.html>
const WAITS_FOR_ROOM: &str = "SELECT COUNT(*) > 0 \
     FROM performance_schema.processlist AS commit \
     JOIN performance_schema.error_log AS said \
       ON said.error_code = 'MY-000035' AND said.logged >= NOW(6) - INTERVAL commit.time + 1 SECOND \
     WHERE commit.state = 'waiting for handler commit' AND commit.time >= 2";

/// Whether the primary's volume was full when it was last looked at. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Volume(Arc<AtomicBool>);

impl Volume {
    /// Whether the primary may be sent a write.
    ///
    /// # Errors
    ///
    /// [`MysqlError::DiskFull`] where the last write found it waiting for room, and it still is.
    pub(super) async fn check(&self, connection: &mut MySqlConnection) -> Result<(), MysqlError> {
        if !self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let is_full = waits_for_room(connection).await?;
        self.0.store(is_full, Ordering::Relaxed);
        if is_full { Err(MysqlError::DiskFull(None)) } else { Ok(()) }
    }

    /// Does a write, and finds out why where it takes unusually long.
    ///
    /// # Errors
    ///
    /// Its own, or [`MysqlError::DiskFull`], or [`MysqlError::Deadline`].
    pub(super) async fn watch<T, E: From<MysqlError>>(
        &self,
        server: &Server,
        write: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut write = pin!(write);
        if let Ok(written) = timeout(UNUSUAL, &mut write).await {
            return written;
        }
        tokio::select! {
            written = &mut write => written,
            () = self.until_found_full(server) => Err(MysqlError::DiskFull(None).into()),
            () = sleep(REST) => Err(MysqlError::Deadline(UNUSUAL + REST).into()),
        }
    }

    /// Never returns where it is not.
    async fn until_found_full(&self, server: &Server) {
        let found = async {
            let (mut connection, _) = server.connect(REST).await?;
            waits_for_room(&mut connection).await
        };
        match found.await {
            Ok(true) => self.0.store(true, Ordering::Relaxed),
            Ok(false) => std::future::pending().await,
            Err(error) => {
                tracing::debug!(%error, "why a write takes long is not known");
                std::future::pending().await
            }
        }
    }
}

async fn waits_for_room(connection: &mut MySqlConnection) -> Result<bool, MysqlError> {
    Ok(sqlx::query_scalar(WAITS_FOR_ROOM).fetch_one(connection).await?)
}

//! A primary whose volume is full.
//!
//! mysqld does not refuse a write that its binary log has no room for. It waits, looks for room once a
//! minute, and the client waits with it:
//! <https://dev.mysql.com/doc/refman/9.7/en/full-disk.html>. So when a write takes unusually long, another
//! connection asks why. As long as the server waits for room, write-app sends it no more writes. Each
//! write would leave one more waiting connection behind, until the server had none left.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use app_core::{
    http::error::Error,
    mysql::{MysqlError, Server},
};
use sqlx::MySqlConnection;
use tokio::time::{sleep, timeout};

/// A write that takes longer is unusual: the wait for a replica's acknowledgement ends before.
const UNUSUAL: Duration = Duration::from_millis(3_200);

/// How long an unusual write may go on, so that the client hears the cause within four seconds.
const REST: Duration = Duration::from_millis(350);

/// Whether a commit of this account has waited since the server logged that its binary log is full
/// (`EE_DISK_FULL_WITH_RETRY_MSG`). The state of the commit alone does not tell: mysqld 9.7 calls it
/// "waiting for handler commit", as it does when a disk is slow. An account sees its connections
/// whatever its privileges, and only this account writes. The error log needs a grant.
/// <https://dev.mysql.com/doc/refman/9.7/en/performance-schema-error-log-table.html>
const WAITS_FOR_ROOM: &str = "SELECT COUNT(*) > 0 \
     FROM performance_schema.processlist AS commit \
     JOIN performance_schema.error_log AS said \
       ON said.error_code = 'MY-000035' AND said.logged >= NOW(6) - INTERVAL commit.time + 1 SECOND \
     WHERE commit.state = 'waiting for handler commit' AND commit.time >= 2";

/// Whether the primary's volume was full at the last look. Clones share it.
#[derive(Clone, Default)]
pub(super) struct DiskFullCheck(Arc<AtomicBool>);

impl DiskFullCheck {
    /// To be called before each write.
    ///
    /// # Errors
    ///
    /// [`MysqlError::DiskFull`] where the primary waited for room at the last look, and still does.
    pub(super) async fn check(&self, connection: &mut MySqlConnection) -> Result<(), MysqlError> {
        if !self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let is_full = waits_for_room(connection).await?;
        self.0.store(is_full, Ordering::Relaxed);
        if is_full { Err(MysqlError::DiskFull(None)) } else { Ok(()) }
    }

    /// Waits for a write, and finds out why where it takes unusually long.
    ///
    /// # Errors
    ///
    /// Those of the write. Otherwise [`Error::OutcomeUnknown`]: MySQL may still do the write, although
    /// this function does not wait for it any more.
    pub(super) async fn watch<T>(
        &self,
        server: &Server,
        write: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut write = pin!(write);
        if let Ok(written) = timeout(UNUSUAL, &mut write).await {
            return written;
        }
        tokio::select! {
            written = &mut write => written,
            () = self.until_found_full(server) => Err(Error::OutcomeUnknown(MysqlError::DiskFull(None))),
            () = sleep(REST) => Err(Error::OutcomeUnknown(MysqlError::Deadline(UNUSUAL + REST))),
        }
    }

    /// Returns only if the volume is full.
    async fn until_found_full(&self, server: &Server) {
        let found = async {
            let (mut connection, _) = server.connect(REST).await?;
            waits_for_room(&mut connection).await
        };
        match found.await {
            Ok(true) => self.0.store(true, Ordering::Relaxed),
            Ok(false) => std::future::pending().await,
            Err(error) => {
                tracing::debug!(%error, "cannot find out why a write takes long");
                std::future::pending().await
            }
        }
    }
}

async fn waits_for_room(connection: &mut MySqlConnection) -> Result<bool, MysqlError> {
    Ok(sqlx::query_scalar(WAITS_FOR_ROOM).fetch_one(connection).await?)
}

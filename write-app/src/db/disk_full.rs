//! A primary whose volume is full.
//!
//! mysqld does not refuse a write that its binary log has no room for. It waits, looks for room once a
//! minute, and the client waits with it:
//! <https://dev.mysql.com/doc/refman/9.7/en/full-disk.html>. So when a write takes unusually long, another
//! connection asks why. As long as the server waits for room, write-app sends it no more writes. Each
//! write would leave one more waiting connection behind, until the server had none left. For the same reason one
//! request at a time asks.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use app_core::{
    http::error::Error,
    mysql::{MysqlError, Server},
};
use tokio::{
    sync::Mutex,
    time::{sleep_until, timeout, timeout_at},
};

/// A write that takes longer is unusual: the wait for a replica's acknowledgement ends before.
const UNUSUAL: Duration = Duration::from_millis(3_200);

/// When the client hears that a write has no result yet. docs/trust.md promises an answer within four seconds.
pub(super) const ANSWER: Duration = Duration::from_millis(3_550);

/// How long a look at the server may take while a client waits for its write, and before a write.
const LOOK: Duration = Duration::from_millis(300);
const LOOK_BEFORE: Duration = Duration::from_millis(1_500);

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

/// What write-app knows of the primary's volume. Clones share it.
#[derive(Clone, Default)]
pub(super) struct DiskFullCheck(Arc<Volume>);

#[derive(Default)]
struct Volume {
    /// Whether the volume was full at the last look.
    was_full: AtomicBool,
    /// Held by the request that looks: when the last look began.
    looked: Mutex<Option<Instant>>,
}

impl DiskFullCheck {
    /// To be called before each write.
    ///
    /// # Errors
    ///
    /// [`MysqlError::DiskFull`] where the primary waited for room at the last look, and still does.
    pub(super) async fn check(&self, server: &Server) -> Result<(), MysqlError> {
        if !self.was_full() {
            return Ok(());
        }
        let Ok(_looking) = self.0.looked.try_lock() else {
            return Err(MysqlError::DiskFull(None));
        };
        if self.look(server, LOOK_BEFORE).await? { Err(MysqlError::DiskFull(None)) } else { Ok(()) }
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
        begun: Instant,
        write: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut write = pin!(write);
        if let Ok(written) = timeout_at((begun + UNUSUAL).into(), &mut write).await {
            return written;
        }
        tokio::select! {
            biased;
            written = &mut write => written,
            () = self.until_found_full(server) => Err(Error::OutcomeUnknown(MysqlError::DiskFull(None))),
            () = sleep_until((begun + ANSWER).into()) => Err(Error::OutcomeUnknown(MysqlError::Deadline(ANSWER))),
        }
    }

    /// Returns only if the volume is full.
    async fn until_found_full(&self, server: &Server) {
        let asked = Instant::now();
        let mut last = self.0.looked.lock().await;
        // Requests that wait here while another one looks share the next look.
        let looked = if last.is_some_and(|began| began >= asked) {
            Ok(self.was_full())
        } else {
            *last = Some(Instant::now());
            self.look(server, LOOK).await
        };
        drop(last);
        match looked {
            Ok(true) => {}
            Ok(false) => std::future::pending().await,
            Err(error) => {
                tracing::debug!(%error, "cannot find out why a write takes long");
                std::future::pending().await
            }
        }
    }

    fn was_full(&self) -> bool {
        self.0.was_full.load(Ordering::Relaxed)
    }

    /// Asks on a new connection, since those of the pool may all be waiting for room.
    async fn look(&self, server: &Server, deadline: Duration) -> Result<bool, MysqlError> {
        let asking = async {
            let (mut connection, _) = server.connect(deadline).await?;
            let looked = sqlx::query_scalar(WAITS_FOR_ROOM).fetch_one(&mut connection).await;
            looked.map_err(MysqlError::from)
        };
        let is_full =
            timeout(deadline, asking).await.map_err(|_| MysqlError::Deadline(deadline))??;
        self.0.was_full.store(is_full, Ordering::Relaxed);
        Ok(is_full)
    }
}

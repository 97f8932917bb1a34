//! The Service with one address, `mysql-read`.
//!
//! A Service picks a pod for a connection when it is opened, and never again. So a new connection for
//! each read meets all pods, and a connection that is kept open stays with the pod that it met first.
//! <https://kubernetes.io/docs/reference/networking/virtual-ips/>

use std::{sync::Arc, time::Duration};

use app_core::mysql::{MysqlError, Pool, PoolStatus, Server};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    db::{self, ReadRequest, ReadResult, ServerIdentity},
    routing::mode::With,
};

/// How many new connections may be open at once; a server allows 100 in all.
const CONNECTIONS: usize = 32;

/// How long a read may wait until one of them is closed.
const SLOT_DEADLINE: Duration = Duration::from_secs(3);

/// One connection is the smallest pool, and shows best that a kept connection stays with its pod.
const POOL_SIZE: u32 = 1;

/// The Service, by its name. Cheap to clone.
#[derive(Clone)]
pub(super) struct Service {
    server: Server,
    slots: Arc<Semaphore>,
    pool: Pool<ServerIdentity>,
}

impl Service {
    pub(super) fn new(server: Server) -> Self {
        let pool = db::pool(server.clone(), POOL_SIZE);
        Self { server, slots: Arc::new(Semaphore::new(CONNECTIONS)), pool }
    }

    /// The Service's name.
    pub(super) fn host(&self) -> &str {
        self.server.host()
    }

    /// The connection that is kept.
    pub(super) fn pool(&self) -> PoolStatus {
        self.pool.status()
    }

    /// Reads from the pod that the cluster picks, or picked when the kept connection was opened.
    pub(super) async fn read(
        &self,
        with: With,
        request: &ReadRequest,
    ) -> Result<ReadResult, MysqlError> {
        match with {
            With::New => {
                let slot = timeout(SLOT_DEADLINE, self.slots.clone().acquire_owned()).await;
                let slot = slot.map_err(|_| MysqlError::Busy)?;
                db::read_on_new(&self.server, request, slot).await
            }
            With::Pool => db::read_on_kept(&self.pool, request).await,
        }
    }
}

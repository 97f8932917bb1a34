//! The Service with one address, `mysql-read`.
//!
//! A Service picks a pod for a connection when it is opened, and never again. So a new connection for
//! each read meets all pods, and a connection that is kept open stays with the pod that it met first.
//! <https://kubernetes.io/docs/reference/networking/virtual-ips/>

use app_core::mysql::{MysqlError, Pool, PoolStatus, Server, budget};

use crate::{
    db::{self, ReadRequest, ReadResult, ServerIdentity},
    routing::{Slot, mode::With},
};

/// The Service, by its name. Cheap to clone.
#[derive(Clone)]
pub(super) struct Service {
    server: Server,
    pool: Pool<ServerIdentity>,
}

impl Service {
    pub(super) fn new(server: Server) -> Self {
        let pool = db::pool(server.clone(), budget::KEPT_THROUGH_SERVICE);
        Self { server, pool }
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
        slot: &Slot,
    ) -> Result<ReadResult, MysqlError> {
        match with {
            With::New => db::read_on_new(&self.server, request, slot.clone()).await,
            With::Pool => db::read_on_kept(&self.pool, request).await,
        }
    }
}

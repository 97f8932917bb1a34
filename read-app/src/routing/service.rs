//! The door with one address: the Service `mysql-read`.
//!
//! A Service picks a pod for a connection when it is opened, and never again. So a new connection for
//! each query meets all pods, and one that is kept open stays with the pod that it met first.
//! <https://kubernetes.io/docs/reference/networking/virtual-ips/>

use std::{sync::Arc, time::Duration};

use app_core::mysql::{MysqlError, Pool, PoolStatus, Server};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    db::{Question, ServerIdentity},
    routing::{FRESH, PATIENCE, Served, ask_on_kept, ask_on_new, mode::With},
};

/// How many new connections may be open at once; a server allows 100 in all.
const CONNECTIONS: usize = 32;

/// How long a request may wait until one of them is closed.
const SLOT_DEADLINE: Duration = Duration::from_secs(3);

/// One connection is the smallest pool, and shows best that a pool sticks.
const POOL_SIZE: u32 = 1;

/// The Service, by its name. Cheap to clone.
#[derive(Clone)]
pub struct MysqlRead {
    server: Server,
    slots: Arc<Semaphore>,
    pool: Pool<ServerIdentity>,
}

impl MysqlRead {
    /// Nothing is asked of it yet.
    #[must_use]
    pub fn new(server: Server) -> Self {
        let pool = Pool::new(server.clone(), POOL_SIZE, PATIENCE, FRESH);
        Self { server, slots: Arc::new(Semaphore::new(CONNECTIONS)), pool }
    }

    /// The name that it is known by.
    #[must_use]
    pub fn host(&self) -> &str {
        self.server.host()
    }

    /// The connection that is kept.
    pub(super) fn pool(&self) -> PoolStatus {
        self.pool.status()
    }

    /// Asks whichever pod the connection leads to.
    ///
    /// # Errors
    ///
    /// Why there was no answer.
    pub async fn ask(&self, with: With, question: &Question) -> Result<Served, MysqlError> {
        match with {
            With::New => {
                let slot = timeout(SLOT_DEADLINE, self.slots.clone().acquire_owned()).await;
                let slot = slot.map_err(|_| MysqlError::Busy)?;
                ask_on_new(&self.server, question, slot).await
            }
            With::Pool => ask_on_kept(&self.pool, question).await,
        }
    }
}

//! Which pods there are and which are ready: what an EndpointSlice is in a cluster.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One pod behind the Services.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Ipv4Addr,
    /// Whether its readiness probe passed the last time.
    pub ready: bool,
}

/// The pods by their names. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(Arc<Mutex<BTreeMap<String, Endpoint>>>);

impl Endpoints {
    /// Every pod that runs, ready or not: what the headless Service publishes.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Endpoint> {
        self.pods().clone()
    }

    /// The addresses of the ready ones: what the ClusterIP Service sends connections to.
    #[must_use]
    pub fn ready(&self) -> Vec<Ipv4Addr> {
        self.pods().values().filter(|pod| pod.ready).map(|pod| pod.address).collect()
    }

    /// A pod runs; it is not ready yet.
    pub fn add(&self, name: &str, address: Ipv4Addr) {
        self.pods().insert(name.to_owned(), Endpoint { address, ready: false });
    }

    /// A pod was probed. One that is gone by now stays gone.
    pub fn set_ready(&self, name: &str, ready: bool) {
        if let Some(endpoint) = self.pods().get_mut(name) {
            endpoint.ready = ready;
        }
    }

    /// A pod is gone.
    pub fn remove(&self, name: &str) {
        self.pods().remove(name);
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The list of pods and their readiness, as an EndpointSlice has it in Kubernetes.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One pod behind the Services.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Ipv4Addr,
    /// Whether the last readiness probe passed.
    pub(crate) ready: bool,
    /// Whether it was told to end. Then it stays not ready, whatever a last probe says.
    is_ending: bool,
}

/// The pods by name. A clone shares the list.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(Arc<Mutex<BTreeMap<String, Endpoint>>>);

impl Endpoints {
    /// All pods, ready or not: DNS has names for them, because the Service `mysql` publishes pods that are not ready.
    pub(crate) fn all(&self) -> BTreeMap<String, Endpoint> {
        self.pods().clone()
    }

    /// The addresses of the ready pods, to which the Service `mysql-read` sends connections.
    pub(crate) fn ready(&self) -> Vec<Ipv4Addr> {
        self.pods().values().filter(|pod| pod.ready).map(|pod| pod.address).collect()
    }

    /// Adds a pod, which is not ready yet.
    pub fn add(&self, name: &str, address: Ipv4Addr) {
        self.pods().insert(name.to_owned(), Endpoint { address, ready: false, is_ending: false });
    }

    /// Records the result of a readiness probe. Does nothing if the pod has been removed meanwhile.
    pub fn set_ready(&self, name: &str, ready: bool) {
        if let Some(endpoint) = self.pods().get_mut(name) {
            endpoint.ready = ready && !endpoint.is_ending;
        }
    }

    /// Takes a pod that was told to end from `mysql-read`. It keeps its DNS name until it has ended.
    pub(crate) fn begin_to_end(&self, name: &str) {
        if let Some(endpoint) = self.pods().get_mut(name) {
            (endpoint.ready, endpoint.is_ending) = (false, true);
        }
    }

    /// Removes a pod, and with it its DNS name.
    pub(crate) fn remove(&self, name: &str) {
        self.pods().remove(name);
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

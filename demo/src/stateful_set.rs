//! What the StatefulSet and the kubelet do for the pods of a local cluster.

use std::net::Ipv4Addr;

use anyhow::bail;

use crate::LocalCluster;

/// One pod, as `kubectl get pods` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// The pod's name, such as `mysql-0`.
    pub name: String,
    /// Its address, unless it has ended and its successor is not there yet.
    pub address: Option<Ipv4Addr>,
    /// A word or a few, such as `ready`, `starting`, `not ready: <why>`, `ending`, `frozen`.
    pub state: String,
    /// How often its server was started again at the same address.
    pub restarts: u32,
}

impl LocalCluster {
    /// Deletes a pod.
    ///
    /// # Errors
    ///
    /// If there is no such pod.
    pub fn delete_pod(&mut self, _ordinal: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// Deletes a pod and its volume.
    ///
    /// # Errors
    ///
    /// If there is no such pod.
    pub fn lose_pod(&mut self, _ordinal: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// Changes the number of pods.
    ///
    /// # Errors
    ///
    /// If it is not between 1 and 10.
    pub fn scale(&mut self, _pods: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// Stops a replica's applier.
    ///
    /// # Errors
    ///
    /// If it is the primary.
    pub async fn lag(&mut self, _ordinal: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// Starts it again.
    ///
    /// # Errors
    ///
    /// If it is the primary.
    pub async fn catch_up(&mut self, _ordinal: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// Freezes a pod.
    ///
    /// # Errors
    ///
    /// If there is no such pod.
    pub fn freeze(&mut self, _ordinal: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// If there is no such pod.
    pub fn thaw(&mut self, _ordinal: u8) -> anyhow::Result<()> {
        bail!("not yet")
    }

    /// How long the cluster's DNS server may repeat an answer.
    pub fn set_dns_cache(&mut self, _seconds: Option<u32>) {}

    /// One entry for each pod.
    #[must_use]
    pub fn status(&self) -> Vec<PodStatus> {
        Vec::new()
    }

    /// Waits for the next thing that happens, and tells it in one sentence.
    pub async fn next_event(&mut self) -> String {
        self.next_end().await
    }
}

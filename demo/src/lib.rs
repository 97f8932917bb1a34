//! The cluster's MySQL on one machine, for `cargo demo` and for tests: real servers, real replication,
//! the cluster's names and its Service `mysql-read`, with nothing installed on the system.
//!
//! # Layout
//!
//! - [`mysql_programs`]: where `mysqld` and its clients come from: `PATH`, or Debian's packages.
//! - [`manifests`]: what `kubernetes/` says, so that one machine runs the very same script,
//!   settings and passwords.
//! - [`pod`]: one MySQL server, started by the `bootstrap.sh` of `kubernetes/mysql-scripts.yaml` on a
//!   loopback address of its own.
//! - [`network`]: the loopback addresses, which nobody else may have at the same time.
//! - [`endpoints`]: which pods there are and which are ready; what the next three go by.
//! - [`cluster_dns`]: a DNS server that answers for `mysql`, `mysql-0.mysql` and `mysql-read`.
//! - [`read_service`]: `mysql-read`: a random ready pod for each connection, as kube-proxy does.
//! - [`kubernetes_api`]: the little that `bootstrap.sh` asks of the API server.
//! - [`testbed`]: all of it together.
//! - [`shared`]: one testbed for all tests of a process, and separate ones for tests that break them.
//! - [`apps`]: write-app and read-app, served from this process.
//! - `small_volume`, with the feature `mounts`: a pod's volume that can be full.
//! - [`process`]: one of them as a process of its own, with its log and its end.
//! - `browser` and `chromedriver`, with the feature of that name: Chromium, as a person uses it.

pub mod apps;
#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "browser")]
mod chromedriver;
pub mod cluster_dns;
pub mod endpoints;
pub mod kubernetes_api;
pub mod manifests;
pub mod mysql_programs;
pub mod network;
pub mod pod;
pub mod process;
pub mod read_service;
pub mod shared;
#[cfg(feature = "mounts")]
pub mod small_volume;
pub mod testbed;

pub use testbed::Testbed;

/// Told what is being done, a line a step.
pub type Progress = fn(&str);

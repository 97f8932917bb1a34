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
//! - [`local_cluster`]: all of it together.
//! - [`for_tests`]: one local cluster for all tests of a process, and separate ones for tests that break them.
//! - [`apps`]: write-app and read-app, served from this process.
//! - [`process`]: one of them as a process of its own, with its log and its end.

pub mod apps;
pub mod cluster_dns;
pub mod endpoints;
pub mod for_tests;
pub mod kubernetes_api;
pub mod local_cluster;
pub mod manifests;
pub mod mysql_programs;
pub mod network;
pub mod pod;
pub mod process;
pub mod read_service;

pub use local_cluster::LocalCluster;

/// Told what is being done, a line a step.
pub type Progress = fn(&str);

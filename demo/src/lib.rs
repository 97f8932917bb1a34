//! `cargo demo`: MySQL with replication, write-app and read-app on one machine, without Kubernetes.
//!
//! The program is `src/main.rs`. This library is what the program starts, and what tests and benchmarks start too.
//! MySQL and its replication are real. Small stand-ins do what Kubernetes does in a cluster.
//!
//! # Tour
//!
//! - [`options`]: the program's options: the ports of both apps, the number of replicas.
//! - [`local_cluster`]: [`LocalCluster`], which starts and stops the servers and the stand-ins below.
//! - [`terminal`]: reads commands at a prompt, and prints above it what happens.
//! - [`command_socket`]: takes the same commands from a second terminal.
//! - [`commands`]: the grammar of the commands.
//! - [`requests`]: carries out the command of a line, and answers it.
//!
//! MySQL:
//!
//! - [`mysql_programs`]: finds `mysqld` and its clients on `PATH`, or says what to install.
//! - `app_armor`: names the profile that keeps a system's mysqld out of the demo's folders.
//! - `debian_packages`: downloads MySQL on Debian, and installs nothing.
//! - [`manifests`]: reads scripts, settings and passwords from `kubernetes/`, so the demo and a cluster run the same.
//! - [`pod`]: starts one MySQL server with the `bootstrap.sh` of `kubernetes/mysql-scripts.yaml`.
//! - `clean_command`: starts programs without the environment of the person who starts the demo.
//! - [`run_folder`]: a folder that can hold the servers' sockets.
//! - [`patience`]: says what a step waits for that takes long.
//!
//! The stand-ins for Kubernetes:
//!
//! - [`stateful_set`]: the pods, and what a person does to them: delete, scale, freeze.
//! - `controller`: what becomes of them then, as the StatefulSet's controller and the kubelet bring it about.
//! - `probes`: whether a pod is ready, and whether it is alive.
//! - [`network`]: the loopback addresses of the pods and the stand-ins.
//! - [`endpoints`]: the list of pods and their readiness, which the DNS server, the Service and the API server share.
//! - [`cluster_dns`]: the DNS server: it answers for `mysql`, `mysql-0.mysql` and `mysql-read`.
//! - `dns_cache`: how long the DNS server repeats an answer.
//! - [`read_service`]: the Service `mysql-read`: a random ready pod for each connection, as kube-proxy picks it.
//! - `forwarder`: leads connections to a pod, for [`read_service`] and for the name of mysql-0 in a server's settings.
//! - `dns_answers`: how [`cluster_dns`] and [`scripted_dns`] send their answers.
//! - `kubernetes_api`: the API server, or the three requests of it that `bootstrap.sh` needs.
//!
//! The apps, and what only tests use:
//!
//! - [`apps`]: serves write-app and read-app from this process.
//! - [`process`]: runs an app's binary as a child process, for tests of its log and of how it ends.
//! - [`scripted_dns`]: a DNS server that answers what a test tells it.
//! - [`for_tests`]: a local cluster that all tests of a process share, and separate ones for tests that break them.

mod app_armor;
mod cache_folder;
mod clean_command;
mod controller;
mod debian_packages;
mod dns_answers;
mod dns_cache;
mod forwarder;
mod probes;

pub mod apps;
pub mod cluster_dns;
pub mod command_socket;
pub mod commands;
pub mod endpoints;
pub mod for_tests;
pub mod kubernetes_api;
pub mod local_cluster;
pub mod manifests;
pub mod mysql_programs;
pub mod network;
pub mod options;
pub mod patience;
pub mod pod;
pub mod process;
pub mod read_service;
pub mod requests;
pub mod run_folder;
pub mod scripted_dns;
pub mod stateful_set;
pub mod terminal;

pub use cache_folder::cache_folder;
pub use local_cluster::LocalCluster;
pub use stateful_set::PodStatus;

/// Takes one line of text for each step, such as `mysql-0 is ready`.
pub type Progress = fn(&str);

//! The scripts of `kubernetes/mysql-scripts.yaml` on one machine: what a pod does with its data and
//! what its probes say, whatever happens to it.
//!
//! Each test has servers of its own, since each does something to them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod passwords;
mod probes;
mod replication;
mod servers;
mod states;

//! The scripts of `kubernetes/mysql-scripts.yaml`, on one machine: what a pod does with its data, and what its
//! probes say.
//!
//! Each test starts its own servers, because it stops or damages them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod claims;
mod mounted_scripts;
mod password_rules;
mod passwords;
mod probes;
mod replication;
mod servers;
mod states;
mod unanswered;
mod volume;

//! Full volumes: what MySQL does, and what the apps answer. Only root can mount the small file systems, so
//! `cargo test` leaves these tests out. To run them: `cargo test --workspace --test volumes`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]
#![allow(dead_code, reason = "other test targets use the rest of two modules")]

mod apps;
#[path = "../faults/cycle.rs"]
mod cycle;
mod full;
mod logs;
mod mysql;
#[path = "../mysql/servers.rs"]
mod servers;

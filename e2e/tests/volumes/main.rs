//! Volumes without a byte left: what MySQL does, and what the apps say. It takes the right to mount small
//! file systems, so `cargo test` passes these by: `cargo test --workspace --test volumes`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]
#![allow(dead_code, reason = "two modules are those of other targets, which use all of them")]

mod apps;
#[path = "../faults/cycle.rs"]
mod cycle;
mod mysql;
#[path = "../mysql/servers.rs"]
mod servers;

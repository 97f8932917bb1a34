//! How the apps serve: the limits for a client, the limits for all clients, and how a process stops. Each app
//! runs as a separate process here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod client;
mod crowd;
mod damaged_requests;
mod half_open;
mod log_pipe;
mod memory;
mod overload;
mod process;
mod proxies;
mod requests;
mod rfc9110;
mod slow_clients;
mod stopping;

/// A test that measures runs alone; all others run at the same time.
static MACHINE: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

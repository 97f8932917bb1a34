//! How the apps serve: what a client may do, how long it may be silent, how many there may be, and what
//! becomes of requests when a process is told to stop. The apps are processes of their own here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod client;
mod crowd;
mod damaged_requests;
mod half_open;
mod memory;
mod overload;
mod process;
mod requests;
mod stopping;

/// Tests that measure run alone, all others beside each other.
static MACHINE: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

//! write-app from outside: a real primary and its replica, HTTP as browsers and programs speak it.
//!
//! Everything runs against one shared pair of servers, so each test uses emails of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod binary;
mod client;
mod commit;
mod failures;
mod idempotency;
mod logs;
mod metrics;
mod page;
mod replica_refusal;
mod schema;
mod submit;
mod tls;
mod traces;

//! Tests of write-app over HTTP, as browsers and programs speak it, with a real primary and its replica.
//!
//! The tests share one pair of servers, so no two tests use the same email.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod binary;
mod bodies;
mod client;
mod commit;
mod failures;
mod forms;
mod idempotency;
mod logs;
mod mailboxes;
mod metrics;
mod open_outcome;
mod page;
mod primary_gone;
mod replica_refusal;
mod schema;
mod submit;
mod tls;
mod traces;

//! What MySQL can do to the apps: each fault has a cause of its own in the answer, within four seconds,
//! and within five seconds of its end both apps work again, without a restart.
//!
//! Each fault comes twice, and 20 times where `FIGURES` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod cycle;
mod faults;

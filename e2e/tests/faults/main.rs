//! Faults of MySQL. The apps name the cause of each fault within four seconds. Both apps work again within five
//! seconds of its end, without a restart.
//!
//! Each test makes its fault twice, and 20 times if `FIGURES` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod cycle;
mod faults;

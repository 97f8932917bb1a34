//! read-app from outside: a real primary and its replica behind `mysql-read`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod client;
mod page;
mod users;

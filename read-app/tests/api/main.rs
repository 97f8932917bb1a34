//! read-app from outside: a real primary and its replica behind `mysql-read`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod caps;
mod client;
mod dns_failures;
mod evidence;
mod fresh;
mod metrics;
mod page;
mod paging;
mod routing;
mod search;
mod slow_pods;
mod story;
mod users;

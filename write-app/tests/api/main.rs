//! write-app from outside: a real primary and its replica, HTTP as browsers and programs speak it.
//!
//! Everything runs against one shared pair of servers, so each test uses emails of its own.

mod binary;
mod client;
mod failures;
mod page;
mod registration;

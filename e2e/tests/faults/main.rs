//! What MySQL can do to the apps: each fault has a cause of its own in the answer, within four seconds,
//! and within five seconds of its end both apps work again, without a restart.
//!
//! With the feature `long` each fault comes 20 times. With `mounts` there is one more, a full volume.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod cycle;
mod faults;
#[cfg(feature = "mounts")]
mod full_volume;

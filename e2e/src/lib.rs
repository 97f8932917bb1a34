//! What the tests of everything together share.
//!
//! The tests are in `tests/`: each folder or file there is a test target, and says at its top what it
//! shows and what it needs.
//!
//! - [`browser`]: Chromium, used as a person uses it. `chromedriver` starts it.
//! - [`small_volume`]: a pod's volume that can be full.

pub mod browser;
mod chromedriver;
pub mod small_volume;

/// How often a test does the same: `few` times, or `many` where `FIGURES` is set, as `.ci/run figures` does.
#[must_use]
pub fn repetitions(few: u32, many: u32) -> u32 {
    if std::env::var_os("FIGURES").is_some() { many } else { few }
}

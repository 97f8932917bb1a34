//! Code that the tests of the whole system share.
//!
//! The tests are in `tests/`. Each folder or file there is a test target, and says at its top what it shows and what
//! it needs.
//!
//! - [`browser`]: Chromium, used as a person uses it. `chromedriver` starts it.
//! - [`small_volume`]: a volume for a pod that a test can fill.

pub mod browser;
mod chromedriver;
pub mod small_volume;

/// How often a test repeats a measurement: `few` times, or `many` times where `FIGURES` is set, as `.ci/run figures`
/// sets it.
#[must_use]
pub fn repetitions(few: u32, many: u32) -> u32 {
    if std::env::var_os("FIGURES").is_some() { many } else { few }
}

//! The pages in a real browser: Chromium, driven through chromedriver.
//!
//! They need Chromium, chromedriver and axe-core. `AXE_JS` says where `axe.min.js` is; the default is where
//! `.ci/run tools` puts it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod accessibility;
mod address;
mod axe;
mod broken;
mod hostile_names;
mod hostile_values;
mod interruptions;
mod live;
mod pages;
mod read_page;
mod registration;
mod routing;
mod weight;
mod without_scripts;
mod write_path;

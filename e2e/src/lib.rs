//! Code that the tests of the whole system share.
//!
//! # Tour
//!
//! The tests are in `tests/`. `cargo test --workspace` runs those that need MySQL alone:
//!
//! - `mysql/`: `bootstrap.sh` and the probes of `kubernetes/mysql-scripts.yaml`, by the states of docs/mysql-states.md.
//! - `faults/`: a fault of MySQL comes and goes, and both apps name it; a new fault is a function in `faults.rs`.
//! - `serving/`: slow, silent, many and broken clients, and processes that are told to stop.
//! - `security`, `openapi`, `read_your_writes`, `new_passwords`: one promise each.
//! - `manifests`, `documents`: what is said twice, in code, manifests and documents, must be the same.
//!
//! `cargo test --workspace --test NAME` runs these:
//!
//! - `browser/`: the pages in Chromium.
//! - `cluster/`: the manifests on the cluster that KUBECONFIG names.
//! - `lessons/`: the commands of docs/lessons on that cluster, and kubectl's commands that stand in sentences; a new
//!   lesson is a document there, and three lines in `main.rs`.
//! - `volumes/`: volumes without a free byte, which root can mount.
//!
//! This library has what several of them share. [`browser`] is Chromium, used as a person uses it. [`documents`] is what
//! the documents print. [`fonts`] are those that the pages are looked at in. [`port_forward`] is kubectl's.
//! [`small_volume`] is a volume for a pod that a test can fill.

pub mod browser;
mod chromedriver;
pub mod documents;
pub mod fonts;
pub mod port_forward;
pub mod small_volume;

/// How often a test repeats a measurement: `few` times, or `many` times where `FIGURES` is set, as `.ci/run figures`
/// sets it.
#[must_use]
pub fn repetitions(few: u32, many: u32) -> u32 {
    if std::env::var_os("FIGURES").is_some() { many } else { few }
}

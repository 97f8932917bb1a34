//! How many instructions the apps take for a request: `cargo instructions`.
//!
//! On a busy machine, wall time does not show a change of a few percent; a count of instructions does. Both apps
//! run optimised, under callgrind, with real MySQL servers. Each handler gets [`REQUESTS`] requests over one connection.
//! The instructions of an idle app are subtracted, and the rest is compared with `baseline.json`. The benchmark fails if
//! a handler takes more than the baseline and [`TOLERANCE`]. The smallest of [`ROUNDS`] counts is used, because an app
//! that has to wait executes more instructions.
//!
//! Renew the baseline after a change that is worth its instructions, or with a new compiler: `cargo instructions --renew`.
//! `cargo instructions --profile` also prints the functions that take the most, and writes how many instructions each
//! layer takes into `docs/performance.md`.
//!
//! On another kind of processor, the cryptography of a new connection may take another number of instructions.

#![allow(clippy::print_stdout, reason = "figures are what this is for")]

mod callgrind;
mod handlers;
mod layers;
mod profile;

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context as _, ensure};
use demo::for_tests::shared;

use crate::{
    callgrind::Counted,
    handlers::{HANDLERS, Handler, REQUESTS},
    profile::Profile,
};

/// How much more than the baseline a handler may take: twice the largest spread of six runs on a very busy machine. The
/// spread was 4.1 % for a registration, 2.5 % for the page, 1.4 % for a kept connection, 0.5 % for a new one.
const TOLERANCE: f64 = 0.08;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions/baseline.json");

/// How often each handler is counted.
const ROUNDS: u32 = 3;

/// Instructions for each request, by handler.
type Counts = BTreeMap<String, u64>;

fn main() -> anyhow::Result<()> {
    let valgrind = Command::new("valgrind").arg("--version").output();
    valgrind
        .context("cannot run valgrind, which counts the instructions: apt-get install valgrind")?;
    let has = |option| std::env::args().any(|argument| argument == option);
    let profiles = tokio::runtime::Runtime::new()?.block_on(count())?;
    if has("--profile") {
        for (handler, profile) in &profiles {
            println!("{handler}:\n{}", profile.largest(REQUESTS));
        }
        profile::write(&profiles, REQUESTS)?;
    }
    let counts = counts(&profiles);
    if has("--renew") {
        return Ok(fs::write(BASELINE, serde_json::to_string_pretty(&counts)? + "\n")?);
    }
    let baseline = fs::read_to_string(BASELINE).context(BASELINE)?;
    compare(&counts, &serde_json::from_str(&baseline)?)
}

/// Counts write-app first: it registers the users whom read-app lists.
async fn count() -> anyhow::Result<Vec<(&'static str, Profile)>> {
    let mut profiles = Vec::new();
    for app in [handlers::WRITE_APP, handlers::READ_APP] {
        let mut process = Counted::start(app.binary, app.about, shared()).await?;
        for handler in HANDLERS.iter().filter(|handler| handler.app == app.about.name) {
            profiles.push((handler.name, count_one(&mut process, handler).await?));
        }
    }
    Ok(profiles)
}

async fn count_one(process: &mut Counted, handler: &Handler) -> anyhow::Result<Profile> {
    let url = process.url().to_owned();
    // The first requests open connections, prepare statements and fill caches.
    handler.send(&url, REQUESTS / 4).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(process.count(async || handler.send(&url, REQUESTS).await).await?);
    }
    let least = rounds.into_iter().min_by(|one, other| one.total().total_cmp(&other.total()));
    least.context("no round was counted")
}

fn counts(profiles: &[(&str, Profile)]) -> Counts {
    let each = |profile: &Profile| (profile.total() / f64::from(REQUESTS)).round() as u64;
    profiles.iter().map(|(handler, profile)| ((*handler).to_owned(), each(profile))).collect()
}

fn compare(counts: &Counts, baseline: &Counts) -> anyhow::Result<()> {
    let mut grown = Vec::new();
    for (handler, count) in counts {
        let before = *baseline.get(handler).with_context(|| format!("no baseline of {handler}"))?;
        let growth = *count as f64 / before as f64 - 1.0;
        println!(
            "figure: {handler}: {count} instructions for each request, baseline {before}, {:+.1} %",
            growth * 100.0
        );
        if growth > TOLERANCE {
            grown.push(format!("{handler} takes {:.1} % more", growth * 100.0));
        }
    }
    ensure!(
        grown.is_empty(),
        "{}; the limit is {:.0} %. If the change is worth it, renew the baseline: cargo instructions --renew",
        grown.join("; "),
        TOLERANCE * 100.0
    );
    Ok(())
}

//! How many instructions the apps take for a request: `cargo instructions`.
//!
//! Wall time on a machine that others use too says little of a change of a few percent; counted
//! instructions do. Both apps run optimised, under callgrind, beside real servers. Each handler is
//! asked [`REQUESTS`] times over one connection, what the app does meanwhile by itself is subtracted, and
//! the rest is compared with `baseline.json`. Where one takes more than [`TOLERANCE`] beyond it, this fails.
//! The least of [`ROUNDS`] counts, for an app that is kept waiting has more to do.
//!
//! A change that is worth its instructions renews the baseline, as does a new compiler; on another kind of
//! processor the cryptography of a new connection may count differently, for valgrind shows what the
//! processor has: `cargo instructions --renew`.

#![allow(clippy::print_stdout, reason = "figures are what this is for")]

mod callgrind;
mod handlers;

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context as _, ensure};
use demo::for_tests::shared;

use crate::{
    callgrind::Counted,
    handlers::{HANDLERS, Handler, REQUESTS},
};

/// How much more than the baseline a handler may take: twice the widest spread. Six runs on a machine with far
/// more to do than it has cores were, from least to most, 0.5 % apart for a new connection, 1.4 % for a
/// kept one, 2.5 % for the page and 4.1 % for a registration.
const TOLERANCE: f64 = 0.08;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions/baseline.json");

/// How often each is counted.
const ROUNDS: u32 = 3;

/// Instructions a request, by handler.
type Counts = BTreeMap<String, u64>;

fn main() -> anyhow::Result<()> {
    let valgrind = Command::new("valgrind").arg("--version").output();
    valgrind.context("valgrind counts the instructions; install it: apt-get install valgrind")?;
    let renew = std::env::args().any(|argument| argument == "--renew");
    let counts = tokio::runtime::Runtime::new()?.block_on(count())?;
    if renew {
        return Ok(fs::write(BASELINE, serde_json::to_string_pretty(&counts)? + "\n")?);
    }
    let baseline = fs::read_to_string(BASELINE).context(BASELINE)?;
    compare(&counts, &serde_json::from_str(&baseline)?)
}

/// write-app first: read-app lists whom it registers.
async fn count() -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    for app in [handlers::WRITE_APP, handlers::READ_APP] {
        let mut process = Counted::start(app.binary, app.about, shared()).await?;
        for handler in HANDLERS.iter().filter(|handler| handler.app == app.about.name) {
            counts.insert(handler.name.to_owned(), count_one(&mut process, handler).await?);
        }
    }
    Ok(counts)
}

async fn count_one(process: &mut Counted, handler: &Handler) -> anyhow::Result<u64> {
    let url = process.url().to_owned();
    // Connections are opened, statements prepared and caches filled.
    handler.ask(&url, REQUESTS / 4).await?;
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        least = process.count(async || handler.ask(&url, REQUESTS).await).await?.min(least);
    }
    Ok((least / f64::from(REQUESTS)).round() as u64)
}

fn compare(counts: &Counts, baseline: &Counts) -> anyhow::Result<()> {
    let mut grown = Vec::new();
    for (handler, count) in counts {
        let before = *baseline.get(handler).with_context(|| format!("no baseline of {handler}"))?;
        let growth = *count as f64 / before as f64 - 1.0;
        println!(
            "figure: {handler}: {count} instructions a request, baseline {before}, {:+.1} %",
            growth * 100.0
        );
        if growth > TOLERANCE {
            grown.push(format!("{handler} takes {:.1} % more", growth * 100.0));
        }
    }
    ensure!(
        grown.is_empty(),
        "{}, where {:.0} % is tolerated. If that is worth it: \
         cargo instructions --renew",
        grown.join("; "),
        TOLERANCE * 100.0
    );
    Ok(())
}

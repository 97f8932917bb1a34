//! `cargo bench -p bench`: how fast both apps are and what they cost, compared with mysqlslap and with peers.
//!
//! - [`setup`]: the MySQL servers, and how much is measured; [`login`]: an account on them.
//! - [`mysqlslap`] and [`peers`]: what the apps are compared with; [`server`]: an app or a peer as a process.
//! - [`load`]: the load generator; [`process`]: processor time and memory of processes.
//! - [`contest`]: mysqlslap, an app and the peers do the same work in turns; [`reads`] and [`writes`] are contests.
//! - [`connections`], [`growth`], [`replication`], [`footprint`]: the other measurements.
//! - [`on_cluster`]: growth on a cluster; [`workload`]: its pods; [`crowd`]: what many open pages take.
//! - [`goals`], [`statistics`], [`machine`], [`report`], [`plot`]: the report.

mod connections;
mod contest;
mod crowd;
mod footprint;
mod goals;
mod growth;
mod load;
mod login;
mod machine;
mod mysqlslap;
mod on_cluster;
mod peers;
mod plot;
mod process;
mod reads;
mod replication;
mod report;
mod server;
mod setup;
mod statistics;
mod workload;
mod writes;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    peers::Peer,
    report::Report,
    setup::{Extent, FULL, QUICK, Setup},
};

/// Compares both apps with mysqlslap and with peers, and writes docs/performance.md and docs/performance.svg.
///
/// The peers need Go, Node with npm, and Python with venv. The benchmark uses the MySQL on PATH. On Debian without MySQL,
/// it downloads Debian's packages into a cache folder. Ctrl-C stops everything.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p bench --", version)]
struct Options {
    /// Measure everything in about two minutes, and write the report into the target folder
    #[arg(long)]
    quick: bool,
    /// Measure only what more pods are good for, on the cluster that kubectl reaches. The NodePorts are at 127.0.0.1,
    /// or where NODE_ADDRESS says
    #[arg(long, conflicts_with_all = ["without_peers", "output"])]
    on_cluster: bool,
    /// Measure without the peers
    #[arg(long)]
    without_peers: bool,
    /// Folder for the report [default: docs, with --quick a folder in target]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// `cargo bench` passes this option to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(status) => status,
        Err(error) => {
            eprintln!("performance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let extent = if options.quick { QUICK } else { FULL };
    if options.on_cluster {
        return grow(&extent, &options).await;
    }
    let load = machine::load();
    let peers = if options.without_peers { Vec::new() } else { peers::build()? };
    eprintln!("starting a primary and a replica");
    let mut setup = Setup::start(extent).await?;
    let measured = unless_stopped(measure(&mut setup, &peers, &load)).await;
    eprintln!("stopping the servers");
    setup.stop().await?;
    let report = measured?;
    report.write(&options.folder())?;
    println!("{}", report.goals());
    Ok(ExitCode::SUCCESS)
}

/// Measures growth on a cluster. A quick run prints what another one writes into the page.
async fn grow(extent: &Extent, options: &Options) -> anyhow::Result<ExitCode> {
    on_cluster::check().await?;
    let measured = unless_stopped(on_cluster::measure(extent)).await;
    if measured.is_err() {
        eprintln!("putting the pods back as the manifests have them");
        if let Err(error) = on_cluster::restore().await {
            eprintln!(
                "not all of it was put back: {error:#}. Apply kubernetes/ again, and restart what has a limit"
            );
        }
    }
    let text = measured?;
    println!("{text}");
    if !options.quick {
        on_cluster::SECTION.write(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is measured, unless Ctrl-C or SIGTERM stops it.
async fn unless_stopped<T>(
    measuring: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let [mut interrupt, mut terminate] =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    tokio::select! {
        measured = measuring => measured,
        _ = interrupt.recv() => bail!("stopped"),
        _ = terminate.recv() => bail!("stopped"),
    }
}

impl Options {
    /// A quick run must not replace the figures in `docs`.
    fn folder(&self) -> PathBuf {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let quick = Path::new(env!("CARGO_TARGET_TMPDIR")).join("performance");
        self.output.clone().unwrap_or(if self.quick { quick } else { docs })
    }
}

/// Measures everything. The order matters: reads come before writes, which make the small table grow. The large table is
/// dropped before writes.
async fn measure(setup: &mut Setup, peers: &[Peer], load: &str) -> anyhow::Result<Report> {
    let facts = machine::facts(setup, load).await?;
    let mut memory = vec![("started", setup.resident().await?)];
    let (read_part, reads) = reads::part(setup, peers).await?;
    memory.push(("after the reads", setup.resident().await?));
    let mut parts = vec![connections::part(setup).await?];
    let mut clones = vec![replication::clone(setup, 2).await?];
    growth::fill(setup).await?;
    parts.push(growth::page(setup).await?);
    memory.push(("with the large table", setup.resident().await?));
    clones.push(replication::clone(setup, 3).await?);
    setup.primary(&format!("DROP DATABASE {}", growth::LARGE)).await?;
    setup.wait_for_replica().await?;
    let (write_part, writes) = writes::part(setup, peers).await?;
    memory.push(("after the writes", setup.resident().await?));
    parts.splice(0..0, [read_part, write_part]);
    parts.extend([replication::visible(setup).await?, replication::clones(&clones)]);
    parts.push(footprint::part(setup, &memory).await?);
    // Routing comes last: it opens more connections than mysqld has memory for.
    parts.insert(4, growth::routing(setup).await?);
    Ok(Report { facts, parts, reads, writes })
}

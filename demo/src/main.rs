//! `cargo demo`: the whole thing on one machine, until Ctrl-C.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, value_parser};
use demo::{
    LocalCluster,
    apps::{RunningApp, serve_both},
    for_tests::cache_folder,
    local_cluster::Plan,
    network::Network,
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// MySQL with one primary and its replicas, write-app and read-app, on this machine.
///
/// Nothing is installed: MySQL is the one on PATH, or Debian's packages unpacked into a cache folder.
/// RUST_LOG=info shows what the apps log. Ctrl-C stops everything.
#[derive(Parser)]
#[command(name = "cargo demo --", version)]
struct Options {
    /// Forget the users of earlier runs and begin with empty servers
    #[arg(long)]
    fresh: bool,
    /// How many replicas there are beside the primary
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u8).range(1..=8))]
    replicas: u8,
    /// Where write-app listens
    #[arg(long, value_name = "PORT", default_value_t = 30000)]
    write_port: u16,
    /// Where read-app listens
    #[arg(long, value_name = "PORT", default_value_t = 30001)]
    read_port: u16,
    /// Folder for the servers' data [default: in the cache folder]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// The first number of the servers' addresses after 127: they get `127.30.*.*`.
const NETWORKS: u8 = 30;

/// Where the second one is kept, beside the volumes.
const NETWORK_FILE: &str = "network";

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
    tracing_subscriber::fmt().with_env_filter(filter).init();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen()?;
    let mut demo = tokio::select! {
        demo = Demo::start(&options) => demo?,
        () = stop.next() => return Ok(()),
    };
    demo.invite();
    loop {
        tokio::select! {
            ended = demo.cluster.next_end() => println!("demo: {ended}"),
            () = stop.next() => break,
        }
    }
    println!("\ndemo: stopping; Ctrl-C again stops at once");
    tokio::select! {
        stopped = demo.stop() => stopped?,
        () = stop.next() => {}
    }
    println!("demo: stopped; the users are kept for the next run");
    Ok(())
}

struct Demo {
    cluster: LocalCluster,
    apps: [RunningApp; 2],
    _run: TempDir,
}

impl Demo {
    async fn start(options: &Options) -> anyhow::Result<Self> {
        // First what can fail at once, then what takes time.
        let write = listen(options.write_port, "--write-port").await?;
        let read = listen(options.read_port, "--read-port").await?;
        let run = tempfile::Builder::new().prefix("mysql-demo-").tempdir();
        let run = run.context("no temporary folder can be made")?;
        let cluster = LocalCluster::start(options.plan(run.path())?).await?;
        let apps = serve_both([write, read], &cluster).await?;
        Ok(Self { cluster, apps, _run: run })
    }

    fn invite(&self) {
        let [write, read] = self.apps.each_ref().map(RunningApp::url);
        println!(
            "\n  register users       {write}\n  see who serves them  {read}\n\ndemo: Ctrl-C stops everything"
        );
    }

    async fn stop(self) -> anyhow::Result<()> {
        for app in self.apps {
            app.stop().await?;
        }
        self.cluster.stop().await
    }
}

impl Options {
    fn plan(&self, run: &Path) -> anyhow::Result<Plan> {
        let cache = cache_folder()?;
        let volumes = self.data.clone().unwrap_or_else(|| cache.join("demo"));
        // First the claim: it fails while another demo uses the same volumes, and a server whose data
        // is removed under it never ends, and logs that without end.
        let network = network_of(&volumes)?;
        if self.fresh {
            forget(&volumes).with_context(|| format!("{} cannot be emptied", volumes.display()))?;
        }
        Ok(Plan {
            network,
            volumes,
            run: run.to_owned(),
            cache,
            pods: self.replicas + 1,
            progress: |line| println!("demo: {line}"),
        })
    }
}

/// Removes what earlier demos left, and nothing else: the folder may be any that the user named.
fn forget(volumes: &Path) -> io::Result<()> {
    for folder in (0..=u8::MAX).map(|ordinal| volumes.join(format!("mysql-{ordinal}"))) {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

/// The network that these volumes were made in, or a free one for new volumes. A replica remembers
/// its primary's address: in a cluster that is a name, on one machine a number, which must stay.
fn network_of(volumes: &Path) -> anyhow::Result<Network> {
    let file = volumes.join(NETWORK_FILE);
    if let Ok(text) = fs::read_to_string(&file) {
        let number = text.trim().parse();
        let damaged = || format!("{} is damaged; delete it", file.display());
        return Network::claim([NETWORKS, number.with_context(damaged)?]);
    }
    let network = Network::claim_any(NETWORKS)?;
    fs::create_dir_all(volumes).with_context(|| format!("{} cannot be made", volumes.display()))?;
    let [_, number] = network.numbers();
    fs::write(&file, number.to_string())?;
    Ok(network)
}

async fn listen(port: u16, option: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "port {port} cannot be used; is another demo running? Stop what listens there \
             (ss -ltnp shows it), or choose another port with {option}"
        )
    })
}

/// Ctrl-C, and SIGTERM, which does the same here.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    #[test]
    fn volumes_keep_their_network_and_have_one_demo_at_a_time() {
        let volumes = tempfile::tempdir().unwrap();
        let first = network_of(volumes.path()).unwrap();

        let refusal = network_of(volumes.path()).unwrap_err();
        assert!(refusal.to_string().contains("is another demo running"), "{refusal}");

        let numbers = first.numbers();
        drop(first);
        assert_eq!(network_of(volumes.path()).unwrap().numbers(), numbers);
    }
}

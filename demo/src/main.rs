//! `cargo demo`: MySQL, write-app and read-app on this machine, until Ctrl-C.
//!
//! [`Options`] has the ports and the number of replicas. [`LocalCluster`] starts the MySQL servers, the DNS server
//! and the stand-in for the Service `mysql-read`. [`serve_both`] serves the apps.

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
    cache_folder,
    local_cluster::Plan,
    manifests::Files,
    network::Network,
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// The apps' ports on localhost, equal to the NodePorts of their Services in `kubernetes/`.
const WRITE_PORT: u16 = 30000;
const READ_PORT: u16 = 30001;

/// The number of replicas, equal to that of the StatefulSet in `kubernetes/`, whose `replicas: 2` counts the primary.
const REPLICAS: u8 = 1;

/// The servers have addresses `127.30.N.*`.
const DEMO_NETWORKS: u8 = 30;

/// The file beside the volumes that holds N.
const NETWORK_FILE: &str = "network";

/// Runs write-app, read-app and MySQL with replication on this machine, until Ctrl-C.
///
/// The demo installs nothing. It uses the MySQL on PATH. On Debian without MySQL, it downloads Debian's packages into
/// a cache folder. Set RUST_LOG=info to see what the apps log.
#[derive(Parser)]
#[command(bin_name = "cargo demo --", version)]
struct Options {
    /// Delete the users of earlier runs, and start with empty servers
    #[arg(long)]
    fresh: bool,
    /// Number of MySQL replicas, besides the primary
    #[arg(long, value_name = "N", default_value_t = REPLICAS, value_parser = value_parser!(u8).range(1..=8))]
    replicas: u8,
    /// Port of write-app, where users are registered
    #[arg(long, value_name = "PORT", default_value_t = WRITE_PORT)]
    write_port: u16,
    /// Port of read-app, where users are listed
    #[arg(long, value_name = "PORT", default_value_t = READ_PORT)]
    read_port: u16,
    /// Folder for MySQL's data [default: a folder in the cache folder]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

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
    demo.print_urls();
    loop {
        tokio::select! {
            ended = demo.cluster.next_end() => println!("demo: {ended}"),
            () = stop.next() => break,
        }
    }
    println!("\ndemo: stopping the servers; press Ctrl-C again to kill them");
    tokio::select! {
        stopped = demo.stop() => stopped?,
        () = stop.next() => {}
    }
    println!("demo: stopped; the next run has the same users");
    Ok(())
}

struct Demo {
    cluster: LocalCluster,
    apps: [RunningApp; 2],
    /// Sockets and mounted files; dropped last, when the servers have stopped.
    _run: TempDir,
}

impl Demo {
    async fn start(options: &Options) -> anyhow::Result<Self> {
        // The ports first: a port in use fails at once, a server takes seconds to start.
        let write = listen(options.write_port, "--write-port").await?;
        let read = listen(options.read_port, "--read-port").await?;
        let run = tempfile::Builder::new().prefix("mysql-demo-").tempdir();
        let run = run.context("cannot make a temporary folder")?;
        let cluster = LocalCluster::start(options.plan(run.path())?).await?;
        let apps = serve_both([write, read], &cluster).await?;
        Ok(Self { cluster, apps, _run: run })
    }

    fn print_urls(&self) {
        let [write, read] = self.apps.each_ref().map(RunningApp::url);
        println!(
            "\n  register users            {write}\n  see which pod lists them  {read}\n\ndemo: Ctrl-C stops everything"
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
        // Claim the network before deleting volumes: the claim fails while another demo uses them. A
        // mysqld whose data is deleted does not end, and logs errors without end.
        let network = claim_network(&volumes)?;
        if self.fresh {
            delete_volumes(&volumes)
                .with_context(|| format!("cannot delete the users in {}", volumes.display()))?;
        }
        Ok(Plan {
            network,
            volumes,
            run: run.to_owned(),
            cache,
            pods: self.replicas + 1,
            credentials: Files::mysql_credentials()?,
            progress: |line| println!("demo: {line}"),
        })
    }
}

/// Deletes the folders `mysql-N`, and nothing else: `--data` may name a folder that holds other files.
fn delete_volumes(volumes: &Path) -> io::Result<()> {
    for folder in (0..=u8::MAX).map(|ordinal| volumes.join(format!("mysql-{ordinal}"))) {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

/// Claims the network that these volumes were made in, or a free one for new volumes. A replica stores its
/// primary's address on its volume. In a cluster that is a name; here it is an IP address, which must not change.
fn claim_network(volumes: &Path) -> anyhow::Result<Network> {
    let file = volumes.join(NETWORK_FILE);
    if let Ok(text) = fs::read_to_string(&file) {
        let number = text.trim().parse();
        let damaged = || format!("{} does not hold a number; delete the file", file.display());
        return Network::claim([DEMO_NETWORKS, number.with_context(damaged)?]);
    }
    let network = Network::claim_any(DEMO_NETWORKS)?;
    fs::create_dir_all(volumes)
        .with_context(|| format!("cannot make the folder {}", volumes.display()))?;
    let [_, number] = network.numbers();
    fs::write(&file, number.to_string())?;
    Ok(network)
}

async fn listen(port: u16, option: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on port {port}: is another demo running? Stop the program that listens there \
             (ss -ltnp shows it), or choose another port with {option}"
        )
    })
}

/// Ctrl-C and SIGTERM, which both stop the demo.
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
    fn volumes_keep_their_network_and_only_one_demo_uses_them_at_a_time() {
        let volumes = tempfile::tempdir().unwrap();
        let first = claim_network(volumes.path()).unwrap();

        let refusal = claim_network(volumes.path()).unwrap_err();
        assert!(refusal.to_string().contains("is another demo running"), "{refusal}");

        let numbers = first.numbers();
        drop(first);
        assert_eq!(claim_network(volumes.path()).unwrap().numbers(), numbers);
    }
}

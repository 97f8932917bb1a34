//! `cargo demo`: the whole thing on one machine, until Ctrl-C.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use testbed::{
    Testbed,
    apps::{READ_APP, RunningApp, WRITE_APP},
    shared::cache_folder,
    testbed::Plan,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

const HELP: &str = "\
cargo demo: MySQL with one primary and its replicas, write-app and read-app, on this machine

usage: cargo demo [-- OPTION...]
  --fresh         forget the users of earlier runs and begin with empty servers
  --replicas N    replicas beside the primary, 1 to 8 (default 1)
  --help          this text

Nothing is installed: MySQL is the one on PATH, or Debian's packages unpacked into a cache folder.
RUST_LOG=info shows what the apps log. Ctrl-C stops everything.";

/// The addresses that the demo's servers get: `127.30.0.*`.
const NETWORK: [u8; 2] = [30, 0];

/// The NodePorts of the two apps.
const PORTS: [u16; 2] = [30000, 30001];

struct Options {
    fresh: bool,
    replicas: u8,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter.unwrap_or_else(|_| "off".into())).init();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error}; cargo demo -- --help lists the options");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    /// Nothing where help is asked for.
    fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Option<Self>> {
        let mut options = Self { fresh: false, replicas: 1 };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--fresh" => options.fresh = true,
                "--replicas" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    options.replicas = number
                        .filter(|number| (1..=8).contains(number))
                        .context("--replicas takes a number from 1 to 8")?;
                }
                other => bail!("{other}: not known here"),
            }
        }
        Ok(Some(options))
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    let mut stop = StopSignals::listen()?;
    let demo = tokio::select! {
        demo = Demo::start(&options) => demo?,
        () = stop.next() => return Ok(()),
    };
    demo.invite();
    stop.next().await;
    println!("\ndemo: stopping; Ctrl-C again stops at once");
    tokio::select! {
        stopped = demo.stop() => stopped?,
        () = stop.next() => {}
    }
    println!("demo: stopped; the users are kept for the next run");
    Ok(())
}

struct Demo {
    testbed: Testbed,
    apps: [RunningApp; 2],
    _run: TempDir,
}

impl Demo {
    async fn start(options: &Options) -> anyhow::Result<Self> {
        // First what can fail at once, then what takes time.
        let [write, read] = PORTS.map(listen);
        let (write, read) = (write.await?, read.await?);
        let cache = cache_folder()?;
        let volumes = cache.join("demo");
        if options.fresh && volumes.exists() {
            std::fs::remove_dir_all(&volumes)
                .with_context(|| format!("{} cannot be removed", volumes.display()))?;
        }
        let run = tempfile::Builder::new()
            .prefix("mysql-demo-")
            .tempdir()
            .context("no temporary folder can be made")?;
        let plan = Plan {
            volumes,
            run: run.path().to_owned(),
            cache,
            network: NETWORK,
            pods: options.replicas + 1,
            progress: |line| println!("demo: {line}"),
        };
        let testbed = Testbed::start(plan).await?;
        let apps = [WRITE_APP.serve(write, &testbed)?, READ_APP.serve(read, &testbed)?];
        for app in &apps {
            app.wait_until_ready().await?;
        }
        Ok(Self { testbed, apps, _run: run })
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
        self.testbed.stop().await
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.with_context(|| {
        format!("port {port} cannot be used; is another demo running? `ss -ltnp` shows who listens there: stop it and try again")
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

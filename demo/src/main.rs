//! `cargo demo`: MySQL, write-app and read-app on this machine, until Ctrl-C.
//!
//! [`Options`] has the ports and the number of replicas. [`LocalCluster`] starts the MySQL servers, the DNS server
//! and the stand-in for the Service `mysql-read`. [`serve_both`] serves the apps.

use std::{
    io::{self, ErrorKind, Write as _},
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use anyhow::ensure;
use demo::{
    LocalCluster,
    apps::{RunningApp, serve_both},
    cache_folder,
    options::Options,
    patience::wait_for,
    run_folder::run_folder,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// As many open files as the servers and the apps ever need.
const OPEN_FILES: u64 = 8192;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
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
        () = stop.next() => {
            print("\ndemo: stopped before everything was up");
            return Ok(());
        }
    };
    demo.print_urls();
    loop {
        tokio::select! {
            event = demo.cluster.next_event() => say(&event),
            () = stop.next() => break,
        }
    }
    print("\ndemo: stopping the servers; press Ctrl-C again to kill them");
    tokio::select! {
        stopped = demo.stop() => stopped?,
        () = stop.next() => {}
    }
    say("stopped; the next run has the same users");
    Ok(())
}

fn say(line: &str) {
    print(&format!("demo: {line}"));
}

/// Prints a line. If its reader is gone, as in `cargo demo | head`, the demo goes on.
fn print(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}

struct Demo {
    cluster: LocalCluster,
    apps: [RunningApp; 2],
    /// Sockets and mounted files; dropped last, when the servers have stopped.
    _run: TempDir,
}

impl Demo {
    async fn start(options: &Options) -> anyhow::Result<Self> {
        allow_open_files();
        ensure!(
            options.write_port != options.read_port || options.write_port == 0,
            "--write-port and --read-port are both {}; each app needs its own port",
            options.write_port
        );
        // The ports first: a port in use fails at once, a server takes seconds to start.
        let write = listen(options.listen, options.write_port, "--write-port").await?;
        let read = listen(options.listen, options.read_port, "--read-port").await?;
        let cache = cache_folder()?;
        let run = run_folder(&cache)?;
        let cluster = LocalCluster::start(options.plan(cache, run.path(), say)?).await?;
        let what = || "write-app and read-app to reach MySQL".to_owned();
        let apps = wait_for(say, what, serve_both([write, read], &cluster)).await?;
        Ok(Self { cluster, apps, _run: run })
    }

    fn print_urls(&self) {
        let [write, read] = self.apps.each_ref().map(RunningApp::url);
        print(&format!(
            "\n  register users            {write}\n  see which pod lists them  {read}\n\ndemo: Ctrl-C stops everything"
        ));
    }

    async fn stop(self) -> anyhow::Result<()> {
        for app in self.apps {
            app.stop().await?;
        }
        self.cluster.stop().await
    }
}

/// Raises this process's limit of open files, which the servers inherit, as far as it may: a shell's `ulimit -n` may
/// be low. mysqld says in its log if it has too few.
fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "cannot raise the limit of open files");
        }
    }
}

async fn listen(address: IpAddr, port: u16, option: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(address, port);
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let advice = match error.kind() {
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address; --listen 0.0.0.0 is all that it has".to_owned()
        }
        ErrorKind::PermissionDenied => format!("choose a port above 1023 with {option}"),
        _ => format!(
            "is another demo running? Stop the program that listens there (ss -ltnp shows it), or choose another \
             port with {option}"
        ),
    };
    Err(anyhow::Error::new(error).context(format!("cannot listen on {address}: {advice}")))
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

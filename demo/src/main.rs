//! `cargo demo`: MySQL, write-app and read-app on this machine, until Ctrl-C.
//!
//! [`Options`] has the ports and the number of replicas. [`LocalCluster`] starts the MySQL servers, the DNS server
//! and the stand-in for the Service `mysql-read`. [`serve_both`] serves the apps. [`Terminal`] and [`CommandSocket`]
//! take the commands that break the cluster.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, ensure};
use demo::{
    LocalCluster,
    apps::{RunningApp, serve_both},
    cache_folder,
    command_socket::{self, CommandSocket},
    commands::{self, Command},
    options::{Action, Options},
    patience::wait_for,
    requests::Request,
    run_folder::run_folder,
    terminal::{Terminal, print},
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
};
use tracing_subscriber::EnvFilter;

/// As many open files as the servers and the apps ever need.
const OPEN_FILES: u64 = 8192;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let done = match &options.action {
        Some(Action::Do { words }) => command(&options, words).await,
        None => run(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Sends commands to the demo that runs, until one is refused.
async fn command(options: &Options, words: &[String]) -> anyhow::Result<()> {
    let volumes = options.volumes(&cache_folder()?)?;
    for line in commands::among(words) {
        let answer = command_socket::send(&volumes, &options.same_demo(), &line).await?;
        print(&answer.map_err(anyhow::Error::msg)?);
    }
    Ok(())
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let (began, mut stop) = (Instant::now(), StopSignals::listen()?);
    let mut demo = tokio::select! {
        demo = Demo::start(options) => demo?,
        () = stop.next() => {
            print("\ndemo: stopped before everything was up");
            return Ok(());
        }
    };
    // Until the end: it gives the terminal its settings back.
    let _closed = demo.take_commands(options, began, &mut stop).await?;
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

struct Demo {
    cluster: LocalCluster,
    apps: [RunningApp; 2],
    /// Sockets and mounted files; dropped last, when the servers have stopped.
    run: TempDir,
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
        Ok(Self { cluster, apps, run })
    }

    /// Tells what happens and carries out commands, until one of them or a signal stops the demo.
    async fn take_commands(
        &mut self,
        options: &Options,
        began: Instant,
        stop: &mut StopSignals,
    ) -> anyhow::Result<(CommandSocket, Terminal)> {
        let (sender, mut requests) = mpsc::channel(1);
        let socket = self.listen_for_commands(options, sender.clone())?;
        self.print_urls(&options.same_demo());
        let (pods, of_terminal) = watch::channel(self.pods());
        let mut terminal = Terminal::open(began, sender, of_terminal);
        loop {
            tokio::select! {
                event = self.cluster.next_event() => terminal.tell(&event),
                Some(request) = requests.recv() => tokio::select! {
                    goes_on = self.obey(request, &mut requests, &terminal) => if !goes_on { break },
                    () = stop.next() => break,
                },
                () = stop.next() => break,
            }
            pods.send_replace(self.pods());
        }
        terminal.close();
        Ok((socket, terminal))
    }

    /// Takes the commands of a second terminal.
    fn listen_for_commands(
        &self,
        options: &Options,
        requests: mpsc::Sender<Request>,
    ) -> anyhow::Result<CommandSocket> {
        let volumes = options.volumes(&cache_folder()?)?;
        CommandSocket::listen(self.run.path(), &volumes, requests)
            .context("cannot listen for the commands of a second terminal")
    }

    fn print_urls(&self, same_demo: &str) {
        let [write, read] = self.apps.each_ref().map(RunningApp::url);
        print(&format!(
            "\n  register users            {write}\n  see which pod lists them  {read}\n\n\
             demo: break it and watch both pages: type `delete mysql-1`, for example; `help` lists all commands\n\
             demo: the same from a second terminal: {same_demo} do delete mysql-1\n\
             demo: Ctrl-C stops everything"
        ));
    }

    fn pods(&self) -> Vec<String> {
        self.cluster.status().into_iter().map(|pod| pod.name).collect()
    }

    /// Carries out a request, and answers it. False if the demo shall stop.
    async fn obey(
        &mut self,
        request: Request,
        requests: &mut mpsc::Receiver<Request>,
        terminal: &Terminal,
    ) -> bool {
        let command = Command::read(&request.line, &self.pods());
        let quits = command == Ok(Command::Quit);
        if quits {
            requests.close();
        }
        let answer = match command.clone() {
            Ok(command) => command.carry_out(&mut self.cluster).await,
            Err(refusal) => Err(refusal),
        };
        if let (true, Ok(command), Ok(text)) = (request.elsewhere, command, &answer)
            && !command.only_shows()
        {
            terminal.tell(text);
        }
        // A client of the socket may have gone away.
        drop(request.answer.send(answer));
        !quits
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

//! A server that is measured: one of the apps or a peer, as a child process.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use app_core::config::About;
use demo::LocalCluster;
use hyper::StatusCode;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::sleep;

use crate::{
    load::{Connection, RequestKind},
    process::ProcessGroup,
};

pub(crate) const WRITE_APP: App =
    App { about: &write_app::ABOUT, binary: env!("CARGO_BIN_EXE_write-app-measured") };

pub(crate) const READ_APP: App =
    App { about: &read_app::ABOUT, binary: env!("CARGO_BIN_EXE_read-app-measured") };

/// How long a server may take until it answers with 200.
const DEADLINE: Duration = Duration::from_secs(30);

/// One of the two apps.
#[derive(Clone, Copy)]
pub(crate) struct App {
    pub(crate) about: &'static About,
    binary: &'static str,
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl App {
    /// The command of the binary, with the environment of [`LocalCluster::environment`] and these additions.
    pub(crate) fn command(
        self,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Command> {
        let mut command = Command::new(self.binary);
        command.env_clear().envs(cluster.environment(self.about)?);
        command.envs(additions.iter().copied());
        Ok(command)
    }

    /// Starts the app, and returns when it has reached MySQL.
    pub(crate) async fn start(
        self,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let server = Server::start(bound(&self.command(cluster, additions)?))?;
        server.wait_for_ok("/readyz").await.context(self.about.name)?;
        Ok(server)
    }
}

/// The same command, whose process the kernel ends when this process ends.
pub(crate) fn bound(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "TERM"]).arg(command.get_program()).args(command.get_args());
    bound.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    bound.envs(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Some(folder) = command.get_current_dir() {
        bound.current_dir(folder);
    }
    bound
}

impl Server {
    /// Starts a program that listens on the address in `LISTEN`. Its log goes to `/dev/null`: a server has to write log
    /// lines, but this benchmark does not read them.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let address = free_address()?;
        command.env("LISTEN", address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let program = command.get_program().display().to_string();
        // In a new process group, so that Ctrl-C reaches only this process, which then ends the others.
        let child = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot run {program}"))?, address })
    }

    /// Returns when the server answers `GET` of a path with 200.
    pub(crate) async fn wait_for_ok(&self, path: &str) -> anyhow::Result<()> {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if let Ok(StatusCode::OK) = self.get(path).await {
                return Ok(());
            }
            sleep(Duration::from_millis(1)).await;
        }
        bail!("{path} was not answered with 200 within {DEADLINE:?}")
    }

    async fn get(&self, path: &str) -> anyhow::Result<StatusCode> {
        let request = RequestKind::Get(path.to_owned()).request(self.address)?;
        let (status, _) = Connection::open(self.address).await?.send(request).await?;
        Ok(status)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn group(&self) -> ProcessGroup {
        ProcessGroup(self.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        // Killing fails if the process has ended already.
        let _killed = group.map(|group| kill_process_group(group, Signal::KILL));
        drop(self.child.wait());
    }
}

/// A port that is free at this moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

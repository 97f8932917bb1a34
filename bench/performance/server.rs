//! A server that is measured: one of the apps or a peer, as a process of its own.

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
    load::{Ask, Connection},
    process::ProcessGroup,
};

pub(crate) const WRITE_APP: App =
    App { about: &write_app::ABOUT, binary: env!("CARGO_BIN_EXE_write-app-measured") };

pub(crate) const READ_APP: App =
    App { about: &read_app::ABOUT, binary: env!("CARGO_BIN_EXE_read-app-measured") };

/// How long a server may take until it answers.
const DEADLINE: Duration = Duration::from_secs(30);

/// One of the two apps.
#[derive(Clone, Copy)]
pub(crate) struct App {
    pub(crate) about: &'static About,
    binary: &'static str,
}

/// A running server. It is killed when it is dropped, and when this process is.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl App {
    /// The command, with the environment of its Deployment and these additions.
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

    /// Starts it, and returns when it has reached MySQL.
    pub(crate) async fn start(
        self,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let server = Server::start(bound(&self.command(cluster, additions)?))?;
        server.answers("/readyz").await.context(self.about.name)?;
        Ok(server)
    }
}

/// The same command, but its process ends with this one.
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
    /// Starts a program that listens where `LISTEN` says, and writes its log where nobody reads it: writing it is a part of
    /// the work, keeping it is not.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let address = free_address()?;
        command.env("LISTEN", address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let program = command.get_program().display().to_string();
        // In a group of its own: Ctrl-C reaches only this process, which then ends the others.
        let child = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn();
        Ok(Self { child: child.with_context(|| format!("{program} cannot be run"))?, address })
    }

    /// Returns when it answers a path with 200.
    pub(crate) async fn answers(&self, path: &str) -> anyhow::Result<()> {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if let Ok(StatusCode::OK) = self.ask(path).await {
                return Ok(());
            }
            sleep(Duration::from_millis(1)).await;
        }
        bail!("no answer to {path} within {DEADLINE:?}")
    }

    async fn ask(&self, path: &str) -> anyhow::Result<StatusCode> {
        let request = Ask::Get(path.to_owned()).request(self.address)?;
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
        // Whoever has ended already cannot be killed.
        let _killed = group.map(|group| kill_process_group(group, Signal::KILL));
        drop(self.child.wait());
    }
}

/// A port that nobody has at the moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

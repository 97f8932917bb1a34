//! One MySQL server, started as its pod's container starts it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::timeout,
};

use crate::{
    kubernetes_api::mount_service_account, manifests::Files, mysql_programs::MysqlPrograms,
};

/// How long a server may take to stop before it is killed; the pod's grace period is 120 s.
const GRACE: Duration = Duration::from_secs(60);

/// What all pods of a local cluster have in common.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Volumes and logs: what outlives a pod.
    pub volumes: PathBuf,
    /// Sockets, pid files and mounted files: what does not.
    pub run: PathBuf,
    /// The programs.
    pub programs: MysqlPrograms,
    /// The primary's address.
    pub primary: Ipv4Addr,
    /// Where the stand-in for the API server answers.
    pub kubernetes_api: SocketAddrV4,
}

/// A running MySQL server.
#[derive(Debug)]
pub struct MysqlPod {
    name: String,
    log: PathBuf,
    container: Container,
    process: Child,
}

/// What a program sees that runs in the pod's container: the server, a probe, a client.
#[derive(Clone, Debug)]
pub struct Container {
    run: PathBuf,
    scripts: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl MysqlPod {
    /// Starts bootstrap.sh. The server is ready later: see [`Container::readiness`].
    ///
    /// # Errors
    ///
    /// Where folders cannot be made or the script cannot be started.
    pub fn start(cluster: &Cluster, ordinal: u8, address: Ipv4Addr) -> anyhow::Result<Self> {
        let name = format!("mysql-{ordinal}");
        let log = cluster.volumes.join(format!("{name}.log"));
        let container = Container::new(cluster, &name, address)?;
        let process = container.start(&log).context("bootstrap.sh cannot be started")?;
        Ok(Self { name, log, container, process })
    }

    /// The pod's name, such as `mysql-0`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the server and bootstrap.sh have said.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What runs beside the server in its container.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// How the process ended, where it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(format!(
            "{} ended with {status}; its last words are in {}",
            self.name,
            self.log.display()
        ))
    }

    /// Stops the server as a pod is stopped: SIGTERM, a grace period, SIGKILL.
    ///
    /// # Errors
    ///
    /// Where the process cannot be waited for.
    pub async fn stop(mut self) -> io::Result<()> {
        self.signal(Signal::TERM);
        if let Ok(ended) = timeout(GRACE, self.process.wait()).await {
            return ended.map(drop);
        }
        self.kill().await
    }

    /// Kills the server, and returns when it is gone.
    ///
    /// # Errors
    ///
    /// Where the process cannot be waited for.
    pub async fn kill(mut self) -> io::Result<()> {
        self.signal(Signal::KILL);
        self.process.wait().await.map(drop)
    }

    /// Lets the server stand still, or go on.
    pub fn set_frozen(&self, frozen: bool) {
        self.signal(if frozen { Signal::STOP } else { Signal::CONT });
    }

    /// To bootstrap.sh and what it has started, or to the server that it became.
    fn signal(&self, signal: Signal) {
        let group = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(Err(error)) = group.map(|group| kill_process_group(group, signal)) {
            tracing::debug!(pod = self.name, %error, "a signal was not delivered");
        }
    }
}

impl Drop for MysqlPod {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Container {
    fn new(cluster: &Cluster, name: &str, address: Ipv4Addr) -> anyhow::Result<Self> {
        let (run, volume) = (cluster.run.join(name), cluster.volumes.join(name));
        let mount = |name: &str| run.join(name);
        let (config, scripts, credentials) =
            (mount("config"), mount("scripts"), mount("credentials"));
        let service_account = mount("service-account");
        for folder in [&run, &volume] {
            fs::create_dir_all(folder)?;
        }
        Files::mysql_config()?.mount(&config)?;
        Files::mysql_scripts()?.mount(&scripts)?;
        Files::mysql_credentials()?.mount(&credentials)?;
        mount_service_account(&service_account)?;
        let environment = vec![
            ("PATH", cluster.programs.path()),
            ("POD_NAME", name.into()),
            ("MYSQL_VOLUME", volume.into()),
            ("MYSQL_RUN", run.clone().into()),
            ("MYSQL_CONFIG", config.into()),
            ("MYSQL_CREDENTIALS", credentials.into()),
            ("MYSQL_BIND_ADDRESS", address.to_string().into()),
            ("MYSQL_PRIMARY_HOST", cluster.primary.to_string().into()),
            ("MYSQL_SERVICE_ACCOUNT", service_account.into()),
            ("MYSQL_API", format!("http://{}", cluster.kubernetes_api).into()),
        ];
        Ok(Self { run, scripts, environment })
    }

    /// In a process group of its own, so that Ctrl-C at a terminal reaches the demo alone, which
    /// stops the servers in order. Should the demo be killed, `setpriv` has asked the kernel to stop
    /// them.
    fn start(&self, log: &Path) -> io::Result<Child> {
        let log = File::create(log)?;
        self.program("setpriv")
            .args(["--pdeathsig", "TERM", "bash"])
            .arg(self.scripts.join("bootstrap.sh"))
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
    }

    /// Runs the readiness probe, with these additions to its environment.
    ///
    /// # Errors
    ///
    /// Why the pod may not serve, in the probe's words.
    pub async fn readiness(&self, variables: &[(&'static str, &str)]) -> Result<(), String> {
        self.script(&["probe.sh", "ready"], variables).await.map(drop)
    }

    /// Runs the liveness probe.
    ///
    /// # Errors
    ///
    /// Why the server is not worth keeping, in the probe's words.
    pub async fn liveness(&self) -> Result<(), String> {
        self.script(&["probe.sh", "alive"], &[]).await.map(drop)
    }

    /// Runs one of the scripts beside bootstrap.sh, and returns what it prints.
    ///
    /// # Errors
    ///
    /// What it prints, where it fails.
    pub async fn script(
        &self,
        command: &[&str],
        variables: &[(&'static str, &str)],
    ) -> Result<String, String> {
        let [name, arguments @ ..] = command else { return Err("no script is named".into()) };
        let output = self
            .program("bash")
            .arg(self.scripts.join(name))
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .await;
        let output = output.map_err(|error| error.to_string())?;
        let said =
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// Runs SQL as root, by the socket, and returns what the client prints, without headers.
    ///
    /// # Errors
    ///
    /// What the server said.
    pub async fn sql(&self, sql: &str) -> anyhow::Result<String> {
        let mut client = self
            .program("mysql")
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
            .arg(format!("--socket={}", self.run.join("mysqld.sock").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = client.stdin.take().context("the client has no standard input")?;
        input.write_all(sql.as_bytes()).await?;
        drop(input);
        let output = client.wait_with_output().await?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A program of the container's, with the container's environment. It ends when nobody waits for it.
    #[must_use]
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().cloned()).kill_on_drop(true).stdin(Stdio::null());
        command
    }
}

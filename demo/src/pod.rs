//! One MySQL server, started by the script that its container runs in Kubernetes: `bootstrap.sh`.

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
    clean_command::clean_command,
    kubernetes_api::{make_claim, mount_service_account},
    manifests::Files,
    mysql_programs::MysqlPrograms,
};

/// How long a server may take to shut down before it is killed. In Kubernetes, the grace period is 120 s.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// How much of a log the demo shows when a server does not start.
const LINES_TO_SHOW: usize = 15;

/// What all pods of a local cluster have in common.
#[derive(Clone, Debug)]
pub(crate) struct PodTemplate {
    /// Folder for volumes and logs, which stay when a pod ends.
    pub(crate) volumes: PathBuf,
    /// Folder for sockets, pid files and mounted files, which each pod gets anew.
    pub(crate) run: PathBuf,
    pub(crate) programs: MysqlPrograms,
    /// The Secret.
    pub(crate) credentials: Files,
    /// What stands for the name `mysql-0.mysql`.
    pub(crate) primary: Ipv4Addr,
    /// The address of the stand-in for the API server.
    pub(crate) kubernetes_api: SocketAddrV4,
}

/// A running MySQL server. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct MysqlPod {
    name: String,
    log: PathBuf,
    container: Container,
    process: Child,
}

/// The files and the environment that a pod's programs see: the server, a probe, a client.
#[derive(Clone, Debug)]
pub struct Container {
    run: PathBuf,
    scripts: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl MysqlPod {
    /// Starts bootstrap.sh. The server is ready later: see [`Container::readiness`].
    pub(crate) fn start(
        template: &PodTemplate,
        ordinal: u8,
        address: Ipv4Addr,
    ) -> anyhow::Result<Self> {
        let name = format!("mysql-{ordinal}");
        let log = template.volumes.join(format!("{name}.log"));
        // There is none before the first start.
        drop(fs::rename(&log, template.volumes.join(format!("{name}.previous.log"))));
        let container = Container::new(template, &name, address)?;
        let process = container.start(&log).context(
            "cannot run setpriv and bash, which start bootstrap.sh: install util-linux and bash",
        )?;
        Ok(Self { name, log, container, process })
    }

    /// The pod's name, such as `mysql-0`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file with the output of bootstrap.sh and the server.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// What bootstrap.sh waits for, if its last line says so.
    pub(crate) fn waits_for(&self) -> Option<String> {
        let last = self.end_of_log().pop()?;
        last.split_once(" bootstrap: waiting: ").map(|(_, what)| what.to_owned())
    }

    /// The last lines of that file, if it can be read.
    pub(crate) fn end_of_log(&self) -> Vec<String> {
        end_of_log(&self.log)
    }

    pub(crate) fn container(&self) -> &Container {
        &self.container
    }

    /// A sentence that says how the process ended, once it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(format!("{} ended with {status}; its log is {}", self.name, self.log.display()))
    }

    /// Stops the server as the kubelet stops a pod: SIGTERM, a grace period, SIGKILL.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.begin_to_stop();
        if let Ok(ended) = timeout(GRACE, self.process.wait()).await {
            return ended.map(drop);
        }
        self.kill().await
    }

    /// Asks the server to shut down. A frozen one must go on to do so.
    pub(crate) fn begin_to_stop(&self) {
        self.signal(Signal::TERM);
        self.set_frozen(false);
    }

    /// Kills the server, and does not wait for its end.
    pub(crate) fn begin_to_kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Kills the server, and returns when its process has ended.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.begin_to_kill();
        self.process.wait().await.map(drop)
    }

    /// Freezes the server, or lets it go on.
    pub(crate) fn set_frozen(&self, frozen: bool) {
        self.signal(if frozen { Signal::STOP } else { Signal::CONT });
    }

    /// Sends a signal to the process group: bootstrap.sh and its children, later the server.
    fn signal(&self, signal: Signal) {
        let group = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(Err(error)) = group.map(|group| kill_process_group(group, signal)) {
            tracing::debug!(pod = self.name, %error, "cannot send a signal");
        }
    }
}

/// The last lines of a log, if it can be read.
pub(crate) fn end_of_log(log: &Path) -> Vec<String> {
    let log = fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines = log.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES_TO_SHOW);
    let mut lines = lines.map(str::to_owned).collect::<Vec<_>>();
    lines.reverse();
    lines
}

impl Drop for MysqlPod {
    fn drop(&mut self) {
        self.begin_to_kill();
    }
}

impl Container {
    fn new(template: &PodTemplate, name: &str, address: Ipv4Addr) -> anyhow::Result<Self> {
        let (run, volume) = (template.run.join(name), template.volumes.join(name));
        let mount = |name: &str| run.join(name);
        let (config, scripts, credentials) =
            (mount("config"), mount("scripts"), mount("credentials"));
        let service_account = mount("service-account");
        fs::create_dir_all(&run)?;
        make_claim(&template.volumes, name)?;
        Files::mysql_config()?.mount(&config)?;
        Files::mysql_scripts()?.mount(&scripts)?;
        template.credentials.mount(&credentials)?;
        mount_service_account(&service_account)?;
        let environment = vec![
            ("PATH", template.programs.path()),
            // An empty home: .my.cnf, .mylogin.cnf and .curlrc are for other servers.
            ("HOME", run.clone().into()),
            ("TMPDIR", run.clone().into()),
            ("POD_NAME", name.into()),
            ("MYSQL_VOLUME", volume.into()),
            ("MYSQL_RUN", run.clone().into()),
            ("MYSQL_CONFIG", config.into()),
            ("MYSQL_CREDENTIALS", credentials.into()),
            ("MYSQL_BIND_ADDRESS", address.to_string().into()),
            ("MYSQL_PRIMARY_HOST", template.primary.to_string().into()),
            ("MYSQL_SERVICE_ACCOUNT", service_account.into()),
            ("MYSQL_API", format!("http://{}", template.kubernetes_api).into()),
        ];
        Ok(Self { run, scripts, environment })
    }

    /// Starts bootstrap.sh in a new process group, so that Ctrl-C in a terminal reaches only the demo, which
    /// stops the servers in order. If the demo is killed, the kernel stops the servers: `setpriv` asks for that.
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

    /// Runs the readiness probe, with these environment variables added.
    ///
    /// # Errors
    ///
    /// The probe's message, which says why the pod is not ready.
    pub async fn readiness(&self, variables: &[(&'static str, &str)]) -> Result<(), String> {
        self.script(&["probe.sh", "ready"], variables).await.map(drop)
    }

    /// Runs the liveness probe.
    ///
    /// # Errors
    ///
    /// The probe's message, which says why the server must be restarted.
    pub async fn liveness(&self) -> Result<(), String> {
        self.script(&["probe.sh", "alive"], &[]).await.map(drop)
    }

    /// Runs one of the scripts beside bootstrap.sh, and returns its output. `command` is the script's name and its
    /// arguments.
    ///
    /// # Errors
    ///
    /// The script's output, if it fails.
    pub async fn script(
        &self,
        command: &[&str],
        variables: &[(&'static str, &str)],
    ) -> Result<String, String> {
        let [name, arguments @ ..] = command else {
            return Err("the command has no script".into());
        };
        let output = self
            .program("bash")
            .arg(self.scripts.join(name))
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .await;
        let output = output.map_err(|error| error.to_string())?;
        let text =
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    /// Runs SQL as root over the socket. Returns rows as lines, columns separated by tabs, without headers.
    ///
    /// # Errors
    ///
    /// The error of the server or of the client.
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

    /// A command with the container's environment, and nothing of this process's. Its process is killed when its handle
    /// is dropped.
    #[must_use]
    pub fn program(&self, program: &str) -> Command {
        let mut command = clean_command(program);
        command.envs(self.environment.iter().cloned());
        command
    }
}

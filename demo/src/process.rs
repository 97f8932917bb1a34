//! An app's binary as a child process, for tests of what it logs and how it ends.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use app_core::config::About;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::LocalCluster;

/// How long to wait for a log line or for the end of the process: the grace period of the Deployments.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often to check for them.
const PERIOD: Duration = Duration::from_millis(20);

/// A running app. It is killed when it is dropped.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
    url: String,
}

impl Process {
    /// Starts a binary on a free port, and returns when it serves. Its environment is that of
    /// [`LocalCluster::environment`]; `additions` win over it.
    ///
    /// # Errors
    ///
    /// If the binary does not start or does not serve within 30 seconds.
    pub async fn start(
        binary: &str,
        about: &About,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start_by(Command::new(binary), about, cluster, additions).await
    }

    /// Does the same with a command that runs the binary, such as `valgrind`.
    ///
    /// # Errors
    ///
    /// If the binary does not start or does not serve within 30 seconds.
    pub async fn start_by(
        mut command: Command,
        about: &About,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        command.env_clear().envs(cluster.environment(about)?).env("LISTEN", "127.0.0.1:0");
        command.envs(additions.iter().copied()).stdout(Stdio::piped());
        let program = command.get_program().to_owned();
        let mut child = command.spawn().with_context(|| program.display().to_string())?;
        let output = child.stdout.take().context("the process has no output")?;
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let read = lines.clone();
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                read.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let mut process = Self { child, lines, reading: Some(reading), url: String::new() };
        let serving = process.line(r#""message":"serving""#).await?;
        let (_, address) =
            serving.split_once(r#""address":""#).context("the log line has no address")?;
        process.url = format!("http://{}", address.split('"').next().unwrap_or_default());
        Ok(process)
    }

    /// The app's URL, such as `http://127.0.0.1:30000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All lines that the app has logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first log line that contains `text`.
    ///
    /// # Errors
    ///
    /// If the app logs none within 30 seconds.
    pub async fn line(&self, text: &str) -> anyhow::Result<String> {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(line) = self.log().into_iter().find(|line| line.contains(text)) {
                return Ok(line);
            }
            ensure!(Instant::now() < end, "{text} is not logged, but: {:#?}", self.log());
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let process = Pid::from_raw(i32::try_from(self.id())?).context("the process id is 0")?;
        Ok(kill_process(process, signal)?)
    }

    /// How the process ended, or `None` while it runs.
    ///
    /// # Errors
    ///
    /// If the operating system does not know the process.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let ended = self.child.try_wait()?;
        if ended.is_some() {
            // Read the last lines of the log.
            self.reading.take().map(JoinHandle::join);
        }
        Ok(ended)
    }

    /// Waits until the process ends, and returns how it ended.
    ///
    /// # Errors
    ///
    /// If it runs on for 30 seconds.
    pub async fn end(&mut self) -> anyhow::Result<ExitStatus> {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            ensure!(Instant::now() < end, "the process does not end: {:#?}", self.log());
            tokio::time::sleep(PERIOD).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail if the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

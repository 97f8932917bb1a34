//! An app as a process of its own: what it logs and how it ends can be seen only so.

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

/// How long to wait for a line or for the end: the grace period of the Deployments, and many times what a
/// line takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often to look.
const PERIOD: Duration = Duration::from_millis(20);

/// A process that serves. It is killed when it is dropped.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
    url: String,
}

impl Process {
    /// Starts a binary with the environment that its Deployment would give it and these additions, on a port of
    /// its own, and returns when it serves.
    ///
    /// # Errors
    ///
    /// Where it does not serve.
    pub async fn start(
        binary: &str,
        about: &About,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start_by(Command::new(binary), about, cluster, additions).await
    }

    /// The same by a command that runs the binary in its own way, as `valgrind` does.
    ///
    /// # Errors
    ///
    /// Where it does not serve.
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
        let output = child.stdout.take().context("its output cannot be read")?;
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let read = lines.clone();
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                read.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let mut process = Self { child, lines, reading: Some(reading), url: String::new() };
        let serving = process.line(r#""message":"serving""#).await?;
        let (_, address) = serving.split_once(r#""address":""#).context("it says no address")?;
        process.url = format!("http://{}", address.split('"').next().unwrap_or_default());
        Ok(process)
    }

    /// Its address, as in `http://127.0.0.1:30000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line that has this text in it, once it is logged.
    ///
    /// # Errors
    ///
    /// Where it is not.
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

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let process = Pid::from_raw(i32::try_from(self.id())?).context("it has no number")?;
        Ok(kill_process(process, signal)?)
    }

    /// How it ended, where it has.
    ///
    /// # Errors
    ///
    /// Where it cannot be asked.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let ended = self.child.try_wait()?;
        if ended.is_some() {
            // Its last lines may not have been read yet.
            self.reading.take().map(JoinHandle::join);
        }
        Ok(ended)
    }

    /// Waits for its end, and says how it ended.
    ///
    /// # Errors
    ///
    /// Where it does not end.
    pub async fn end(&mut self) -> anyhow::Result<ExitStatus> {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            ensure!(Instant::now() < end, "it does not end: {:#?}", self.log());
            tokio::time::sleep(PERIOD).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

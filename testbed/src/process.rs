//! An app as a process of its own: what it logs and how it ends can be seen only so.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use app_core::config::About;

use crate::Testbed;

/// How long to wait for a line or for the end: many times what either takes.
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
        testbed: &Testbed,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.env_clear().envs(testbed.environment(about)?).env("LISTEN", "127.0.0.1:0");
        command.envs(additions.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| binary.to_owned())?;
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

    /// Interrupts it, as Ctrl-C does, and says after how long it has ended, and with which status.
    ///
    /// # Errors
    ///
    /// Where it does not end.
    pub async fn interrupt(&mut self) -> anyhow::Result<(Duration, Option<i32>)> {
        let start = Instant::now();
        let id = i32::try_from(self.child.id())?;
        let process = rustix::process::Pid::from_raw(id).context("it has no id")?;
        rustix::process::kill_process(process, rustix::process::Signal::INT)?;
        while start.elapsed() < DEADLINE {
            if let Some(status) = self.child.try_wait()? {
                let took = start.elapsed();
                // Its last lines may not have been read yet.
                self.reading.take().map(JoinHandle::join);
                return Ok((took, status.code()));
            }
            tokio::time::sleep(PERIOD).await;
        }
        bail!("it does not end")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

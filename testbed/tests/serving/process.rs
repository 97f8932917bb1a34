//! An app's binary, running beside the shared servers.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use app_core::config::About;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use testbed::shared::shared;

pub(crate) const WRITE_APP: Binary =
    Binary { about: &write_app::ABOUT, path: env!("CARGO_BIN_EXE_write-app-process") };

pub(crate) const READ_APP: Binary =
    Binary { about: &read_app::ABOUT, path: env!("CARGO_BIN_EXE_read-app-process") };

#[derive(Clone, Copy)]
pub(crate) struct Binary {
    pub(crate) about: &'static About,
    path: &'static str,
}

/// A running app. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// How many connections it took to find it ready.
    pub(crate) probes: u64,
    log: Arc<Mutex<Vec<Value>>>,
    /// Ends when the log does.
    reading: Option<JoinHandle<()>>,
}

impl Binary {
    /// Starts it as its Deployment would, and returns when it is ready.
    pub(crate) async fn start(self) -> Process {
        let binary = self;
        let mut process = tokio::task::spawn_blocking(move || binary.spawn()).await.unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        let ready = format!("http://{}/readyz", process.address);
        while Client::new().get(&ready).send().await.unwrap().status() != StatusCode::OK {
            assert!(Instant::now() < end, "not ready: {:?}", process.log());
            process.probes += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        process.probes += 1;
        process
    }

    fn spawn(self) -> Process {
        let mut child = Command::new(self.path)
            .env_clear()
            .envs(shared().testbed.environment(self.about).unwrap())
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let address = address(&mut lines);
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        let reading = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Process { child, address, probes: 0, log, reading: Some(reading) }
    }
}

/// What the first line that says so calls the address.
fn address(lines: &mut BufReader<ChildStdout>) -> SocketAddr {
    for line in lines.lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["message"] == "serving" {
            return line["address"].as_str().unwrap().parse().unwrap();
        }
    }
    panic!("the app ended before it served")
}

impl Process {
    /// What it has logged since it served.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// How many connections it says it has accepted in all.
    pub(crate) fn connections_accepted(&self) -> u64 {
        let log = self.log();
        let line = log.iter().find(|line| line["connections"].is_u64());
        line.unwrap_or_else(|| panic!("{log:?}"))["connections"].as_u64().unwrap()
    }

    pub(crate) fn assert_never_panicked(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it runs");
        let panics = self.log().into_iter().filter(|line| line.to_string().contains("panicked"));
        assert_eq!(panics.collect::<Vec<_>>(), Vec::<Value>::new());
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// How it ended, which it has to within the grace period of its Deployment.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.reading.take().unwrap().join().unwrap();
                return status;
            }
            assert!(Instant::now() < end, "it did not end: {:?}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

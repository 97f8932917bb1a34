//! An app's binary, running beside the shared servers.

use std::{
    net::SocketAddr,
    process::ExitStatus,
    time::{Duration, Instant},
};

use app_core::config::About;
use demo::{
    for_tests::shared,
    process::{self, Signal},
};
use reqwest::{Client, StatusCode};
use serde_json::Value;

pub(crate) const WRITE_APP: Binary =
    Binary { about: &write_app::ABOUT, path: env!("CARGO_BIN_EXE_write-app-process") };

pub(crate) const READ_APP: Binary =
    Binary { about: &read_app::ABOUT, path: env!("CARGO_BIN_EXE_read-app-process") };

#[derive(Clone, Copy)]
pub(crate) struct Binary {
    pub(crate) about: &'static About,
    pub(crate) path: &'static str,
}

/// A running app. It is killed when it is dropped.
pub(crate) struct Process {
    process: process::Process,
    pub(crate) address: SocketAddr,
    /// How many connections it took to find it ready.
    pub(crate) probes: u64,
}

impl Binary {
    /// Starts it as its Deployment would, and returns when it is ready.
    pub(crate) async fn start(self) -> Process {
        self.start_with(&[]).await
    }

    /// The same, with these variables besides those of the Deployment.
    pub(crate) async fn start_with(self, variables: &[(&str, &str)]) -> Process {
        let process = process::Process::start(self.path, self.about, &shared().cluster, variables);
        let process = process.await.unwrap();
        let address = process.url().strip_prefix("http://").unwrap().parse().unwrap();
        let mut app = Process { process, address, probes: 1 };
        let end = Instant::now() + Duration::from_secs(30);
        let ready = format!("http://{address}/readyz");
        while Client::new().get(&ready).send().await.unwrap().status() != StatusCode::OK {
            assert!(Instant::now() < end, "not ready: {:?}", app.log());
            app.probes += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        app
    }
}

impl Process {
    /// What it has logged.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.process.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The first line of its log with this text. The app may write it a moment later.
    pub(crate) async fn line(&self, text: &str) -> Value {
        serde_json::from_str(&self.process.line(text).await.unwrap()).unwrap()
    }

    /// How many connections it has accepted, by its log.
    pub(crate) fn connections_accepted(&self) -> u64 {
        let log = self.log();
        let line = log.iter().find(|line| line["connections"].is_u64());
        line.unwrap_or_else(|| panic!("{log:?}"))["connections"].as_u64().unwrap()
    }

    pub(crate) fn assert_never_panicked(&mut self) {
        assert_eq!(self.process.ended().unwrap(), None, "it runs");
        let panics = self.log().into_iter().filter(|line| line.to_string().contains("panicked"));
        assert_eq!(panics.collect::<Vec<_>>(), Vec::<Value>::new());
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal).unwrap();
    }

    /// How it ended, which it has to within the grace period of its Deployment.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.end().await.unwrap()
    }
}

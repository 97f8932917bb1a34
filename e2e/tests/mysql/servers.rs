//! The servers of one test, and what tests do with them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use demo::{LocalCluster, for_tests::SeparateCluster};
use tempfile::TempDir;

/// Servers that one test may stop and damage, and their folders.
pub(crate) struct Servers {
    pub(crate) cluster: LocalCluster,
    volumes: TempDir,
    _run: TempDir,
}

impl Servers {
    pub(crate) async fn start(pods: u8) -> Self {
        let SeparateCluster { cluster, volumes, run } = SeparateCluster::start(pods).await.unwrap();
        Self { cluster, volumes, _run: run }
    }

    /// Starts a primary and a replica, which both have one note.
    pub(crate) async fn start_with(note: &str) -> Self {
        let servers = Self::start(2).await;
        servers.write(note).await;
        servers.wait_for_equal_data(1).await;
        servers
    }

    pub(crate) async fn sql(&self, ordinal: u8, sql: &str) -> String {
        self.cluster.sql(ordinal, sql).await.unwrap()
    }

    pub(crate) async fn write(&self, note: &str) {
        let sql = "CREATE TABLE IF NOT EXISTS userdb.notes (note VARCHAR(99) PRIMARY KEY)";
        self.sql(0, &format!("{sql}; INSERT INTO userdb.notes VALUES ('{note}')")).await;
    }

    /// Waits until a server has applied everything that the primary has, and compares their data.
    pub(crate) async fn wait_for_equal_data(&self, ordinal: u8) {
        let written = self.sql(0, "SELECT @@GLOBAL.gtid_executed").await;
        let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{written}', 30)");
        assert_eq!(self.sql(ordinal, &wait).await, "0", "mysql-{ordinal} did not catch up");
        let checksum = "CHECKSUM TABLE userdb.notes";
        assert_eq!(self.sql(ordinal, checksum).await, self.sql(0, checksum).await);
        assert_eq!(self.sql(ordinal, "SELECT @@GLOBAL.gtid_executed").await, written);
    }

    /// Whether a replica receives from the primary.
    pub(crate) async fn is_connected(&self, ordinal: u8) -> bool {
        let state = "SELECT service_state FROM performance_schema.replication_connection_status";
        self.sql(ordinal, state).await == "ON"
    }

    /// Starts these pods at the same time, and waits until all of them are ready.
    pub(crate) async fn start_until_ready(&mut self, ordinals: &[u8]) {
        for ordinal in ordinals {
            self.cluster.start_pod(*ordinal).unwrap();
        }
        for ordinal in ordinals {
            self.cluster.wait_until_ready(*ordinal).await.unwrap();
        }
    }

    /// Starts a pod, and waits until its log contains these words.
    pub(crate) async fn start_until_log_says(&mut self, ordinal: u8, words: &str) {
        self.cluster.start_pod(ordinal).unwrap();
        until(words, async || self.log(ordinal).contains(words)).await;
    }

    /// Shuts these pods down, one after the other.
    pub(crate) async fn stop(&mut self, ordinals: &[u8]) {
        for ordinal in ordinals {
            self.cluster.stop_pod(*ordinal).await.unwrap();
        }
    }

    pub(crate) async fn restart(&mut self, ordinal: u8) {
        self.stop(&[ordinal]).await;
        self.start_until_ready(&[ordinal]).await;
    }

    pub(crate) fn volume(&self, ordinal: u8) -> PathBuf {
        self.volumes.path().join(format!("mysql-{ordinal}"))
    }

    pub(crate) fn log(&self, ordinal: u8) -> String {
        std::fs::read_to_string(self.volumes.path().join(format!("mysql-{ordinal}.log"))).unwrap()
    }
}

/// Waits until `is_so` returns true. `what` is the event, for the message of a failure.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}: not within 60 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The names of the files in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

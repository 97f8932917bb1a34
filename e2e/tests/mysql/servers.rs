//! Servers to break, and what the tests ask of them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use demo::{LocalCluster, for_tests::SeparateCluster};
use tempfile::TempDir;

/// Servers that one test may break, and the folders they live in.
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

    /// A primary and its replica, both with one note.
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

    /// Waits until a server has all that the primary has, and compares.
    pub(crate) async fn wait_for_equal_data(&self, ordinal: u8) {
        let written = self.sql(0, "SELECT @@GLOBAL.gtid_executed").await;
        let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{written}', 30)");
        assert_eq!(self.sql(ordinal, &wait).await, "0", "mysql-{ordinal} did not catch up");
        let checksum = "CHECKSUM TABLE userdb.notes";
        assert_eq!(self.sql(ordinal, checksum).await, self.sql(0, checksum).await);
        assert_eq!(self.sql(ordinal, "SELECT @@GLOBAL.gtid_executed").await, written);
    }

    pub(crate) async fn is_connected(&self, ordinal: u8) -> bool {
        let state = "SELECT service_state FROM performance_schema.replication_connection_status";
        self.sql(ordinal, state).await == "ON"
    }

    /// Starts these pods, all at once, and waits until each is ready.
    pub(crate) async fn start_until_ready(&mut self, ordinals: &[u8]) {
        for ordinal in ordinals {
            self.cluster.start_pod(*ordinal).unwrap();
        }
        for ordinal in ordinals {
            self.cluster.wait_until_ready(*ordinal).await.unwrap();
        }
    }

    /// Starts a pod, and waits until it has said this.
    pub(crate) async fn start_until_it_says(&mut self, ordinal: u8, words: &str) {
        self.cluster.start_pod(ordinal).unwrap();
        until(words, async || self.log(ordinal).contains(words)).await;
    }

    /// Stops these pods, one after the other.
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

/// Waits until `ask` says yes.
pub(crate) async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !ask().await {
        assert!(Instant::now() < end, "{what}: not within 60 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The names in a folder.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

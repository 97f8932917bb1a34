//! bootstrap.sh and ready.sh on one machine: what a pod does with its data, whatever happens to it.
//!
//! Each test has servers of its own, since each does something to them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use testbed::{
    Progress, Testbed,
    manifests::Files,
    network::Network,
    shared::{TEST_NETWORKS, cache_folder},
    testbed::Plan,
};

/// Servers that one test may break, and the folders they live in.
struct Servers {
    testbed: Testbed,
    volumes: TempDir,
    _run: TempDir,
}

impl Servers {
    async fn start(pods: u8) -> Self {
        let cache = cache_folder().unwrap();
        std::fs::create_dir_all(&cache).unwrap();
        let volumes = tempfile::tempdir_in(&cache).unwrap();
        let run = tempfile::tempdir().unwrap();
        let progress: Progress = |_| {};
        let testbed = Testbed::start(Plan {
            volumes: volumes.path().to_owned(),
            run: run.path().to_owned(),
            cache,
            network: Network::claim_any(TEST_NETWORKS).unwrap(),
            pods,
            progress,
        });
        Self { testbed: testbed.await.unwrap(), volumes, _run: run }
    }

    async fn sql(&self, ordinal: u8, sql: &str) -> String {
        self.testbed.sql(ordinal, sql).await.unwrap()
    }

    async fn write(&self, note: &str) {
        let sql = "CREATE TABLE IF NOT EXISTS userdb.notes (note VARCHAR(99) PRIMARY KEY)";
        self.sql(0, &format!("{sql}; INSERT INTO userdb.notes VALUES ('{note}')")).await;
    }

    /// Waits until a server has all that the primary has, and compares.
    async fn wait_for_equal_data(&self, ordinal: u8) {
        let written = self.sql(0, "SELECT @@GLOBAL.gtid_executed").await;
        let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{written}', 30)");
        assert_eq!(self.sql(ordinal, &wait).await, "0", "mysql-{ordinal} did not catch up");
        let checksum = "CHECKSUM TABLE userdb.notes";
        assert_eq!(self.sql(ordinal, checksum).await, self.sql(0, checksum).await);
        assert_eq!(self.sql(ordinal, "SELECT @@GLOBAL.gtid_executed").await, written);
    }

    async fn is_connected(&self, ordinal: u8) -> bool {
        let state = "SELECT service_state FROM performance_schema.replication_connection_status";
        self.sql(ordinal, state).await == "ON"
    }

    async fn restart(&mut self, ordinal: u8) {
        self.testbed.stop_pod(ordinal).await.unwrap();
        self.testbed.start_pod(ordinal).unwrap();
        self.testbed.wait_until_ready(ordinal).await.unwrap();
    }

    fn volume(&self, ordinal: u8) -> PathBuf {
        self.volumes.path().join(format!("mysql-{ordinal}"))
    }

    fn log(&self, ordinal: u8) -> String {
        std::fs::read_to_string(self.volumes.path().join(format!("mysql-{ordinal}.log"))).unwrap()
    }
}

/// Waits until `ask` says yes.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !ask().await {
        assert!(Instant::now() < end, "{what}: not within 60 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_replica_clones_replicates_refuses_writes_and_catches_up_after_a_stop() {
    let mut servers = Servers::start(2).await;
    assert_eq!(
        servers.sql(0, "SELECT @@GLOBAL.gtid_executed").await,
        "",
        "history begins with the first write"
    );
    servers.write("first").await;
    servers.wait_for_equal_data(1).await;

    let refusal =
        servers.testbed.sql(1, "INSERT INTO userdb.notes VALUES ('errant')").await.unwrap_err();
    assert!(refusal.to_string().contains("ERROR 1290"), "{refusal}");

    servers.testbed.stop_pod(1).await.unwrap();
    servers.write("while the replica is away").await;
    servers.testbed.start_pod(1).unwrap();
    servers.testbed.wait_until_ready(1).await.unwrap();
    servers.wait_for_equal_data(1).await;

    servers.restart(0).await;
    servers.write("after a restart of the primary").await;
    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn a_commit_is_acknowledged_by_a_replica_before_the_client_hears_of_it() {
    let servers = Servers::start(2).await;
    let acknowledged = async || {
        let status =
            "SELECT variable_value FROM performance_schema.global_status WHERE variable_name =";
        servers.sql(0, &format!("{status} 'Rpl_semi_sync_source_yes_tx'")).await
    };
    until("a replica that acknowledges", async || {
        servers.sql(0, "SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'").await.ends_with('1')
    })
    .await;
    let before: u32 = acknowledged().await.parse().unwrap();

    servers.write("semi-sync").await;

    // CREATE TABLE and INSERT.
    assert_eq!(acknowledged().await.parse::<u32>().unwrap(), before + 2);
}

#[tokio::test]
async fn what_an_interrupted_start_left_behind_is_discarded_and_built_anew() {
    let mut servers = Servers::start(2).await;
    servers.write("kept").await;
    servers.testbed.stop_pod(1).await.unwrap();
    // As a kill would leave it in the middle of a clone: data half built, nothing published.
    let volume = servers.volume(1);
    std::fs::rename(volume.join("data"), volume.join("data.new")).unwrap();
    std::fs::remove_file(volume.join("data.new/mysql.ibd")).unwrap();

    servers.testbed.start_pod(1).unwrap();
    servers.testbed.wait_until_ready(1).await.unwrap();

    servers.wait_for_equal_data(1).await;
    assert!(servers.log(1).contains("preparing to clone"), "{}", servers.log(1));
    assert_eq!(entries(&volume), ["data"], "nothing else stays on the volume");
}

#[tokio::test]
async fn a_replica_that_cannot_apply_is_not_ready_and_says_why() {
    let mut servers = Servers::start(2).await;
    servers.write("shared").await;
    servers.wait_for_equal_data(1).await;

    servers.sql(1, "STOP REPLICA SQL_THREAD").await;

    until("mysql-1 to leave mysql-read", async || !servers.testbed.is_ready(1)).await;
    let reason = servers.testbed.readiness(1, &[]).await.unwrap_err();
    assert!(reason.contains("not ready: replication cannot apply"), "{reason}");

    servers.sql(1, "START REPLICA SQL_THREAD").await;
    servers.testbed.wait_until_ready(1).await.unwrap();
}

#[tokio::test]
async fn a_replica_stays_ready_while_the_primary_is_away_but_not_for_ever() {
    let mut servers = Servers::start(2).await;
    servers.write("readable").await;
    servers.wait_for_equal_data(1).await;

    servers.testbed.stop_pod(0).await.unwrap();

    until("the replica to notice", async || !servers.is_connected(1).await).await;
    servers.testbed.readiness(1, &[]).await.unwrap();
    assert_eq!(servers.sql(1, "SELECT note FROM userdb.notes").await, "readable");

    // Also where it has never heard of the primary since it was started itself.
    servers.restart(1).await;
    let impatient = [("MYSQL_PATIENCE", "1")];
    until("a replica of little patience to give up", async || {
        servers.testbed.readiness(1, &impatient).await.is_err()
    })
    .await;
    let reason = servers.testbed.readiness(1, &impatient).await.unwrap_err();
    assert!(reason.contains("nothing heard of the primary for over 1 s"), "{reason}");
}

#[tokio::test]
async fn a_replica_that_hears_of_the_primary_by_writes_alone_is_ready_through_a_restart() {
    let mut servers = Servers::start(2).await;
    servers.write("first").await;
    // For longer than the heartbeat's period of 2 s and the patience below: while there are writes to
    // send, no heartbeat is.
    let end = Instant::now() + Duration::from_secs(8);
    for number in 0.. {
        servers.write(&format!("{number}")).await;
        if Instant::now() > end {
            break;
        }
    }

    servers.testbed.kill_pod(0).unwrap();

    let heartbeat = "SELECT last_heartbeat_timestamp < NOW(6) - INTERVAL 6 SECOND
                     FROM performance_schema.replication_connection_status";
    assert_eq!(servers.sql(1, heartbeat).await, "1", "writes have kept the heartbeat away");
    until("the replica to notice", async || !servers.is_connected(1).await).await;
    servers.testbed.readiness(1, &[("MYSQL_PATIENCE", "6")]).await.unwrap();
}

#[tokio::test]
async fn a_missing_password_is_named_before_anything_is_done() {
    for account in ["repl", "appuser", "reader"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        Files::mysql_config().unwrap().mount(&path("config")).unwrap();
        Files::mysql_credentials().unwrap().mount(&path("credentials")).unwrap();
        std::fs::create_dir(path("volume")).unwrap();
        let password = path("credentials").join(format!("{account}-password"));
        std::fs::write(&password, "").unwrap();

        let output = std::process::Command::new("bash")
            .arg(path("config").join("bootstrap.sh"))
            .env("POD_NAME", "mysql-0")
            .env("MYSQL_VOLUME", path("volume"))
            .env("MYSQL_RUN", folder.path())
            .env("MYSQL_CREDENTIALS", path("credentials"))
            .output()
            .unwrap();

        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(password.to_str().unwrap()), "{said}");
        assert!(entries(&path("volume")).is_empty());
    }
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_while_it_waits_for_a_clone_stops_at_once() {
    let mut servers = Servers::start(1).await;
    servers.testbed.stop_pod(0).await.unwrap();
    servers.testbed.start_pod(1).unwrap();
    until("mysql-1 to ask for a clone", async || servers.log(1).contains("will ask")).await;
    let asked_to_stop = Instant::now();

    servers.testbed.stop_pod(1).await.unwrap();

    // A pod that ignored SIGTERM would be killed after its grace period of 120 s, here of 60 s.
    assert!(asked_to_stop.elapsed() < Duration::from_secs(30), "{:?}", asked_to_stop.elapsed());
    assert!(servers.log(1).contains("stopping before the server was ready"), "{}", servers.log(1));
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

//! What a pod does at its start, by the data on its volume and on the other pods. Each test is for a row of the
//! table in bootstrap.sh and in docs/mysql-states.md.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use demo::kubernetes_api::ApiState;

use crate::servers::{Servers, entries, until};

impl Servers {
    /// Deletes the data but not the claim, as a replaced disk does.
    pub(crate) fn empty_volume(&self, ordinal: u8) {
        fs::remove_dir_all(self.volume(ordinal).join("data")).unwrap();
    }

    /// Starts a pod, which must refuse to run: it ends, and the last line of its log contains these words.
    async fn assert_refuses_to_start(&mut self, ordinal: u8, words: &str) {
        self.cluster.start_pod(ordinal).unwrap();
        let ended = format!("mysql-{ordinal} ended with exit status: 1");
        while !self.cluster.next_event().await.contains(&ended) {}
        // In a cluster it starts again and again.
        self.cluster.stop_pod(ordinal).await.unwrap();
        let log = self.log(ordinal);
        assert!(log.lines().last().unwrap().contains(words), "{log}");
    }

    /// Writes on a replica, as an administrator may do by mistake.
    async fn write_errant(&self, ordinal: u8, note: &str) {
        let sql = "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF";
        self.sql(ordinal, &format!("{sql}; INSERT INTO userdb.notes VALUES ('{note}')")).await;
    }

    /// Stops the primary, and copies the data on its volume.
    async fn take_snapshot_of_primary(&mut self) -> PathBuf {
        self.stop(&[0]).await;
        let (data, snapshot) = (self.volume(0).join("data"), self.volume(0).join("snapshot"));
        let copied = Command::new("cp").arg("-a").args([&data, &snapshot]).status().unwrap();
        assert!(copied.success());
        snapshot
    }

    /// Replaces the primary's data with the copy, as restoring an old disk does.
    fn put_back(&self, snapshot: &Path) {
        self.empty_volume(0);
        fs::rename(snapshot, self.volume(0).join("data")).unwrap();
    }

    /// Deletes the primary's binary logs.
    async fn purge_logs(&self) {
        self.sql(0, "FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY").await;
    }

    pub(crate) async fn notes(&self, ordinal: u8) -> Vec<String> {
        let notes = self.sql(ordinal, "SELECT note FROM userdb.notes ORDER BY note").await;
        notes.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn row_1_a_new_primary_is_made_when_every_other_pod_has_said_that_it_has_no_data() {
    let mut servers = Servers::start(0).await;
    fs::create_dir(servers.volume(1)).unwrap();
    servers.start_until_log_says(0, "waiting: mysql-1 does not say whether it has data").await;
    assert!(!servers.volume(0).join("data").exists());

    servers.cluster.start_pod(1).unwrap();

    for ordinal in [0, 1] {
        servers.cluster.wait_until_ready(ordinal).await.unwrap();
    }
    assert!(servers.log(0).contains("no pod has data: this cluster is new"), "{}", servers.log(0));
}

#[tokio::test]
async fn row_2_a_primary_that_lost_its_data_is_rebuilt_from_the_most_advanced_replica() {
    let mut servers = Servers::start(3).await;
    servers.write("on all three").await;
    servers.wait_for_equal_data(2).await;
    servers.sql(2, "STOP REPLICA IO_THREAD").await;
    servers.write("not on mysql-2").await;
    servers.wait_for_equal_data(1).await;
    servers.stop(&[0]).await;
    servers.empty_volume(0);

    servers.start_until_ready(&[0]).await;

    assert!(servers.log(0).contains("rebuilding the primary from mysql-1"), "{}", servers.log(0));
    assert_eq!(servers.notes(0).await, ["not on mysql-2", "on all three"]);
    servers.write("afterwards").await;
    servers.wait_for_equal_data(1).await;
    // The clone has no binary log from before, so the replica that lacks a write has to be cloned again.
    servers.restart(2).await;
    servers.wait_for_equal_data(2).await;
}

#[tokio::test]
async fn row_2_the_primary_waits_until_a_replica_has_applied_what_it_has_stored() {
    let mut servers = Servers::start_with("applied").await;
    servers.sql(1, "STOP REPLICA SQL_THREAD").await;
    servers.write("only stored").await;
    let received =
        "SELECT received_transaction_set FROM performance_schema.replication_connection_status";
    let written = servers.sql(0, "SELECT @@GLOBAL.gtid_executed").await;
    let stored = written.split_once(':').unwrap().1.rsplit('-').next().unwrap().to_owned();
    until("the write to be stored", async || servers.sql(1, received).await.ends_with(&stored))
        .await;
    servers.cluster.kill_pod(0).await.unwrap();
    servers.empty_volume(0);

    servers.start_until_log_says(0, "waiting for mysql-1 to apply what it has stored").await;
    servers.sql(1, "START REPLICA SQL_THREAD").await;
    servers.cluster.wait_until_ready(0).await.unwrap();

    assert_eq!(servers.notes(0).await, ["applied", "only stored"]);
}

#[tokio::test]
async fn row_3_a_primary_without_data_waits_for_a_replica_that_is_down() {
    let mut servers = Servers::start(3).await;
    servers.write("kept").await;
    servers.wait_for_equal_data(1).await;
    servers.stop(&[2, 0]).await;
    servers.empty_volume(0);

    servers.start_until_log_says(0, "waiting: mysql-2 does not say whether it has data").await;
    assert!(!servers.volume(0).join("data").exists());
    // An administrator who can do without mysql-2's data deletes its claim.
    fs::remove_dir_all(servers.volume(2)).unwrap();
    servers.cluster.wait_until_ready(0).await.unwrap();

    assert_eq!(servers.notes(0).await, ["kept"]);
}

#[tokio::test]
async fn row_3_a_primary_without_data_waits_for_the_api_server() {
    let mut servers = Servers::start(0).await;
    servers.cluster.set_api(ApiState::Unavailable);

    servers
        .start_until_log_says(0, "waiting: the API server does not say which pods may have data")
        .await;
    assert!(!servers.volume(0).join("data").exists());

    servers.cluster.set_api(ApiState::Working);
    servers.cluster.wait_until_ready(0).await.unwrap();
}

#[tokio::test]
async fn row_4_a_primary_without_data_refuses_to_choose_between_two_histories() {
    let mut servers = Servers::start(3).await;
    servers.write("shared").await;
    for ordinal in [1, 2] {
        servers.wait_for_equal_data(ordinal).await;
        servers.write_errant(ordinal, &format!("of mysql-{ordinal}")).await;
    }
    servers.stop(&[0]).await;
    servers.empty_volume(0);

    servers.assert_refuses_to_start(0, "each have transactions that the other lacks").await;

    assert!(!servers.volume(0).join("data").exists());
    assert_eq!(servers.notes(2).await, ["of mysql-2", "shared"]);
}

#[tokio::test]
async fn row_5_a_primary_with_data_starts_without_the_api_server_and_without_its_replica() {
    let mut servers = Servers::start_with("kept").await;
    servers.stop(&[1, 0]).await;
    servers.cluster.set_api(ApiState::Unavailable);

    servers.start_until_ready(&[0]).await;
    servers.write("alone").await;
    servers.start_until_ready(&[1]).await;

    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn row_6_a_primary_whose_volume_was_put_back_takes_what_is_missing_from_its_replica() {
    let mut servers = Servers::start(2).await;
    servers.write("old").await;
    let snapshot = servers.take_snapshot_of_primary().await;
    servers.start_until_ready(&[0]).await;
    servers.write("new").await;
    servers.wait_for_equal_data(1).await;
    servers.stop(&[0]).await;
    servers.put_back(&snapshot);

    servers.start_until_ready(&[0]).await;

    assert_eq!(servers.notes(0).await, ["new", "old"]);
    servers.write("afterwards").await;
    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn row_6_holds_also_if_both_pods_start_at_the_same_time() {
    let mut servers = Servers::start(2).await;
    servers.write("old").await;
    let snapshot = servers.take_snapshot_of_primary().await;
    servers.start_until_ready(&[0]).await;
    servers.write("new").await;
    servers.wait_for_equal_data(1).await;
    servers.stop(&[1, 0]).await;
    servers.put_back(&snapshot);

    servers.start_until_ready(&[0, 1]).await;

    assert_eq!(servers.notes(0).await, ["new", "old"]);
    servers.write("afterwards").await;
    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn rows_7_and_13_both_of_two_histories_are_kept_on_their_pods() {
    let mut servers = Servers::start(2).await;
    servers.write("old").await;
    let snapshot = servers.take_snapshot_of_primary().await;
    servers.start_until_ready(&[0]).await;
    servers.write("only on mysql-1").await;
    servers.wait_for_equal_data(1).await;
    servers.stop(&[1, 0]).await;
    servers.put_back(&snapshot);
    // mysql-1 is stopped, so mysql-0 cannot learn that it lacks a write.
    servers.start_until_ready(&[0]).await;
    servers.write("only on mysql-0").await;

    servers.assert_refuses_to_start(1, "mysql-1 has transactions that mysql-0 lacks").await;
    servers.stop(&[0]).await;
    servers.start_until_ready(&[1]).await;
    servers
        .assert_refuses_to_start(
            0,
            "mysql-0 and mysql-1 each have transactions that the other lacks",
        )
        .await;

    assert_eq!(servers.notes(1).await, ["old", "only on mysql-1"]);
    servers.stop(&[1]).await;
    servers.start_until_ready(&[0]).await;
    assert_eq!(servers.notes(0).await, ["old", "only on mysql-0"]);
}

#[tokio::test]
async fn row_8_a_replica_without_data_waits_for_the_primary() {
    let mut servers = Servers::start(0).await;
    servers.start_until_log_says(1, "gives no clone yet").await;
    assert!(!servers.volume(1).join("data").exists());

    servers.start_until_ready(&[0]).await;

    servers.cluster.wait_until_ready(1).await.unwrap();
}

#[tokio::test]
async fn row_10_a_replica_with_data_starts_while_the_primary_is_stopped() {
    let mut servers = Servers::start_with("readable").await;
    servers.stop(&[0]).await;

    servers.restart(1).await;

    assert_eq!(servers.notes(1).await, ["readable"]);
    assert!(servers.log(1).contains("mysql-0 does not answer"), "{}", servers.log(1));
}

#[tokio::test]
async fn row_12_a_replica_whose_next_transactions_were_purged_while_it_was_stopped_clones_again() {
    let mut servers = Servers::start(2).await;
    servers.write("first").await;
    servers.stop(&[1]).await;
    servers.write("purged").await;
    servers.purge_logs().await;

    servers.start_until_ready(&[1]).await;

    assert!(servers.log(1).contains("cloning it anew"), "{}", servers.log(1));
    servers.write("afterwards").await;
    servers.wait_for_equal_data(1).await;
    assert_eq!(
        entries(&servers.volume(1)),
        ["data", "reserve"],
        "nothing else stays on the volume"
    );
}

#[tokio::test]
async fn row_12_the_probes_of_a_running_replica_see_a_purge_and_a_restart_repairs_it() {
    let mut servers = Servers::start_with("first").await;
    let container = servers.cluster.container(1).unwrap().clone();
    container.liveness().await.unwrap();
    servers.sql(1, "STOP REPLICA IO_THREAD").await;
    servers.write("purged").await;
    servers.purge_logs().await;

    servers.sql(1, "START REPLICA IO_THREAD").await;

    until("the liveness probe to notice", async || container.liveness().await.is_err()).await;
    let reason = container.liveness().await.unwrap_err();
    assert!(reason.contains("not alive") && reason.contains("purged"), "{reason}");
    assert!(container.readiness(&[]).await.unwrap_err().contains("cannot receive"));
    servers.restart(1).await;
    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn row_12_the_old_data_stays_if_the_primary_gives_no_clone() {
    let mut servers = Servers::start_with("first").await;
    servers.stop(&[1]).await;
    servers.purge_logs().await;
    servers.write("purged").await;
    servers.purge_logs().await;
    servers.sql(0, "REVOKE BACKUP_ADMIN ON *.* FROM repl").await;

    servers.assert_refuses_to_start(1, "gives no clone").await;
    assert!(servers.volume(1).join("data/mysql.ibd").exists());
    servers.stop(&[0]).await;
    servers.start_until_ready(&[1]).await;

    assert_eq!(servers.notes(1).await, ["first"]);
}

#[tokio::test]
async fn row_13_a_replica_with_an_errant_transaction_refuses_to_start_and_names_it() {
    let mut servers = Servers::start_with("shared").await;
    servers.write_errant(1, "errant").await;
    let own_uuid = servers.sql(1, "SELECT @@server_uuid").await;
    let reason = servers.cluster.readiness(1, &[]).await.unwrap_err();
    assert_eq!(reason, format!("not ready: has transactions that mysql-0 lacks: {own_uuid}:1"));
    servers.stop(&[1]).await;

    let errant = format!("mysql-1 has transactions that mysql-0 lacks: {own_uuid}:1.");
    servers.assert_refuses_to_start(1, &errant).await;

    // The primary still works.
    servers.restart(0).await;
    servers.write("afterwards").await;
    servers.stop(&[0]).await;
    servers.start_until_ready(&[1]).await;
    assert_eq!(servers.notes(1).await, ["errant", "shared"]);
}

#[tokio::test]
async fn a_replica_killed_between_the_two_renames_of_a_clone_starts_with_its_old_data() {
    let mut servers = Servers::start_with("kept").await;
    servers.stop(&[1, 0]).await;
    let volume = servers.volume(1);
    fs::rename(volume.join("data"), volume.join("data.old")).unwrap();
    fs::create_dir(volume.join("data.new")).unwrap();

    servers.start_until_ready(&[1]).await;

    assert_eq!(servers.notes(1).await, ["kept"]);
    assert_eq!(entries(&volume), ["data", "reserve"]);
}

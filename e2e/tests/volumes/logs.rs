//! How much of a volume the logs of MySQL take.

use std::time::Instant;

use demo::{apps::WRITE_APP, for_tests::SeparateCluster};
use e2e::{repetitions, small_volume::SmallVolume};

use crate::servers::until;

/// The size of a claim in kubernetes/mysql-statefulset.yaml.
const CLAIM: u32 = 3 * 1024;

/// How many clients register at the same time.
const CLIENTS: u32 = 8;

/// Commits registrations one by one, with the same columns as write-app's INSERT. The key is as long as the one that
/// the page's form sends, and emails come in no order. So the indexes are as large as those of many people.
const REGISTER: &str = "DELIMITER //
CREATE PROCEDURE userdb.register(IN n INT)
BEGIN
  DECLARE i INT DEFAULT 0;
  DECLARE random CHAR(64);
  WHILE i < n DO
    SET random = SHA2(UUID(), 256), i = i + 1;
    INSERT INTO userdb.users (name, email, idempotency_key) VALUES
      (CONCAT('Grace ', LEFT(random, 8)), CONCAT(LEFT(random, 12), '@example.org'), RIGHT(random, 36));
  END WHILE;
END//";

/// A primary and a replica on volumes of this size, with the table of users.
async fn two_servers(mebibytes: u32) -> (SeparateCluster, [SmallVolume; 2]) {
    let mut servers = SeparateCluster::start(0).await.unwrap();
    let folder = servers.volumes.path();
    let volumes = [0, 1].map(|ordinal| {
        SmallVolume::mount_sized(folder.join(format!("mysql-{ordinal}")), mebibytes).unwrap()
    });
    for ordinal in [0, 1] {
        servers.cluster.start_pod(ordinal).unwrap();
    }
    for ordinal in [0, 1] {
        servers.cluster.wait_until_ready(ordinal).await.unwrap();
    }
    drop(servers.serve(WRITE_APP).await.unwrap());
    servers.cluster.sql(0, REGISTER).await.unwrap();
    (servers, volumes)
}

/// Registers so many users, by several clients at once and as fast as the server can.
async fn register(servers: &SeparateCluster, users: u32) {
    let call = format!("CALL userdb.register({})", users / CLIENTS);
    let clients = (0..CLIENTS).map(|_| {
        let container = servers.cluster.container(0).unwrap().clone();
        let call = call.clone();
        tokio::spawn(async move { container.sql(&call).await.unwrap() })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

async fn users(servers: &SeparateCluster, ordinal: u8) -> String {
    servers.cluster.sql(ordinal, "SELECT COUNT(*) FROM userdb.users").await.unwrap()
}

/// Waits until the replica has applied what the primary has.
async fn wait_until_replicated(servers: &SeparateCluster) {
    let cluster = &servers.cluster;
    let written = cluster.sql(0, "SELECT @@GLOBAL.gtid_executed").await.unwrap();
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{written}', 600)");
    assert_eq!(cluster.sql(1, &wait).await.unwrap(), "0", "mysql-1 did not catch up");
    assert_eq!(users(servers, 1).await, users(servers, 0).await);
}

/// Does what the kubelet does with a replica that was too far behind: it restarts the replica, which makes a new
/// clone.
async fn restart_where_it_is_cut_off(servers: &mut SeparateCluster) {
    if let Err(reason) = servers.cluster.container(1).unwrap().liveness().await {
        println!("mysql-1 is restarted: {reason}");
        servers.cluster.stop_pod(1).await.unwrap();
        servers.cluster.start_pod(1).unwrap();
        servers.cluster.wait_until_ready(1).await.unwrap();
    }
}

/// The binary logs of a server, and how many bytes they have.
fn binary_logs(servers: &SeparateCluster, ordinal: u8) -> (usize, u64) {
    let data = servers.volumes.path().join(format!("mysql-{ordinal}/data"));
    let sizes: Vec<u64> = std::fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with("binlog.0"))
        .map(|entry| entry.metadata().unwrap().len())
        .collect();
    (sizes.len(), sizes.iter().sum())
}

/// Runs the liveness probe with a budget in bytes for the binary logs. It must say nothing.
async fn probe_with_budget(servers: &SeparateCluster, ordinal: u8, bytes: u64) {
    let budget = bytes.to_string();
    let container = servers.cluster.container(ordinal).unwrap();
    let said = container.script(&["probe.sh", "alive"], &[("MYSQL_LOG_BUDGET", &budget)]).await;
    assert_eq!(said, Ok(String::new()), "mysql-{ordinal}");
}

/// As `.ci/run figures` runs it: three million users. Otherwise a part of them, which is enough to see that the logs
/// have a bound.
#[tokio::test(flavor = "multi_thread")]
async fn three_million_registrations_leave_the_volumes_under_60_percent() {
    let (mut servers, volumes) = two_servers(CLAIM).await;
    let before = volumes[0].usage().unwrap().0;
    let start = Instant::now();
    let count = repetitions(32_000, 3_000_000);

    register(&servers, count).await;

    let took = start.elapsed().as_secs_f64();
    restart_where_it_is_cut_off(&mut servers).await;
    wait_until_replicated(&servers).await;
    println!("figure: {:.0} registrations a second", f64::from(count) / took);
    for ordinal in [0, 1] {
        let (used, size) = volumes[usize::from(ordinal)].usage().unwrap();
        let (logs, bytes) = binary_logs(&servers, ordinal);
        let percent = used * 100 / size;
        println!(
            "figure: mysql-{ordinal}: {count} users, {} MiB in use at first, now {} MiB of {} MiB, {percent} %; {logs} binary logs with {} MiB",
            before >> 20,
            used >> 20,
            size >> 20,
            bytes >> 20,
        );
        assert!(percent < 60, "{percent} %");
        // While the replica is behind, the primary keeps up to 512 MiB. Between two probes more is written.
        assert!(bytes < 576 << 20, "{bytes} bytes of binary logs");
    }
    servers.cluster.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_liveness_probe_deletes_old_logs_beyond_the_budget_and_no_others() {
    let (servers, _volumes) = two_servers(1024).await;
    for ordinal in [0, 1] {
        servers.cluster.sql(ordinal, "SET GLOBAL max_binlog_size = 1048576").await.unwrap();
    }
    register(&servers, 20_000).await;
    wait_until_replicated(&servers).await;
    let budget = 2 << 20;
    for ordinal in [0, 1] {
        let written = binary_logs(&servers, ordinal);
        assert!(written.1 > 2 * budget, "mysql-{ordinal}: {written:?}");
        // A log that a connected replica reads stays. It reads the newest one by now.
        probe_with_budget(&servers, ordinal, 2 * written.1).await;
        assert_eq!(binary_logs(&servers, ordinal), written, "the logs were within the budget");

        probe_with_budget(&servers, ordinal, budget).await;

        let (logs, bytes) = binary_logs(&servers, ordinal);
        assert!(bytes <= budget && bytes > budget / 2, "mysql-{ordinal}: {bytes} bytes");
        assert!(logs >= 2, "mysql-{ordinal}: {logs} logs");
    }
    // All connections are taken, and one of them is CONNECTION_ADMIN's.
    servers.cluster.sql(0, "SET GLOBAL max_connections = 1").await.unwrap();
    probe_with_budget(&servers, 0, budget / 2).await;
    assert!(binary_logs(&servers, 0).1 <= budget / 2);
    assert_eq!(servers.cluster.sql(1, "SELECT @@super_read_only").await.unwrap(), "1");
    servers.cluster.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stands_still_does_not_fill_the_primary_and_clones_again() {
    let (mut servers, _volumes) = two_servers(1024).await;
    servers.cluster.sql(0, "SET GLOBAL max_binlog_size = 1048576").await.unwrap();
    // The primary sends to a replica that takes nothing for so many seconds, 60 by default. Until then, it keeps the
    // log that it sends. A connection takes the value of the moment when it begins.
    servers.cluster.sql(0, "SET GLOBAL net_write_timeout = 5").await.unwrap();
    servers.cluster.sql(1, "STOP REPLICA; START REPLICA").await.unwrap();
    let receiver = "SELECT service_state FROM performance_schema.replication_connection_status";
    until("the replica to connect again", async || {
        servers.cluster.sql(1, receiver).await.unwrap() == "ON"
    })
    .await;
    servers.cluster.freeze(1).unwrap();
    let budget = 2 << 20;
    // What fills the connection's buffers counts as read.
    register(&servers, 32_000).await;
    assert!(binary_logs(&servers, 0).1 > 4 * budget);

    until("the primary to delete what the replica has not read", async || {
        probe_with_budget(&servers, 0, budget).await;
        binary_logs(&servers, 0).1 <= budget
    })
    .await;

    servers.cluster.thaw(1).unwrap();
    until("the replica to see that its next log is gone", async || {
        servers.cluster.container(1).unwrap().liveness().await.is_err()
    })
    .await;
    restart_where_it_is_cut_off(&mut servers).await;
    wait_until_replicated(&servers).await;
    servers.cluster.stop().await.unwrap();
}

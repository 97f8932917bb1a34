//! The readiness probe, which says whether a pod may serve reads, and the liveness probe, which restarts it.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::servers::{Servers, until};

#[tokio::test]
async fn a_replica_that_cannot_apply_is_not_ready_and_says_why() {
    let mut servers = Servers::start_with("shared").await;

    servers.sql(1, "STOP REPLICA SQL_THREAD").await;

    until("mysql-1 to leave mysql-read", async || !servers.cluster.is_ready(1)).await;
    let reason = servers.cluster.readiness(1, &[]).await.unwrap_err();
    assert!(reason.contains("not ready: replication cannot apply"), "{reason}");

    servers.sql(1, "START REPLICA SQL_THREAD").await;
    servers.cluster.wait_until_ready(1).await.unwrap();
}

#[tokio::test]
async fn a_replica_stays_ready_without_the_primary_but_not_for_ever() {
    let mut servers = Servers::start_with("readable").await;

    servers.stop(&[0]).await;

    until("the replica to notice", async || !servers.is_connected(1).await).await;
    servers.cluster.readiness(1, &[]).await.unwrap();
    assert_eq!(servers.sql(1, "SELECT note FROM userdb.notes").await, "readable");

    // The same holds for a replica that has not reached the primary since its own start.
    servers.restart(1).await;
    let impatient = [("MYSQL_PATIENCE", "1")];
    until("the probe to fail for a silence of 1 s", async || {
        servers.cluster.readiness(1, &impatient).await.is_err()
    })
    .await;
    let reason = servers.cluster.readiness(1, &impatient).await.unwrap_err();
    assert!(reason.contains("nothing heard of the primary for over 1 s"), "{reason}");
}

#[tokio::test]
async fn a_replica_that_gets_writes_but_no_heartbeats_stays_ready_when_the_primary_restarts() {
    let mut servers = Servers::start(2).await;
    servers.write("first").await;
    // Write for longer than the heartbeat's period of 2 s and the patience of 6 s below. The primary sends no
    // heartbeats while it sends writes. On a busy machine two writes may be so far apart that it sends one.
    let heartbeat = "SELECT last_heartbeat_timestamp < NOW(6) - INTERVAL 6 SECOND
                     FROM performance_schema.replication_connection_status";
    let begun = Instant::now();
    for number in 0.. {
        servers.write(&format!("{number}")).await;
        let wrote = begun.elapsed();
        if wrote > Duration::from_secs(8) && servers.sql(1, heartbeat).await == "1" {
            break;
        }
        assert!(wrote < Duration::from_secs(60), "the primary sends heartbeats despite the writes");
    }

    servers.cluster.kill_pod(0).await.unwrap();

    until("the replica to notice", async || !servers.is_connected(1).await).await;
    servers.cluster.readiness(1, &[("MYSQL_PATIENCE", "6")]).await.unwrap();
}

/// Locks the table on the replica until the task ends, so that the replica cannot apply the next write.
async fn lock_notes(servers: &Servers) -> JoinHandle<anyhow::Result<String>> {
    let container = servers.cluster.container(1).unwrap().clone();
    let lock = "LOCK TABLES userdb.notes READ; SELECT SLEEP(600)";
    let lock = tokio::spawn(async move { container.sql(lock).await });
    until("the lock", async || servers.sql(1, "SHOW PROCESSLIST").await.contains("SELECT SLEEP"))
        .await;
    lock
}

#[tokio::test]
async fn a_replica_that_applies_one_transaction_for_too_long_is_not_ready_until_it_has() {
    let servers = Servers::start_with("shared").await;
    let container = servers.cluster.container(1).unwrap().clone();
    let lock = lock_notes(&servers).await;
    servers.write("waits for the lock").await;

    let strict = [("MYSQL_LAG", "1")];
    until("the probe to notice", async || container.readiness(&strict).await.is_err()).await;
    let reason = container.readiness(&strict).await.unwrap_err();
    assert!(reason.contains("has been applying one transaction for over 1 s"), "{reason}");
    container.readiness(&[]).await.unwrap();

    lock.abort();
    until("the probe to pass", async || container.readiness(&strict).await.is_ok()).await;
    servers.wait_for_equal_data(1).await;
}

/// Writes a note whose commit time is this many seconds ago.
async fn write_late(servers: &Servers, note: &str, seconds: u32) {
    let sql = "SET @@SESSION.original_commit_timestamp = 1000000 * (UNIX_TIMESTAMP() -";
    servers.sql(0, &format!("{sql} {seconds}); INSERT INTO userdb.notes VALUES ('{note}')")).await;
}

#[tokio::test]
async fn a_replica_that_applies_much_older_writes_than_it_receives_is_not_ready() {
    let servers = Servers::start_with("shared").await;
    let lock = lock_notes(&servers).await;
    write_late(&servers, "an old one", 40).await;
    servers.write("a new one").await;

    until("the probe to notice", async || servers.cluster.readiness(1, &[]).await.is_err()).await;
    let reason = servers.cluster.readiness(1, &[]).await.unwrap_err();
    assert!(reason.contains("over 30 s behind what it has received"), "{reason}");

    lock.abort();
    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn a_replica_that_receives_old_writes_is_not_ready_until_it_has_received_all() {
    let servers = Servers::start_with("shared").await;

    write_late(&servers, "long on the way", 40).await;

    until("the probe to notice", async || servers.cluster.readiness(1, &[]).await.is_err()).await;
    until("the next heartbeat", async || servers.cluster.readiness(1, &[]).await.is_ok()).await;
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_alive_but_not_ready() {
    let servers = Servers::start(1).await;
    servers.write("a table").await;
    let container = servers.cluster.container(0).unwrap().clone();
    servers.sql(0, "SET GLOBAL max_connections = 1").await;
    // Take the one ordinary connection, and the one that mysqld reserves for administrators.
    let sleepers = [container.clone(), container.clone()].map(|taker| {
        tokio::spawn(async move {
            // A probe may have the connection for a moment.
            while taker.sql("SELECT SLEEP(60)").await.is_err() {}
        })
    });
    until("all connections to be taken", async || {
        container.sql("DO 1").await.is_err_and(|error| error.to_string().contains("ERROR 1040"))
    })
    .await;
    container.liveness().await.unwrap();
    container.readiness(&[]).await.unwrap_err();

    for sleeper in sleepers {
        sleeper.abort();
    }
    until("the probe to pass", async || container.readiness(&[]).await.is_ok()).await;
}

#[tokio::test]
async fn the_status_lists_connected_replicas_missing_and_errant_transactions() {
    let servers = Servers::start_with("shared").await;
    let container = servers.cluster.container(1).unwrap().clone();
    let status = async || {
        let table = container.script(&["status.sh"], &[]).await.unwrap();
        let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.collect::<Vec<_>>().join("; ")
    };
    let names = "POD ROLE RECEIVER BEHIND ERRANT";
    let expected = format!("{names}; mysql-0 primary - 0 0; mysql-1 replica ON 0 0");
    assert_eq!(status().await, expected);

    servers.sql(1, "STOP REPLICA; SET GLOBAL super_read_only = OFF; CREATE DATABASE mistake").await;
    servers.write("one").await;
    servers.write("two").await;

    // Each note takes two transactions: CREATE TABLE, which is logged even if it changes nothing, and INSERT.
    let expected = format!("{names}; mysql-0 primary - 0 0; mysql-1 replica OFF 4 1");
    assert_eq!(status().await, expected);
}

#[tokio::test]
async fn a_replica_that_starts_with_much_to_apply_is_not_ready() {
    let mut servers = Servers::start_with("shared").await;
    let delay = "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 3600";
    servers.sql(1, &format!("STOP REPLICA SQL_THREAD; {delay}; START REPLICA SQL_THREAD")).await;
    servers.write("stored").await;
    servers.stop(&[0, 1]).await;

    servers.cluster.start_pod(1).unwrap();
    until("mysqld", async || servers.cluster.sql(1, "DO 1").await.is_ok()).await;

    let reason = servers.cluster.readiness(1, &[]).await.unwrap_err();
    assert!(reason.contains("still applies what it had stored before its start"), "{reason}");
}

#[tokio::test]
async fn a_replica_that_follows_another_replica_is_not_ready_and_is_disconnected() {
    let servers = Servers::start(3).await;
    servers.write("shared").await;
    servers.wait_for_equal_data(2).await;
    let other = servers.sql(1, "SELECT @@bind_address").await;
    let follow = format!("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{other}'");
    servers.sql(2, &format!("STOP REPLICA; {follow}; START REPLICA")).await;
    until("mysql-2 to follow mysql-1", async || servers.is_connected(2).await).await;

    let reason = servers.cluster.readiness(2, &[]).await.unwrap_err();
    assert!(reason.contains("follows another server than mysql-0"), "{reason}");
    let follower = "SELECT processlist_id FROM performance_schema.threads
                    WHERE processlist_command LIKE 'Binlog Dump%'";
    let before = servers.sql(1, follower).await;
    servers.cluster.container(1).unwrap().liveness().await.unwrap();
    until("mysql-1 to disconnect mysql-2", async || servers.sql(1, follower).await != before).await;
}

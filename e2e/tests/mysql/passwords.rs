//! The password for replication changes while a replica is stopped.

use crate::servers::{Servers, until};

#[tokio::test]
async fn a_replica_takes_the_new_password_from_the_secret_when_it_starts() {
    let mut servers = Servers::start_with("first").await;
    let outdated = "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'outdated'";
    servers.sql(1, &format!("STOP REPLICA; {outdated}; START REPLICA")).await;
    servers.stop(&[1]).await;
    servers.write("second").await;

    servers.start_until_ready(&[1]).await;

    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn a_replica_that_cannot_apply_keeps_the_old_password_and_its_relay_log() {
    let mut servers = Servers::start_with("first").await;
    servers.sql(0, "ALTER USER repl IDENTIFIED BY 'other' RETAIN CURRENT PASSWORD").await;
    servers.write("with two passwords").await;
    servers.wait_for_equal_data(1).await;
    let other = "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'other'";
    servers.sql(1, &format!("STOP REPLICA IO_THREAD; {other}; START REPLICA IO_THREAD")).await;
    until("the replica to connect", async || servers.is_connected(1).await).await;
    let unlogged = "SET sql_log_bin = 0; SET GLOBAL super_read_only = OFF";
    servers.sql(1, &format!("{unlogged}; INSERT INTO userdb.notes VALUES ('in the way')")).await;
    servers.write("in the way").await;
    until("the applier to stop", async || servers.cluster.readiness(1, &[]).await.is_err()).await;
    let received =
        "SELECT received_transaction_set FROM performance_schema.replication_connection_status";
    let stored = servers.sql(1, received).await;
    servers.stop(&[1, 0]).await;

    servers.start_until_log_says(1, "keeping the old password").await;

    until("mysqld", async || servers.cluster.sql(1, "DO 1").await.is_ok()).await;
    assert!(stored.contains(':'), "{stored}");
    assert_eq!(servers.sql(1, received).await, stored);
}

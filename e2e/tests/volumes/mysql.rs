//! A MySQL server whose volume is full.

use std::time::{Duration, Instant};

use e2e::small_volume::SmallVolume;
use tokio::time::timeout;

use crate::servers::Servers;

impl Servers {
    /// Writes notes until one is not acknowledged within five seconds, at most this many. Returns the acknowledged
    /// notes.
    pub(crate) async fn write_until_one_hangs(&self, most: u32) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for number in 0..most {
            let note = format!("note {number}");
            let insert = format!("INSERT INTO userdb.notes VALUES ('{note}')");
            let written = timeout(Duration::from_secs(5), self.cluster.sql(0, &insert)).await;
            if !matches!(written, Ok(Ok(_))) {
                break;
            }
            acknowledged.push(note);
        }
        acknowledged
    }

    /// Asserts that both servers have these notes.
    pub(crate) async fn assert_all_are_on_both(&self, notes: &[String]) {
        self.write("with room again").await;
        self.wait_for_equal_data(1).await;
        let sql =
            format!("SELECT COUNT(*) FROM userdb.notes WHERE note IN ('{}')", notes.join("', '"));
        assert_eq!(self.sql(1, &sql).await, notes.len().to_string());
    }
}

async fn two_servers_on_small_volumes() -> (Servers, [SmallVolume; 2]) {
    let mut servers = Servers::start(0).await;
    let volumes = [0, 1].map(|ordinal| SmallVolume::mount(servers.volume(ordinal)).unwrap());
    servers.start_until_ready(&[0, 1]).await;
    servers.write("before").await;
    servers.wait_for_equal_data(1).await;
    (servers, volumes)
}

#[tokio::test]
async fn a_primary_whose_volume_is_full_acknowledges_nothing_that_it_could_lose() {
    let (mut servers, [volume, _replica]) = two_servers_on_small_volumes().await;
    volume.fill().unwrap();

    let acknowledged = servers.write_until_one_hangs(10_000).await;

    assert!(acknowledged.len() < 10_000, "the volume was never full");
    assert_eq!(
        servers.sql(1, "SELECT COUNT(*) FROM userdb.notes WHERE note = 'before'").await,
        "1"
    );
    // A restart does not repair the server, and loses no data.
    servers.cluster.kill_pod(0).await.unwrap();
    servers.start_until_log_says(0, "waiting: the volume is full").await;
    volume.make_room().unwrap();
    servers.cluster.wait_until_ready(0).await.unwrap();
    servers.assert_all_are_on_both(&acknowledged).await;
    servers.cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_replica_whose_volume_is_full_does_not_stop_writes_and_is_not_ready() {
    let (mut servers, [_primary, volume]) = two_servers_on_small_volumes().await;
    volume.fill().unwrap();

    let start = Instant::now();
    let mut acknowledged = Vec::new();
    let reason = loop {
        if let Err(reason) = servers.cluster.readiness(1, &[("MYSQL_LAG", "5")]).await {
            break reason;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the replica stayed ready");
        let note = format!("note {}", acknowledged.len());
        servers.write(&note).await;
        acknowledged.push(note);
    };

    assert!(reason.contains("is the volume full?"), "{reason}");
    volume.make_room().unwrap();
    // mysqld checks for free space once a minute; a restart is quicker.
    servers.restart(1).await;
    servers.assert_all_are_on_both(&acknowledged).await;
    servers.cluster.stop().await.unwrap();
}

//! A primary whose volume is full.

use demo::for_tests::SeparateCluster;
use e2e::small_volume::SmallVolume;

use crate::cycle::{Apps, Met, SUCCESS};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_volume_is_full_is_called_so_and_is_spared_further_writes() {
    let mut servers = SeparateCluster::start(0).await.unwrap();
    let volume = SmallVolume::mount(servers.volumes.path().join("mysql-0")).unwrap();
    servers.cluster.start_pod(0).unwrap();
    servers.cluster.wait_until_ready(0).await.unwrap();
    let mut apps = Apps::beside(servers).await;
    let mut met = Met::nothing("volume of the primary full");
    for _ in Met::times() {
        volume.fill().unwrap();
        // The binary log has some room left in its last block.
        let first = loop {
            let (code, took) = apps.write().await;
            if code != SUCCESS {
                break (code, took);
            }
        };
        assert_eq!(first.0, "database_disk_full", "{:?}", first.1);
        let at_once = apps.write().await;
        assert!(at_once.1 < first.1, "the second waited as long as the first: {at_once:?}");
        met.answer(first, &["database_disk_full"]);
        met.answer(at_once, &["database_disk_full"]);
        volume.make_room().unwrap();
        // mysqld looks for room once a minute; a restart is quicker.
        apps.servers.cluster.kill_pod(0).await.unwrap();
        apps.servers.cluster.start_pod(0).unwrap();
        apps.servers.cluster.wait_until_ready(0).await.unwrap();
        met.recovery(&apps).await;
    }
    met.print();
    apps.servers.cluster.stop().await.unwrap();
}

//! A primary whose volume is full.

use demo::for_tests::SeparateCluster;
use e2e::small_volume::SmallVolume;

use crate::cycle::{Apps, Observed, SUCCESS};

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_name_a_full_volume_and_send_no_more_writes_to_it() {
    let mut servers = SeparateCluster::start(0).await.unwrap();
    let volume = SmallVolume::mount(servers.volumes.path().join("mysql-0")).unwrap();
    servers.cluster.start_pod(0).unwrap();
    servers.cluster.wait_until_ready(0).await.unwrap();
    let mut apps = Apps::with_servers(servers).await;
    let mut observed = Observed::of("volume of the primary full");
    for _ in Observed::repetitions() {
        volume.fill().unwrap();
        // The last block of the binary log still has room for a few writes.
        let first = loop {
            let (code, took) = apps.write().await;
            // On a busy machine the look at the volume may take too long, and the next write looks again.
            if ![SUCCESS, "database_slow"].contains(&code.as_str()) {
                break (code, took);
            }
        };
        assert_eq!(first.0, "database_disk_full", "{:?}", first.1);
        let second = apps.write().await;
        assert!(second.1 < first.1, "the second waited as long as the first: {second:?}");
        observed.response(first, &["database_disk_full"]);
        observed.response(second, &["database_disk_full"]);
        volume.make_room().unwrap();
        // mysqld checks for free space once a minute; a restart is quicker.
        apps.servers.cluster.kill_pod(0).await.unwrap();
        apps.servers.cluster.start_pod(0).unwrap();
        apps.servers.cluster.wait_until_ready(0).await.unwrap();
        observed.recovery(&apps).await;
    }
    observed.print();
    apps.servers.cluster.stop().await.unwrap();
}

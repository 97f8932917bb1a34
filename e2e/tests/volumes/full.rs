//! docs/full-volume.md, as it is printed, on a volume without a free byte.

use std::process::Command;

use e2e::small_volume::SmallVolume;

use crate::servers::Servers;

/// The commands that docs/full-volume.md marks with a tag.
fn printed(tag: &str) -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/readme");
    let mut print = Command::new(readme);
    let output = print.args(["--file", "docs/full-volume.md", "--print", tag]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs these commands on mysql-0 as `kubectl exec` would, and returns their output.
async fn run(servers: &Servers, tag: &str) -> String {
    let volume = servers.volume(0).display().to_string();
    let commands = printed(tag).replace("/var/lib/mysql", &volume);
    let stand_in = r#"
        kubectl() { [ "$1 $2 $3" = "exec mysql-0 --" ] || exit 1; shift 3; "$@"; }
        mysql() { command mysql --no-defaults --socket="$MYSQL_RUN/mysqld.sock" "$@"; }
    "#;
    let container = servers.cluster.container(0).unwrap();
    let mut bash = container.program("bash");
    let output = bash.args(["-euo", "pipefail", "-c", &format!("{stand_in}\n{commands}")]).output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_full_volume_comes_back_by_the_printed_commands_with_all_that_was_acknowledged() {
    let mut servers = Servers::start(0).await;
    let [volume, _replica] =
        [0, 1].map(|ordinal| SmallVolume::mount_sized(servers.volume(ordinal), 600).unwrap());
    servers.start_until_ready(&[0, 1]).await;
    servers.write("before").await;
    servers.wait_for_equal_data(1).await;
    volume.fill().unwrap();
    let acknowledged = servers.write_until_one_hangs(10_000).await;
    assert!(acknowledged.len() < 10_000, "the volume was never full");

    // A start must not make it worse.
    servers.cluster.kill_pod(0).await.unwrap();
    servers.start_until_log_says(0, "waiting: the volume is full").await;
    let looked = run(&servers, "look").await;
    assert!(looked.contains("100%") && looked.contains("/ballast"), "{looked}");
    assert_eq!(volume.usage().unwrap().0, volume.usage().unwrap().1);

    run(&servers, "reserve").await;

    servers.cluster.wait_until_ready(0).await.unwrap();
    run(&servers, "logs").await;
    let logs = servers.sql(0, "SHOW BINARY LOGS").await;
    assert!(logs.lines().count() <= 2, "{logs}");
    servers.assert_all_are_on_both(&acknowledged).await;
    let reserve = servers.volume(0).join("reserve");
    assert!(!reserve.exists(), "it would fill the volume again");

    // With room, the next start makes it again.
    volume.make_room().unwrap();
    servers.restart(0).await;
    assert_eq!(reserve.metadata().unwrap().len(), 32 << 20);
    servers.cluster.stop().await.unwrap();
}

//! A primary and its replica: the first start, and stops and starts after it.

use std::time::{Duration, Instant};

use demo::manifests::Files;

use crate::servers::{Servers, entries, until};

#[tokio::test]
async fn rows_9_and_11_a_replica_clones_replicates_and_catches_up_after_a_stop() {
    let mut servers = Servers::start(2).await;
    assert_eq!(
        servers.sql(0, "SELECT @@GLOBAL.gtid_executed").await,
        "",
        "the first write is the first transaction"
    );
    servers.write("first").await;
    servers.wait_for_equal_data(1).await;

    let refusal =
        servers.cluster.sql(1, "INSERT INTO userdb.notes VALUES ('errant')").await.unwrap_err();
    assert!(refusal.to_string().contains("ERROR 1290"), "{refusal}");

    servers.stop(&[1]).await;
    servers.write("while the replica is stopped").await;
    servers.start_until_ready(&[1]).await;
    servers.wait_for_equal_data(1).await;

    servers.restart(0).await;
    servers.write("after a restart of the primary").await;
    servers.wait_for_equal_data(1).await;
}

#[tokio::test]
async fn a_replica_acknowledges_a_commit_before_the_client_has_the_response() {
    let servers = Servers::start(2).await;
    let acknowledged = async || {
        let status =
            "SELECT variable_value FROM performance_schema.global_status WHERE variable_name =";
        servers.sql(0, &format!("{status} 'Rpl_semi_sync_source_yes_tx'")).await
    };
    until("a replica to acknowledge commits", async || {
        servers.sql(0, "SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'").await.ends_with('1')
    })
    .await;
    let before: u32 = acknowledged().await.parse().unwrap();

    servers.write("semi-sync").await;

    // A note takes two transactions, CREATE TABLE and INSERT.
    assert_eq!(acknowledged().await.parse::<u32>().unwrap(), before + 2);
}

#[tokio::test]
async fn a_replica_discards_an_interrupted_clone_and_clones_again() {
    let mut servers = Servers::start(2).await;
    servers.write("kept").await;
    servers.stop(&[1]).await;
    // A replica that is killed while it clones leaves incomplete data in data.new, and no data.
    let volume = servers.volume(1);
    std::fs::rename(volume.join("data"), volume.join("data.new")).unwrap();
    std::fs::remove_file(volume.join("data.new/mysql.ibd")).unwrap();

    servers.start_until_ready(&[1]).await;

    servers.wait_for_equal_data(1).await;
    assert!(servers.log(1).contains("preparing to clone"), "{}", servers.log(1));
    assert_eq!(entries(&volume), ["data", "reserve"], "nothing else stays on the volume");
}

#[tokio::test]
async fn bootstrap_names_a_missing_password_before_it_writes_anything() {
    for account in ["repl", "appuser", "reader"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        Files::mysql_scripts().unwrap().mount(&path("scripts")).unwrap();
        Files::mysql_credentials().unwrap().mount(&path("credentials")).unwrap();
        std::fs::create_dir(path("volume")).unwrap();
        let password = path("credentials").join(format!("{account}-password"));
        std::fs::write(&password, "").unwrap();

        let output = std::process::Command::new("bash")
            .arg(path("scripts").join("bootstrap.sh"))
            .env("POD_NAME", "mysql-0")
            .env("MYSQL_VOLUME", path("volume"))
            .env("MYSQL_RUN", folder.path())
            .env("MYSQL_CREDENTIALS", path("credentials"))
            .output()
            .unwrap();

        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(stderr.contains(password.to_str().unwrap()), "{stderr}");
        assert!(entries(&path("volume")).is_empty());
    }
}

#[tokio::test]
async fn a_pod_that_waits_for_a_clone_stops_on_sigterm() {
    let mut servers = Servers::start(1).await;
    servers.stop(&[0]).await;
    servers.cluster.start_pod(1).unwrap();
    until("mysql-1 to ask for a clone", async || servers.log(1).contains("gives no clone yet"))
        .await;
    let asked_to_stop = Instant::now();

    servers.stop(&[1]).await;

    // If the pod ignored SIGTERM, it would be killed after 60 s here, and after 120 s in Kubernetes.
    assert!(asked_to_stop.elapsed() < Duration::from_secs(30), "{:?}", asked_to_stop.elapsed());
    assert!(servers.log(1).contains("stopping before the server was ready"), "{}", servers.log(1));
}

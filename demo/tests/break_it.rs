//! A cluster that a person breaks: its pods are deleted, scaled, frozen, killed, and come back as those of a
//! StatefulSet do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use demo::{
    LocalCluster, cache_folder,
    for_tests::{SeparateCluster, TEST_NETWORKS},
    local_cluster::Plan,
    manifests::Files,
    network::Network,
};
use hickory_server::proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{
    net::UdpSocket,
    time::{sleep, timeout},
};

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// Waits until an event has all of these words, and returns the events until then.
async fn until_told(cluster: &mut LocalCluster, words: &[&str]) -> Vec<String> {
    let (mut told, end) = (Vec::new(), Instant::now() + DEADLINE);
    while !told.last().is_some_and(|event: &String| words.iter().all(|word| event.contains(word))) {
        let left = end.saturating_duration_since(Instant::now());
        let event = timeout(left, cluster.next_event()).await;
        let status = cluster.status();
        told.push(event.unwrap_or_else(|_| panic!("not {words:?}, but {told:#?}; {status:#?}")));
    }
    told
}

/// The last event of [`until_told`].
async fn told(cluster: &mut LocalCluster, words: &[&str]) -> String {
    until_told(cluster, words).await.pop().unwrap()
}

/// Waits until SQL gives this result. The cluster goes on meanwhile.
async fn until_sql(cluster: &mut LocalCluster, ordinal: u8, sql: &str, result: &str) {
    let end = Instant::now() + DEADLINE;
    loop {
        let said = cluster.sql(ordinal, sql).await;
        if said.as_ref().is_ok_and(|said| said == result) {
            return;
        }
        assert!(Instant::now() < end, "mysql-{ordinal}: {sql}: {said:?}");
        drop(timeout(Duration::from_millis(100), cluster.next_event()).await);
    }
}

const NOTES: &str = "SELECT GROUP_CONCAT(note ORDER BY note) FROM userdb.notes";

/// Writes a note on the primary.
async fn write(cluster: &LocalCluster, note: &str) {
    let table = "CREATE TABLE IF NOT EXISTS userdb.notes (note VARCHAR(99) PRIMARY KEY)";
    cluster.sql(0, &format!("{table}; INSERT INTO userdb.notes VALUES ('{note}')")).await.unwrap();
}

fn state(cluster: &LocalCluster, ordinal: usize) -> String {
    cluster.status()[ordinal].state.clone()
}

/// What the cluster's DNS says: the addresses in order and their TTL, or the reason for none and the TTL of the SOA
/// record.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Addresses(Vec<Ipv4Addr>, u32),
    Nothing(ResponseCode, u32),
}

async fn ask(cluster: &LocalCluster, name: &str) -> Said {
    let [_, a, b, _] = cluster.address(0).octets();
    let mut question = Message::query();
    let name = Name::from_ascii(format!("{name}.default.svc.cluster.local.")).unwrap();
    question.add_query(Query::query(name, RecordType::A));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = (Ipv4Addr::new(127, a, b, 2), 5353);
    socket.send_to(&question.to_vec().unwrap(), server).await.unwrap();
    let mut buffer = [0; 1500];
    let length = timeout(DEADLINE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    let mut addresses = answer.answers.iter().map(|record| match record.data {
        RData::A(address) => address.0,
        _ => panic!("{record:?}"),
    });
    let mut addresses = addresses.by_ref().collect::<Vec<_>>();
    addresses.sort_unstable();
    match answer.answers.first() {
        Some(record) => Said::Addresses(addresses, record.ttl),
        None => Said::Nothing(answer.metadata.response_code, answer.authorities[0].ttl),
    }
}

fn there(cluster: &LocalCluster, ordinals: &[u8], ttl: u32) -> Said {
    Said::Addresses(ordinals.iter().map(|ordinal| cluster.address(*ordinal)).collect(), ttl)
}

const MISSING: Said = Said::Nothing(ResponseCode::NXDomain, 30);

#[tokio::test]
async fn deleted_and_lost_pods_come_back_at_other_addresses_and_replication_goes_on() {
    let mut servers = SeparateCluster::start(2).await.unwrap();
    write(&servers.cluster, "a").await;
    delete_a_replica(&mut servers.cluster).await;
    delete_the_primary_behind_a_cache(&mut servers.cluster).await;
    lose_one_pod_after_the_other(&mut servers).await;
    servers.cluster.stop().await.unwrap();
}

/// DNS follows at once: the address of the pod while it ends, none, the next pod's before that is ready.
async fn delete_a_replica(cluster: &mut LocalCluster) {
    let first = cluster.address(1);
    assert_eq!(ask(cluster, "mysql").await, there(cluster, &[0, 1], 30));

    cluster.delete_pod(1).unwrap();
    assert_eq!((state(cluster, 1).as_str(), cluster.is_ready(1)), ("ending", false));
    assert_eq!(ask(cluster, "mysql-1.mysql").await, there(cluster, &[1], 30), "while it ends");
    let again = cluster.delete_pod(1).unwrap_err().to_string();
    assert!(again.contains("ending already"), "{again}");

    told(cluster, &["mysql-1 ended", "mysql and mysql-read no longer lead to it"]).await;
    assert_eq!(ask(cluster, "mysql-1.mysql").await, MISSING);
    assert_eq!(ask(cluster, "mysql").await, there(cluster, &[0], 30));
    assert_eq!(cluster.status()[1].address, None);

    let back = told(cluster, &["mysql-1 is back at"]).await;
    assert_ne!(cluster.address(1), first);
    assert!(back.contains(&format!("{} (was {first})", cluster.address(1))), "{back}");
    assert_eq!(ask(cluster, "mysql-1.mysql").await, there(cluster, &[1], 30), "not ready yet");
    told(cluster, &["mysql-1 is ready: mysql-read sends it connections again, ", " s after it"])
        .await;
    until_sql(cluster, 1, NOTES, "a").await;
}

/// The cache repeats the old address, and its time runs out. The replica finds the new pod by its name.
async fn delete_the_primary_behind_a_cache(cluster: &mut LocalCluster) {
    // Longer than a server takes to stop on a busy machine.
    cluster.set_dns_cache(Some(600));
    let (first, both) = (cluster.address(0), ask(cluster, "mysql").await);
    let Said::Addresses(own, _) = ask(cluster, "mysql-0.mysql").await else { panic!("no address") };
    assert_eq!(own, [first]);

    cluster.delete_pod(0).unwrap();
    told(cluster, &["mysql-0 ended", "DNS cache may name it for up to 600 s more"]).await;
    told(cluster, &["mysql-0 is back at"]).await;
    assert_ne!(cluster.address(0), first);
    let own = Said::Addresses(own, 600);
    for (name, before) in [("mysql", both), ("mysql-0.mysql", own)] {
        let Said::Addresses(now, left) = ask(cluster, name).await else { panic!("{name}") };
        let Said::Addresses(before, _) = before else { panic!("{name}") };
        assert!(now == before && (1..600).contains(&left), "{name}: {now:?}, {left} s");
    }
    cluster.set_dns_cache(None);
    assert_eq!(ask(cluster, "mysql-0.mysql").await, there(cluster, &[0], 30));

    told(cluster, &["mysql-0 is ready"]).await;
    write(cluster, "b").await;
    until_sql(cluster, 1, NOTES, "a,b").await;
}

/// Each clones what the other has, so only one at a time may lose its volume.
async fn lose_one_pod_after_the_other(servers: &mut SeparateCluster) {
    let cluster = &mut servers.cluster;
    for (ordinal, how) in
        [(1, "no data yet: preparing to clone"), (0, "rebuilding the primary from mysql-1")]
    {
        cluster.lose_pod(ordinal).unwrap();
        let both = cluster.lose_pod(1 - ordinal).unwrap_err().to_string();
        assert!(both.contains("the only copy of the users"), "{both}");
        told(cluster, &["ended, and its volume is deleted"]).await;
        told(cluster, &[&format!("mysql-{ordinal} is ready")]).await;
        let log = servers.volumes.path().join(format!("mysql-{ordinal}.log"));
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains(how), "{log}");
        until_sql(cluster, ordinal, NOTES, "a,b").await;
    }
    write(cluster, "c").await;
    until_sql(cluster, 1, NOTES, "a,b,c").await;
}

/// What is not possible, with words of the reason.
async fn assert_refuses_what_is_not_possible(cluster: &mut LocalCluster) {
    for (refusal, words) in [
        (cluster.scale(0), "0 pods are not possible: choose 1 to 10"),
        (cluster.scale(11), "11 pods are not possible"),
        (cluster.delete_pod(1), "mysql-1 is not running; the pods are: mysql-0"),
        (cluster.lose_pod(1), "mysql-1 is not running"),
        (cluster.lose_pod(0), "the only copy of the users"),
        (cluster.freeze(200), "mysql-200 is not running"),
        (cluster.thaw(0), "mysql-0 is not frozen"),
        (cluster.lag(0).await, "mysql-0 is the primary"),
        (cluster.catch_up(0).await, "mysql-0 is the primary"),
        (cluster.lag(1).await, "mysql-1 is not running"),
    ] {
        let said = refusal.unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(state(cluster, 0), "ready");
}

/// Kills a server's process, as the kernel does when memory is short.
fn kill_server(servers: &SeparateCluster, ordinal: u8) {
    let pid = servers.run.path().join(format!("mysql-{ordinal}/mysqld.pid"));
    let pid = std::fs::read_to_string(pid).unwrap();
    let killed = std::process::Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap();
    assert!(killed.success());
}

#[tokio::test]
async fn pods_are_scaled_lag_freeze_and_crash_and_the_next_run_works_whatever_they_were_left_in() {
    let mut servers = SeparateCluster::start(1).await.unwrap();
    assert_refuses_what_is_not_possible(&mut servers.cluster).await;
    write(&servers.cluster, "a").await;
    scale_out(&mut servers.cluster).await;
    lag(&mut servers.cluster).await;
    freeze(&mut servers.cluster).await;
    crash(&mut servers).await;
    scale_in_and_out(&mut servers).await;
    leave_and_start_again(servers).await;
}

/// The cache also remembers that a pod was missing.
async fn scale_out(cluster: &mut LocalCluster) {
    cluster.set_dns_cache(Some(600));
    assert_eq!(ask(cluster, "mysql-2.mysql").await, Said::Nothing(ResponseCode::NXDomain, 600));

    cluster.scale(3).unwrap();
    told(cluster, &["mysql-1 starts at"]).await;
    told(cluster, &["mysql-2 starts at"]).await;
    let cached = ask(cluster, "mysql-2.mysql").await;
    assert!(matches!(cached, Said::Nothing(ResponseCode::NXDomain, _)), "{cached:?}");
    cluster.set_dns_cache(None);
    assert_eq!(ask(cluster, "mysql-2.mysql").await, there(cluster, &[2], 30));

    // In either order.
    let mut ready = String::new();
    while !(ready.contains("mysql-1 is ready") && ready.contains("mysql-2 is ready")) {
        ready += &told(cluster, &["is ready"]).await;
    }
}

async fn lag(cluster: &mut LocalCluster) {
    cluster.lag(1).await.unwrap();
    told(cluster, &["mysql-1 is not ready: ", "cannot apply: it was stopped; mysql-read leaves"])
        .await;
    assert!(!cluster.is_ready(1) && state(cluster, 1).starts_with("not ready: "));
    write(cluster, "b").await;
    until_sql(cluster, 2, NOTES, "a,b").await;
    assert_eq!(cluster.sql(1, NOTES).await.unwrap(), "a");

    cluster.catch_up(1).await.unwrap();
    told(cluster, &["mysql-1 is ready: mysql-read sends it connections again"]).await;
    until_sql(cluster, 1, NOTES, "a,b").await;
}

async fn freeze(cluster: &mut LocalCluster) {
    cluster.freeze(2).unwrap();
    assert_eq!(state(cluster, 2), "frozen");
    for refusal in [cluster.freeze(2), cluster.lag(2).await] {
        let said = refusal.unwrap_err().to_string();
        assert!(said.starts_with("mysql-2 is frozen"), "{said}");
    }
    told(cluster, &["mysql-2 is not ready: it is frozen", "liveness probe has it restarted"]).await;
    cluster.thaw(2).unwrap();
    told(cluster, &["mysql-2 is ready"]).await;
}

/// A server that was killed starts again at its address.
async fn crash(servers: &mut SeparateCluster) {
    let before = servers.cluster.status()[1].clone();
    kill_server(servers, 1);
    let cluster = &mut servers.cluster;
    told(cluster, &["mysql-1 ended with signal: 9", "it starts again in 2 s"]).await;
    assert!(state(cluster, 1).starts_with("ended: it starts again in "), "{}", state(cluster, 1));
    assert_eq!(ask(cluster, "mysql-1.mysql").await, there(cluster, &[1], 30));
    told(cluster, &["mysql-1 starts again, at its address", "mysql-1.previous.log"]).await;
    told(cluster, &["mysql-1 is ready"]).await;
    let after = servers.cluster.status()[1].clone();
    assert_eq!((after.address, after.restarts), (before.address, before.restarts + 1));
}

/// The highest pod ends, and comes back with its volume at another address.
async fn scale_in_and_out(servers: &mut SeparateCluster) {
    let cluster = &mut servers.cluster;
    let before = cluster.address(2);
    cluster.scale(2).unwrap();
    assert_eq!(state(cluster, 2), "ending");
    told(cluster, &["mysql-2 ended, and its volume stays"]).await;
    assert_eq!(cluster.status().len(), 2);
    assert_eq!(ask(cluster, "mysql-2.mysql").await, MISSING);
    write(cluster, "c").await;
    cluster.scale(3).unwrap();
    told(cluster, &["mysql-2 starts at"]).await;
    assert_ne!(cluster.address(2), before);
    told(cluster, &["mysql-2 is ready"]).await;
    until_sql(cluster, 2, NOTES, "a,b,c").await;
    let log = std::fs::read_to_string(servers.volumes.path().join("mysql-2.log")).unwrap();
    assert!(!log.contains("clone"), "{log}");
}

/// Stops with a replica that lags and one that is frozen, and starts with fewer pods.
async fn leave_and_start_again(servers: SeparateCluster) {
    let SeparateCluster { mut cluster, volumes, run } = servers;
    let [_, a, b, _] = cluster.address(0).octets();
    assert_eq!(a, TEST_NETWORKS);
    cluster.lag(1).await.unwrap();
    write(&cluster, "d").await;
    cluster.freeze(2).unwrap();
    let begun = Instant::now();
    cluster.stop().await.unwrap();
    // A server that does not stop is killed after 60 s.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());

    let network = claim([a, b]).await;
    let mut cluster = LocalCluster::start(Plan {
        volumes: volumes.path().to_owned(),
        run: run.path().to_owned(),
        cache: cache_folder().unwrap(),
        network,
        pods: 2,
        credentials: Files::mysql_credentials().unwrap(),
        wait: DEADLINE,
        progress: |_| {},
    })
    .await
    .unwrap();
    until_sql(&mut cluster, 1, NOTES, "a,b,c,d").await;
    cluster.stop().await.unwrap();
}

/// Claims a network that was left a moment ago.
async fn claim(numbers: [u8; 2]) -> Network {
    // A program that another test is just starting holds this process's sockets until it begins.
    let end = Instant::now() + DEADLINE;
    loop {
        match Network::claim(numbers) {
            Ok(network) => return network,
            Err(error) => assert!(Instant::now() < end, "{error:#}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

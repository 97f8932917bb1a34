//! Both Services, real ones: kube-proxy behind `mysql-read`, CoreDNS behind `mysql`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use demo::for_tests::is_a_fair_coin;
use serde_json::Value;

use crate::{
    deployment::deployment,
    kubectl::{field, is_ready, until},
    node_faults::{Signal, signal},
    registration::{get, new_email, register, wait_for_user},
    servers_killed::make_new_where_it_was_restarted,
};

/// How much later than the cluster read-app may know it.
const VISIBLE: Duration = Duration::from_secs(2);

/// How many of these queries each pod answered.
fn counts(query: &str, queries: u32) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..queries {
        let body = get(&format!("/users?{query}")).unwrap();
        *counts.entry(body["mysql_pod"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// How read-app sees a pod: its address, and whether it answers.
fn seen(pod: &str) -> Result<(String, bool), String> {
    let body = get("/pods")?;
    let pods = body["pods"].as_array().unwrap();
    let found = pods.iter().find(|one| one["name"] == pod);
    let found = found.ok_or_else(|| format!("no {pod} in {body}"))?;
    Ok((found["address"].as_str().unwrap().to_owned(), found["answers"] == true))
}

/// Waits until read-app sees both pods at their addresses. A DNS server with a cache may take 30 s to answer so.
pub(crate) fn wait_until_seen() {
    for pod in ["mysql-0", "mysql-1"] {
        let address = field(&format!("pod/{pod}"), ".status.podIP");
        until(&format!("read-app to see {pod}"), || match seen(pod)? {
            (seen, true) if seen == address => Ok(()),
            other => Err(format!("{other:?}, not at {address}")),
        });
    }
}

#[test]
fn a_service_and_each_strategy_of_a_client_spread_as_they_should() {
    let _turn = deployment();
    let email = new_email();
    register(&email);
    wait_for_user("mysql-1", &email);
    wait_until_seen();

    // A fair coin fails three times in a row once in 10^9 times.
    let series: Vec<_> = (0..3).map(|_| counts("via=mysql-read&with=new", 200)).collect();
    assert!(
        series.iter().any(|counts| is_a_fair_coin(&counts.values().copied().collect::<Vec<_>>())),
        "{series:?}"
    );
    assert_eq!(counts("via=mysql-read&with=pool", 50).len(), 1);
    let turns = counts("via=mysql&strategy=round-robin", 50);
    assert_eq!(turns.values().collect::<BTreeSet<_>>(), BTreeSet::from([&25]), "{turns:?}");
    assert_eq!(counts("via=mysql&strategy=random", 50).len(), 2);
    assert_eq!(counts("via=mysql&strategy=sticky&user=ada", 50).len(), 1);
}

#[test]
fn the_page_shows_what_the_cluster_s_dns_answers() {
    let _turn = deployment();
    wait_until_seen();

    let names = get("/names").unwrap();

    let values = |name: &str| -> BTreeSet<String> {
        let answers = names["answers"].as_array().unwrap();
        let answer = answers.iter().find(|answer| answer["name"] == name).unwrap();
        let records = answer["records"].as_array().unwrap();
        assert!(records.iter().all(|record| record["ttl"].as_u64().unwrap() <= 30), "{answer}");
        records.iter().map(|record| record["value"].as_str().unwrap().to_owned()).collect()
    };
    let address = |pod: &str| field(&format!("pod/{pod}"), ".status.podIP");
    assert_eq!(values("mysql"), BTreeSet::from([address("mysql-0"), address("mysql-1")]));
    assert_eq!(values("mysql-0.mysql"), BTreeSet::from([address("mysql-0")]));
    assert_eq!(
        values("mysql-read"),
        BTreeSet::from([field("service/mysql-read", ".spec.clusterIP")])
    );
    let members = values("_mysql._tcp.mysql");
    assert!(members.len() == 2 && members.iter().all(|one| one.ends_with(" 3306")), "{members:?}");
}

#[test]
fn a_pod_that_dies_and_comes_back_is_seen_at_once() {
    let _turn = deployment();
    make_new_where_it_was_restarted("mysql-1");
    wait_until_seen();

    signal("mysql-1", Signal::Kill);
    until("the cluster to know that mysql-1 is not ready", || match is_ready("mysql-1") {
        true => Err("it is ready".to_owned()),
        false => Ok(()),
    });
    let died = visible_after(false);
    until("mysql-1 to be ready", || match is_ready("mysql-1") {
        true => Ok(()),
        false => Err("it is not".to_owned()),
    });
    let came_back = visible_after(true);

    println!(
        "figure: read-app saw mysql-1 die within {died:.1?}, and come back within {came_back:.1?}"
    );
    assert!(died <= VISIBLE && came_back <= VISIBLE, "{died:?}, {came_back:?}");
}

/// How long read-app takes to see that mysql-1 answers, or that it does not.
fn visible_after(answers: bool) -> Duration {
    let start = Instant::now();
    until("read-app to see it", || match seen("mysql-1")? {
        (_, seen) if seen == answers => Ok(()),
        other => Err(format!("{other:?}")),
    });
    start.elapsed()
}

#[test]
fn what_was_written_is_read_back_by_its_token_from_any_pod() {
    let _turn = deployment();

    for _ in 0..20 {
        let written: Value = register(&new_email());
        let token = written["gtid"].as_str().unwrap();
        let body = get(&format!("/users?after={token}")).unwrap();
        assert_eq!(body["users"][0]["id"], written["id"], "{body}");
    }
}

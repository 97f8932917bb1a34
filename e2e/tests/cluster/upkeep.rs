//! What an operator does on purpose: drains and updates.

use std::{thread, time::Duration};

use e2e::repetitions;

use crate::{
    deployment::{deployment, restart_apps},
    kubectl::{DEADLINE, OUR_MYSQL, mysql_pods, node_of, ready_mysql_pods, restart, try_kubectl},
    scenario::Scenario,
    traffic::Load,
};

/// Cordoned nodes. They are uncordoned when this is dropped, also when the test fails.
struct Cordoned(Vec<String>);

impl Drop for Cordoned {
    fn drop(&mut self) {
        for node in &self.0 {
            let _ = try_kubectl(&["uncordon", node]);
        }
    }
}

/// Evicts the MySQL pods of these nodes, one node after the other, as the disruption budget allows.
fn drain(nodes: &[String], seconds: u64) -> Result<String, String> {
    let timeout = format!("--timeout={seconds}s");
    let mut arguments = vec!["drain", "--ignore-daemonsets", "--delete-emptydir-data", &timeout];
    let ours = format!("--pod-selector={OUR_MYSQL}");
    arguments.push(&ours);
    arguments.extend(nodes.iter().map(String::as_str));
    try_kubectl(&arguments)
}

/// Evicts the MySQL pods of a node, and lets them come back.
fn drain_and_uncordon(node: String) {
    let cordoned = Cordoned(vec![node]);
    drain(&cordoned.0, DEADLINE.as_secs()).unwrap();
}

#[test]
fn the_node_of_a_replica_is_drained_and_no_request_fails() {
    let _turn = deployment();
    let scenario = Scenario::begin("node of mysql-1 drained");

    drain_and_uncordon(node_of("mysql-1"));

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

/// How long both nodes are drained: long enough to evict every pod that the budget does not protect.
const BOTH_DRAINED: Duration = Duration::from_secs(20);

#[test]
fn a_drain_of_all_nodes_leaves_one_mysql_pod() {
    let _turn = deployment();
    let scenario = Scenario::begin("both nodes drained");
    let nodes = mysql_pods().iter().map(|pod| node_of(pod)).collect();

    let cordoned = Cordoned(nodes);
    let refusal = thread::scope(|scope| {
        let drain = scope.spawn(|| drain(&cordoned.0, BOTH_DRAINED.as_secs()));
        while !drain.is_finished() {
            assert_ne!(ready_mysql_pods(), [""; 0], "no MySQL pod was left");
        }
        drain.join().unwrap().unwrap_err()
    });
    drop(cordoned);

    assert!(refusal.contains("disruption budget"), "{refusal}");
    let outcome = scenario.heal(2);
    outcome.assert_reads_went_on();
}

#[test]
fn a_rolling_update_of_all_mysql_pods_loses_nothing() {
    let _turn = deployment();
    let scenario = Scenario::begin("MySQL updated");

    restart(&["statefulset/mysql"]);

    let outcome = scenario.heal(2);
    outcome.assert_reads_went_on();
}

#[test]
fn rolling_updates_of_both_apps_break_no_request() {
    let _turn = deployment();
    let load = Load { writers: 5, readers: 5, rest: Duration::from_millis(10) };
    let scenario = Scenario::begin_with("both apps updated again and again", load);

    for _ in 0..repetitions(2, 5) {
        restart_apps();
    }

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

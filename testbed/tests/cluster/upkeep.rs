//! What an operator does on purpose: drains, updates, new passwords.

use std::{thread, time::Duration};

use crate::{
    deployment::deployment,
    kubectl::{DEADLINE, is_ready, kubectl, mysql_pods, node_of, sql, try_kubectl},
    scenario::Scenario,
};

/// Nodes that are open for pods again when this goes, also after a failure.
struct Cordoned(Vec<String>);

impl Drop for Cordoned {
    fn drop(&mut self) {
        for node in &self.0 {
            let _ = try_kubectl(&["uncordon", node]);
        }
    }
}

/// Evicts the MySQL pods of these nodes, one node after the other, as far as the disruption budget
/// allows.
fn drain(nodes: &[String], seconds: u64) -> Result<String, String> {
    let timeout = format!("--timeout={seconds}s");
    let mut arguments = vec!["drain", "--ignore-daemonsets", "--delete-emptydir-data", &timeout];
    arguments.push("--pod-selector=app.kubernetes.io/name=mysql");
    arguments.extend(nodes.iter().map(String::as_str));
    try_kubectl(&arguments)
}

/// Evicts the MySQL pods of a node, and lets them come back.
fn drain_and_uncordon(node: String) {
    let cordoned = Cordoned(vec![node]);
    drain(&cordoned.0, DEADLINE.as_secs()).unwrap();
}

#[test]
fn the_node_of_a_replica_is_drained_and_nobody_notices() {
    let _turn = deployment();
    let scenario = Scenario::begin("node of mysql-1 drained");

    drain_and_uncordon(node_of("mysql-1"));

    let outcome = scenario.heal(2);
    assert_eq!(outcome.failed_reads, 0, "{}", outcome.refused_reads);
    assert_eq!(outcome.failed_writes, 0, "{}", outcome.refused_writes);
}

/// How long both nodes are being drained: long enough to evict all that the budget does not hold.
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
            assert!(mysql_pods().iter().any(|pod| is_ready(pod)), "no MySQL pod was left");
        }
        drain.join().unwrap().unwrap_err()
    });
    drop(cordoned);

    assert!(refusal.contains("disruption budget"), "{refusal}");
    let outcome = scenario.heal(2);
    assert_eq!(outcome.failed_reads, 0, "{}", outcome.refused_reads);
}

fn rollout(what: &[&str]) {
    let timeout = format!("--timeout={}s", DEADLINE.as_secs());
    kubectl(&[&["rollout", "restart"], what].concat());
    for one in what {
        kubectl(&["rollout", "status", one, &timeout]);
    }
}

#[test]
fn a_rolling_update_of_all_mysql_pods_loses_nothing() {
    let _turn = deployment();
    let scenario = Scenario::begin("MySQL updated");

    rollout(&["statefulset/mysql"]);

    let outcome = scenario.heal(2);
    assert_eq!(outcome.failed_reads, 0, "{}", outcome.refused_reads);
}

const APPS: &str = "--selector=app.kubernetes.io/name in (write-app, read-app)";

/// Gives both apps' accounts new passwords, as the documentation says: both the old and the new one
/// are valid until the last app with the old one is gone.
fn rotate_passwords(suffix: &str) {
    let password = |account: &str| format!("{account}-{suffix}");
    for account in ["appuser", "reader"] {
        let new = password(account);
        sql(
            "mysql-0",
            &format!("ALTER USER '{account}'@'%' IDENTIFIED BY '{new}' RETAIN CURRENT PASSWORD"),
        );
    }
    let secret = serde_json::json!({ "stringData": {
        "appuser-password": password("appuser"), "reader-password": password("reader"),
    }});
    kubectl(&["patch", "secret", "mysql-credentials", "--patch", &secret.to_string()]);
    let old = kubectl(&["get", "pods", APPS, "--output=name"]);
    rollout(&["deployment/write-app", "deployment/read-app"]);
    // An app that was told to stop serves on for a while, with the old password.
    let timeout = format!("--timeout={}s", DEADLINE.as_secs());
    let gone = old.lines().collect::<Vec<_>>();
    kubectl(&[&["wait", "--for=delete", &timeout], &gone[..]].concat());
    for account in ["appuser", "reader"] {
        sql("mysql-0", &format!("ALTER USER '{account}'@'%' DISCARD OLD PASSWORD"));
    }
}

#[test]
fn passwords_are_changed_and_no_request_fails() {
    let _turn = deployment();
    let scenario = Scenario::begin("passwords changed");

    rotate_passwords("changed-password");
    rotate_passwords("demo-password");

    let outcome = scenario.heal(2);
    assert_eq!(outcome.failed_reads, 0, "{}", outcome.refused_reads);
    assert_eq!(outcome.failed_writes, 0, "{}", outcome.refused_writes);
}

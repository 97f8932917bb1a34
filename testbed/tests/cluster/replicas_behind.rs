//! Replicas that fall behind, or stop, while their pods run.

use crate::{
    deployment::deployment,
    kubectl::{Session, is_ready, kubectl, sql, until},
    node_faults::{cut_off, node_without_control_plane},
    registration::{new_email, register},
    scenario::Scenario,
};
use std::time::Duration;

/// Waits until mysql-1 is no longer ready for a reason, which its events tell.
fn wait_until_unready_because(reason: &str) -> Duration {
    let (_, took) = until("mysql-1 to leave mysql-read", || {
        if is_ready("mysql-1") { Err("it is ready".to_owned()) } else { Ok(()) }
    });
    let of_the_pod = "--field-selector=involvedObject.name=mysql-1,reason=Unhealthy";
    until("an event that says why", || {
        let messages = "--output=jsonpath={.items[*].message}";
        let events = kubectl(&["get", "events", of_the_pod, messages]);
        if events.contains(reason) { Ok(()) } else { Err(events) }
    });
    took
}

#[test]
fn a_replica_over_30_s_behind_leaves_the_reads_says_why_and_comes_back() {
    let _turn = deployment();
    let scenario = Scenario::begin("mysql-1 slowed down");

    // The applier waits for this session, while the log goes on arriving.
    let session = Session::open("mysql-1", "LOCK TABLES userdb.users READ");
    let took = wait_until_unready_because("over 30 s behind the primary");
    println!("figure: a stuck replica left mysql-read after {:.1} s", took.as_secs_f64());
    drop(session);

    let outcome = scenario.heal(2);
    assert_eq!(outcome.failed_reads, 0, "{}", outcome.refused_reads);
    assert_eq!(outcome.failed_writes, 0, "{}", outcome.refused_writes);
}

/// Changes a replica behind its primary's back, as only root in the pod can.
fn change_behind_the_primary(statement: &str) {
    let script = format!(
        "SET sql_log_bin = 0; SET GLOBAL super_read_only = OFF; {statement}; \
         SET GLOBAL super_read_only = ON"
    );
    sql("mysql-1", &script);
}

#[test]
fn a_replica_that_cannot_apply_leaves_the_reads_says_why_and_can_be_repaired() {
    let _turn = deployment();
    let scenario = Scenario::begin("mysql-1 cannot apply");
    let email = new_email();

    // Far above the keys that registrations have by now: the email alone is in the way.
    change_behind_the_primary(&format!(
        "INSERT INTO userdb.users (id, name, email) VALUES (1000000000, 'Ada', '{email}')"
    ));
    register(&email);
    wait_until_unready_because("replication cannot apply");
    change_behind_the_primary("DELETE FROM userdb.users WHERE id = 1000000000");
    sql("mysql-1", "START REPLICA");

    let outcome = scenario.heal(2);
    assert_eq!(outcome.failed_reads, 0, "{}", outcome.refused_reads);
    assert_eq!(outcome.failed_writes, 0, "{}", outcome.refused_writes);
}

/// Long enough for the cluster to give the node up.
const CUT: Duration = Duration::from_secs(30);

#[test]
fn a_node_that_was_cut_off_joins_again_and_nothing_is_lost() {
    let _turn = deployment();
    let node = node_without_control_plane();
    let scenario = Scenario::begin("node cut off for 30 s");

    cut_off(&node, CUT);
    std::thread::sleep(CUT);

    scenario.heal(2);
}

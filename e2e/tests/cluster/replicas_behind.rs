//! Replicas that fall behind, or stop, while their pods run.

use std::time::Duration;

use crate::{
    deployment::deployment,
    kubectl::{Session, is_ready, kubectl, restarts, sql, try_kubectl, until, wait_for_ready_pods},
    node_faults::{
        cut_off, node_without_control_plane, wait_until_heard_from, wait_until_kubelets_follow,
    },
    registration::{new_email, register},
    scaling::{scale, scale_in},
    scenario::Scenario,
    servers_killed::{make_new_where_it_was_restarted, wait_for_restart},
};

/// Waits until mysql-1 is no longer ready and its probe says why. (`kubectl describe` shows the reason too, but the
/// kubelet reports few events of a pod that has had many.)
fn wait_until_unready_because(reason: &str) -> Duration {
    let (_, took) = until("mysql-1 to leave mysql-read", || {
        if is_ready("mysql-1") { Err("it is ready".to_owned()) } else { Ok(()) }
    });
    let probe = "bash /etc/mysql-scripts/probe.sh ready >&2";
    let probe = ["exec", "mysql-1", "--", "bash", "-c", probe];
    until("the probe to say why", || match try_kubectl(&probe) {
        Err(said) if said.contains(reason) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    took
}

#[test]
fn a_replica_over_30_s_behind_leaves_the_reads_says_why_and_comes_back() {
    let _turn = deployment();
    let scenario = Scenario::begin("mysql-1 slowed down");

    // The applier thread waits for this lock, while the receiver thread goes on storing the log.
    let session = Session::open("mysql-1", "LOCK TABLES userdb.users READ");
    let took = wait_until_unready_because("has been applying one transaction for over 30 s");
    println!("figure: a stuck replica left mysql-read after {:.1} s", took.as_secs_f64());
    drop(session);

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

/// Changes data on a replica alone, which only root in the pod can do.
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

    // This id is far above those of all registrations, so only the email conflicts.
    change_behind_the_primary(&format!(
        "INSERT INTO userdb.users (id, name, email) VALUES (1000000000, 'Ada', '{email}')"
    ));
    register(&email);
    wait_until_unready_because("replication cannot apply");
    change_behind_the_primary("DELETE FROM userdb.users WHERE id = 1000000000");
    sql("mysql-1", "START REPLICA");

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

/// Some clusters mark a node as lost within this time; by default Kubernetes waits longer. Nothing may be lost in
/// either case.
const CUT: Duration = Duration::from_secs(30);

#[test]
fn a_node_that_was_cut_off_joins_again_and_nothing_is_lost() {
    let _turn = deployment();
    let node = node_without_control_plane();
    let scenario = Scenario::begin("node cut off for 30 s");

    cut_off(&node, CUT);
    std::thread::sleep(CUT);
    wait_until_heard_from(&node);

    scenario.heal(2);
    wait_until_kubelets_follow();
}

/// Deletes the primary's binary logs up to this moment.
///
/// MySQL keeps a log that a dump thread still reads, and the dump thread of a replica that has gone lives
/// until it next sends something.
/// <https://dev.mysql.com/doc/refman/9.7/en/purge-binary-logs.html>
fn purge_logs() {
    sql("mysql-0", "FLUSH BINARY LOGS");
    until("the primary to have no log but the newest", || {
        sql("mysql-0", "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
        let logs = sql("mysql-0", "SHOW BINARY LOGS");
        if logs.lines().count() == 1 { Ok(()) } else { Err(logs) }
    });
}

#[test]
fn a_replica_that_comes_back_after_its_log_was_purged_clones_anew() {
    let _turn = deployment();
    scale(3);
    wait_for_ready_pods(3);
    let scenario = Scenario::begin("purged while a replica was away");

    // The claim of mysql-2 stays, and so does its data.
    scale(2);
    wait_for_ready_pods(2);
    register(&new_email());
    purge_logs();
    scale(3);

    let outcome = scenario.heal(3);
    let log = kubectl(&["logs", "mysql-2"]);
    assert!(log.contains("cloning it anew"), "{log}");
    scale_in();
    outcome.assert_reads_went_on();
}

#[test]
fn a_purge_under_a_replica_that_is_behind_takes_it_out_of_the_reads_and_heals_by_itself() {
    let _turn = deployment();
    make_new_where_it_was_restarted("mysql-1");
    let before = restarts("mysql-1");
    let scenario = Scenario::begin("purged under a replica that is behind");

    sql("mysql-1", "STOP REPLICA IO_THREAD");
    register(&new_email());
    purge_logs();
    sql("mysql-1", "START REPLICA IO_THREAD");
    wait_until_unready_because("replication cannot receive");
    wait_for_restart("mysql-1", before);

    let outcome = scenario.heal(2);
    let log = kubectl(&["logs", "mysql-1"]);
    assert!(log.contains("cloning it anew"), "{log}");
    outcome.assert_reads_went_on();
}

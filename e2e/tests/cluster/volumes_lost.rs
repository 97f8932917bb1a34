//! Volumes that are lost or emptied, and what a pod says when it must not start.

use crate::{
    deployment::deployment,
    document,
    kubectl::{field, kubectl, sql, until, wait_for_ready_pods},
    node_faults::{Signal, signal},
    registration::wait_until_a_replica_acknowledges,
    scaling::scale,
    scenario::Scenario,
    servers_killed::make_new_where_it_was_restarted,
};

/// Deletes a pod, its claim and so its volume, as docs/mysql-states.md says.
fn lose_volume(pod: &str) {
    kubectl(&["delete", &format!("pvc/data-{pod}"), &format!("pod/{pod}")]);
}

/// Empties the volume of a server, and kills the server. It is stopped meanwhile: a running server would write to
/// files that are no longer there.
fn lose_content_of_volume(pod: &str) {
    signal(pod, Signal::Stop);
    kubectl(&["exec", pod, "--", "rm", "-r", "/var/lib/mysql/data"]);
    signal(pod, Signal::Kill);
}

fn wait_for_log(pod: &str, words: &str) {
    until(&format!("{pod} to say \"{words}\""), || {
        let log = kubectl(&["logs", pod]);
        let last = log.lines().last().unwrap_or_default().to_owned();
        if last.contains(words) { Ok(()) } else { Err(last) }
    });
}

#[test]
fn a_replica_whose_volume_is_lost_clones_the_primary() {
    let _turn = deployment();
    let scenario = Scenario::begin("volume of mysql-1 lost");

    lose_volume("mysql-1");

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

#[test]
fn a_primary_whose_volume_is_lost_is_rebuilt_from_its_replica() {
    let _turn = deployment();
    let scenario = Scenario::begin("volume of mysql-0 lost");

    lose_volume("mysql-0");

    let outcome = scenario.heal(2);
    outcome.assert_reads_went_on();
    let log = kubectl(&["logs", "mysql-0"]);
    assert!(log.contains("rebuilding the primary from mysql-1"), "{log}");
}

#[test]
fn a_primary_whose_disk_is_emptied_while_it_writes_is_rebuilt_from_its_replica() {
    let _turn = deployment();
    make_new_where_it_was_restarted("mysql-0");
    wait_until_a_replica_acknowledges();
    let scenario = Scenario::begin("disk of mysql-0 emptied");

    lose_content_of_volume("mysql-0");

    scenario.heal(2);
    let log = kubectl(&["logs", "mysql-0"]);
    assert!(log.contains("rebuilding the primary from mysql-1"), "{log}");
}

#[test]
fn a_primary_whose_disk_is_emptied_waits_for_the_replica_that_is_away() {
    let _turn = deployment();
    make_new_where_it_was_restarted("mysql-0");
    wait_until_a_replica_acknowledges();
    let users = sql("mysql-0", "SELECT COUNT(*) FROM userdb.users");
    scale(1);
    wait_for_ready_pods(1);

    lose_content_of_volume("mysql-0");

    wait_for_log(
        "mysql-0",
        "waiting: mysql-1 does not say whether it has data (it has no address)",
    );
    scale(2);
    wait_for_ready_pods(2);
    assert_eq!(sql("mysql-0", "SELECT COUNT(*) FROM userdb.users"), users);
}

#[test]
fn a_replica_with_an_errant_transaction_refuses_and_says_how_to_go_on() {
    let _turn = deployment();
    let errant = "SET GLOBAL super_read_only = OFF; CREATE DATABASE errant; SELECT @@server_uuid";
    let uuid = sql("mysql-1", errant);
    let scenario = Scenario::begin("errant transaction on mysql-1");

    kubectl(&["delete", "pod", "mysql-1"]);

    let reason = format!("mysql-1 has transactions that mysql-0 lacks: {uuid}:1.");
    until("the container to end with a reason", || {
        let path = ".status.containerStatuses[0].lastState.terminated.message";
        let message = field("pod/mysql-1", path);
        let last = message.trim().lines().last().unwrap_or_default();
        if last.contains(&reason) { Ok(()) } else { Err(message) }
    });
    // This is what the reason tells the operator to do.
    lose_volume("mysql-1");
    let outcome = scenario.heal(2);
    outcome.assert_reads_went_on();
}

#[test]
fn the_document_shows_what_an_errant_transaction_changed() {
    let _turn = deployment();
    sql(
        "mysql-1",
        "SET GLOBAL super_read_only = OFF; CREATE TABLE userdb.errant (id INT PRIMARY KEY)",
    );

    let difference = document::run("docs/mysql-states.md", &["errant"]);

    assert!(difference.contains("> CREATE TABLE `errant`"), "{difference}");
    lose_volume("mysql-1");
    wait_for_ready_pods(2);
}

#[test]
fn one_command_shows_how_replication_stands() {
    let _turn = deployment();

    until("the status of two pods", || {
        let status = kubectl(&["exec", "mysql-0", "--", "bash", "/etc/mysql-scripts/status.sh"]);
        let rows = status.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
        let expected = ["mysql-0 primary - 0 0", "mysql-1 replica ON 0 0"];
        if rows.skip(1).eq(expected) { Ok(()) } else { Err(status) }
    });
}

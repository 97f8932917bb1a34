//! Servers that die or freeze while their pods stay.

use std::time::{Duration, Instant};

use e2e::repetitions;

use crate::{
    deployment::deployment,
    kubectl::{liveness_patience, restarts, until},
    node_faults::{Signal, kill_and_freeze_successor, signal},
    pods_deleted::replace,
    registration::{new_email, register},
    scenario::Scenario,
};

/// How long a commit waits for a replica before the primary goes on alone: primary.cnf.
const SEMI_SYNC_TIMEOUT: Duration = Duration::from_secs(3);

/// Replaces a pod whose container was restarted. The kubelet waits longer before each restart of a container, and
/// starts the containers of a new pod at once.
pub(crate) fn make_new_where_it_was_restarted(pod: &str) {
    if restarts(pod) > 0 {
        replace(pod);
    }
}

/// Kills a server, and waits until the kubelet has restarted its container.
pub(crate) fn kill(pod: &str) {
    let before = restarts(pod);
    signal(pod, Signal::Kill);
    wait_for_restart(pod, before);
}

/// Waits until the kubelet has restarted a container once more.
pub(crate) fn wait_for_restart(pod: &str, before: u32) {
    until(&format!("{pod} to be started again"), || match restarts(pod) {
        now if now > before => Ok(()),
        _ => Err("it is not".to_owned()),
    });
}

/// Kills a server again and again while clients register: each time as soon as it serves again. The kubelet waits
/// 10 s before the second restart and 20 s before the third.
fn kill_again_and_again(pod: &str, name: &'static str) {
    make_new_where_it_was_restarted(pod);
    let scenario = Scenario::begin(name);
    let times = repetitions(2, 3);
    for _ in 0..times {
        kill(pod);
        scenario.traffic().wait_until_served();
    }
    let outcome = scenario.heal(2);
    println!("figure: {pod} killed {times} times: {} writes refused", outcome.failed_writes);
}

#[test]
fn a_primary_that_is_killed_again_and_again_loses_nothing() {
    let _turn = deployment();

    kill_again_and_again("mysql-0", "mysql-0 killed again and again");
}

#[test]
fn a_replica_that_is_killed_again_and_again_loses_nothing() {
    let _turn = deployment();

    kill_again_and_again("mysql-1", "mysql-1 killed again and again");
}

#[test]
fn a_frozen_replica_delays_one_registration_and_no_others() {
    let _turn = deployment();
    let restarts_before = restarts("mysql-1");
    let scenario = Scenario::begin("mysql-1 frozen");

    signal("mysql-1", Signal::Stop);
    let slowest = scenario.wait_for_slow_write(SEMI_SYNC_TIMEOUT);
    let later: Vec<Duration> = (0..5).map(|_| time_to_register()).collect();
    signal("mysql-1", Signal::Continue);

    let outcome = scenario.heal(2);
    println!("figure: with a frozen replica one registration took {:.1} s", slowest.as_secs_f64());
    // A registration that waits for the replica takes at least the timeout, on any machine.
    assert!(slowest < SEMI_SYNC_TIMEOUT * 2, "{slowest:?}");
    assert!(later.iter().all(|took| *took < SEMI_SYNC_TIMEOUT), "{later:?}");
    outcome.assert_writes_went_on();
    assert_eq!(restarts("mysql-1"), restarts_before);
}

#[test]
fn a_replica_that_is_frozen_for_good_is_started_again() {
    let _turn = deployment();
    make_new_where_it_was_restarted("mysql-1");
    let before = restarts("mysql-1");
    let scenario = Scenario::begin("mysql-1 frozen for good");

    signal("mysql-1", Signal::Stop);
    wait_for_restart("mysql-1", before);

    let outcome = scenario.heal(2);
    outcome.assert_writes_went_on();
}

fn time_to_register() -> Duration {
    let start = Instant::now();
    register(&new_email());
    start.elapsed()
}

#[test]
fn a_recovery_that_takes_minutes_is_left_in_peace() {
    let _turn = deployment();
    make_new_where_it_was_restarted("mysql-1");
    let scenario = Scenario::begin("mysql-1 slow to recover");

    // A server that is frozen from its start answers no probe, like a server that recovers from a long log.
    kill_and_freeze_successor("mysql-1");
    std::thread::sleep(liveness_patience() * 3 / 2);
    signal("mysql-1", Signal::Continue);

    let outcome = scenario.heal(2);
    assert_eq!(restarts("mysql-1"), 1, "only the kill started it again");
    outcome.assert_writes_went_on();
}

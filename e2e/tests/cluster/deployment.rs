//! Applying the folder.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use rand::seq::SliceRandom as _;

use crate::{
    clients::wait_for_node_ports,
    figures::begin_table,
    kubectl::{
        NAMESPACE, kubectl, restart, timeout, until, wait_for, wait_for_ready_pods,
        wait_for_rollout,
    },
    node_faults::delete_fault_pods,
    registration::{users, wait_until_a_replica_acknowledges},
    scenario::Scenario,
};

/// Both apps.
pub(crate) const APPS: [&str; 2] = ["deployment/write-app", "deployment/read-app"];

/// What the last test left behind.
pub(crate) enum Left {
    /// No test has had a turn yet.
    Nothing,
    /// The folder, applied and whole.
    Whole,
    /// The folder is being applied. Where this is all that a failed test left, there is no use in going on.
    Half,
}

/// The turn of one test. The first to have it applies the folder, and so does whoever follows a test that
/// failed, which may have left anything behind.
pub(crate) fn deployment() -> MutexGuard<'static, Left> {
    static TURN: Mutex<Left> = Mutex::new(Left::Nothing);
    let (mut turn, after_failure) = match TURN.lock() {
        Ok(turn) => (turn, false),
        Err(poisoned) => (poisoned.into_inner(), true),
    };
    TURN.clear_poison();
    if matches!(*turn, Left::Half) {
        panic!("kubernetes/ could not be applied: an earlier test says why");
    }
    if matches!(*turn, Left::Nothing) {
        begin_table();
        delete_fault_pods();
    }
    if after_failure || matches!(*turn, Left::Nothing) {
        *turn = Left::Half;
        apply_in_any_order_twice();
        *turn = Left::Whole;
    }
    wait_until_whole();
    turn
}

/// Whatever the last test did to nodes and pods is over.
fn wait_until_whole() {
    wait_for("condition=Ready", &["nodes", "--all"]);
    wait_for_ready_pods(2);
    wait_for("condition=Available", &["deployments", "--all"]);
    wait_until_a_replica_acknowledges();
    until("a list of users", users);
}

/// Replaces the pods of both apps, and returns when those from before are gone: they serve on for a while.
pub(crate) fn restart_apps() {
    restart(&APPS);
    let apps = "--selector=app.kubernetes.io/name in (write-app, read-app)";
    until("two pods of apps", || {
        let names = kubectl(&["get", "pods", apps, "--output=name"]);
        if names.lines().count() == 2 { Ok(()) } else { Err(names) }
    });
    wait_for_node_ports();
}

/// The order of the files must not matter, and neither may a second time.
fn apply_in_any_order_twice() {
    make_empty_namespace();
    let start = Instant::now();
    apply_shuffled_twice();
    wait_for_rollout(&APPS);
    wait_for_ready_pods(2);
    wait_for_node_ports();
    println!("figure: all ready {:.1} s after the first apply", start.elapsed().as_secs_f64());
}

fn apply_shuffled_twice() {
    let mut files = manifests();
    files.shuffle(&mut rand::rng());
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
    println!("applying in this order: {names:?}");
    for file in files.iter().chain(&files) {
        kubectl(&["apply", "--filename", file.to_str().unwrap()]);
    }
}

/// The namespace, without anything that an earlier run left.
fn make_empty_namespace() {
    let timeout = timeout();
    // A namespace that still has pods goes a minute after the last of them.
    kubectl(&["delete", "statefulsets,deployments,pods", "--all", &timeout]);
    kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found", &timeout]);
    kubectl(&["create", "namespace", NAMESPACE]);
    let enforced = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&["label", "namespace", NAMESPACE, enforced]);
}

/// What `kubectl apply -f kubernetes` takes: the folder's files, not those of its folders.
fn manifests() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect()
}

#[test]
fn every_pod_passes_pod_security_restricted_and_runs() {
    let _turn = deployment();

    let phases = kubectl(&["get", "pods", "--output=jsonpath={.items[*].status.phase}"]);
    assert_eq!(phases, "Running Running Running Running");
    // A pod that the namespace does not admit leaves nothing but an event.
    let events = kubectl(&["get", "events", "--output=jsonpath={.items[*].message}"]);
    assert!(!events.contains("violates PodSecurity"), "{events}");
}

#[test]
fn to_apply_all_of_it_again_disturbs_nobody() {
    let _turn = deployment();
    let scenario = Scenario::begin("applied again");

    apply_shuffled_twice();

    let outcome = scenario.heal(2);
    outcome.assert_nobody_noticed();
}

#[test]
fn no_app_was_restarted_while_it_waited_for_mysql() {
    let _turn = deployment();

    let restarts = "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    let apps = "--selector=app.kubernetes.io/name in (write-app, read-app)";

    assert_eq!(kubectl(&["get", "pods", apps, restarts]), "0 0");
}

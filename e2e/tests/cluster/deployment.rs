//! Applying the folder.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    thread,
    time::Instant,
};

use e2e::repetitions;
use rand::seq::SliceRandom as _;

use crate::{
    clients::wait_for_node_ports,
    figures::begin_table,
    kubectl::{
        NAMESPACE, kubectl, restart, timeout, try_kubectl_with_input, until, wait_for,
        wait_for_ready_pods, wait_for_rollout,
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

/// The turn of one test.
pub(crate) struct Turn {
    left: MutexGuard<'static, Left>,
    began: Instant,
}

impl Drop for Turn {
    /// Says how long the test took: most of a run is spent here.
    fn drop(&mut self) {
        let seconds = self.began.elapsed().as_secs();
        println!("took {seconds} s: {}", thread::current().name().unwrap_or_default());
    }
}

/// Waits for this test's turn. The first test applies the folder. So does a test that follows one that
/// failed, which may have left anything behind.
pub(crate) fn deployment() -> Turn {
    static LEFT: Mutex<Left> = Mutex::new(Left::Nothing);
    let (left, after_failure) = match LEFT.lock() {
        Ok(left) => (left, false),
        Err(poisoned) => (poisoned.into_inner(), true),
    };
    LEFT.clear_poison();
    let mut turn = Turn { left, began: Instant::now() };
    if matches!(*turn.left, Left::Half) {
        panic!("kubernetes/ could not be applied: an earlier test says why");
    }
    if matches!(*turn.left, Left::Nothing) {
        begin_table();
        delete_fault_pods();
    }
    if after_failure || matches!(*turn.left, Left::Nothing) {
        *turn.left = Left::Half;
        apply_in_any_order_twice();
        *turn.left = Left::Whole;
    }
    wait_until_whole();
    turn
}

/// Waits until the nodes and pods have recovered from the last test.
fn wait_until_whole() {
    wait_for("condition=Ready", &["nodes", "--all"]);
    wait_for_ready_pods(2);
    wait_for("condition=Available", &["deployments", "--all"]);
    wait_until_a_replica_acknowledges();
    until("a list of users", users);
}

/// Replaces the pods of both apps, and waits until the old ones are gone.
pub(crate) fn restart_apps() {
    restart(&APPS);
    wait_for_new_apps();
}

/// Waits until both apps run as their Deployments say, and the old pods are gone: they go on serving for some seconds.
pub(crate) fn wait_for_new_apps() {
    wait_for_rollout(&APPS);
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

/// Applies the folder over what is there, and waits until all pods run as it says.
pub(crate) fn apply_as_these_tests_need_it() {
    apply_shuffled_twice();
    wait_for_rollout(&APPS);
    wait_for_rollout(&["statefulset/mysql"]);
}

pub(crate) fn apply_shuffled_twice() {
    let mut files = manifests();
    files.shuffle(&mut rand::rng());
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
    println!("applying in this order: {names:?}");
    for file in files.iter().chain(&files) {
        let manifest = with_impatient_liveness(fs::read_to_string(file).unwrap());
        try_kubectl_with_input(&["apply", "--filename=-"], &manifest).unwrap();
    }
}

/// The liveness probe of kubernetes/mysql-statefulset.yaml, less its last line.
const LIVENESS: &str = "          livenessProbe:
            exec:
              command: *alive
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
";

/// Lets the kubelet restart a silent MySQL after 20 s instead of a minute: tests wait for that, or show that it
/// does not happen. Nothing else differs from the folder. With `FIGURES` set, nothing does.
pub(crate) fn with_impatient_liveness(manifest: String) -> String {
    if !manifest.contains("kind: StatefulSet") || repetitions(0, 1) == 1 {
        return manifest;
    }
    assert!(manifest.contains(LIVENESS), "the liveness probe is no longer as these tests know it");
    let impatient = LIVENESS.replace("periodSeconds: 10", "periodSeconds: 4");
    manifest.replace(LIVENESS, &impatient.replace("failureThreshold: 6", "failureThreshold: 5"))
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
fn to_apply_all_of_it_again_fails_no_request() {
    let _turn = deployment();
    let scenario = Scenario::begin("applied again");

    apply_shuffled_twice();

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

#[test]
fn no_app_was_restarted_while_it_waited_for_mysql() {
    let _turn = deployment();

    let restarts = "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    let apps = "--selector=app.kubernetes.io/name in (write-app, read-app)";

    assert_eq!(kubectl(&["get", "pods", apps, restarts]), "0 0");
}

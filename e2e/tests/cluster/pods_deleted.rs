//! Pods that go and come back.

use std::time::{Duration, Instant};

use crate::{
    deployment::deployment,
    kubectl::{DEADLINE, field, kubectl, try_kubectl, wait_for_ready_pods},
    scenario::Scenario,
};

/// Deletes a pod and waits for its successor, which is another pod with the same name.
pub(crate) fn replace(pod: &str) {
    let uid = || field(&format!("pod/{pod}"), ".metadata.uid");
    let before = uid();
    kubectl(&["delete", "pod", pod]);
    let took = wait_for_ready_pods(2);
    assert_ne!(uid(), before);
    println!(
        "figure: {pod} was ready again {:.1} s after the old one was gone",
        took.as_secs_f64()
    );
}

/// Looks up mysql-0 in an older pod until a registration works again. Returns the moment from which DNS answered
/// with the new address, and the moment of that registration.
fn watch_the_name_until_a_write(scenario: &Scenario, ready: Instant) -> (Instant, Instant) {
    let address = field("pod/mysql-0", ".status.podIP");
    let mut moved = None;
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(served) = scenario.traffic().writes().first_served_since(ready) {
            return (moved.unwrap_or(served).min(served), served);
        }
        let answer = try_kubectl(&["exec", "mysql-1", "--", "getent", "ahostsv4", "mysql-0.mysql"]);
        if answer.is_ok_and(|lines| lines.split_whitespace().next() == Some(&address)) {
            moved = moved.or_else(|| Some(Instant::now()));
        } else {
            // Several DNS servers may answer, and each has another cache.
            moved = None;
        }
        assert!(Instant::now() < deadline, "no registration within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_deleted_replica_comes_back_with_its_data_and_no_request_fails() {
    let _turn = deployment();
    let scenario = Scenario::begin("mysql-1 deleted");

    replace("mysql-1");

    let outcome = scenario.heal(2);
    outcome.assert_no_request_failed();
}

#[test]
fn a_deleted_primary_comes_back_with_its_data_while_reads_go_on_and_writes_are_told_to_wait() {
    let _turn = deployment();
    let scenario = Scenario::begin("mysql-0 deleted");

    replace("mysql-0");
    let ready = Instant::now();

    let (moved, served) = watch_the_name_until_a_write(&scenario, ready);
    let dns = moved.saturating_duration_since(ready);
    println!(
        "figure: DNS remembered the old mysql-0 {:.1} s longer than it was gone",
        dns.as_secs_f64()
    );
    let late = served - moved.max(ready);
    println!("figure: registration followed DNS after {:.1} s", late.as_secs_f64());
    // The last attempt at the old address, and a first commit without a replica, take up to 3 s each.
    assert!(
        late < Duration::from_secs(10),
        "registration took {late:?} after DNS knew the address"
    );
    let outcome = scenario.heal(2);
    outcome.assert_reads_went_on();
    assert!(outcome.refused_writes.contains("503 "), "{}", outcome.refused_writes);
    assert!(!outcome.refused_writes.contains("without Retry-After"), "{}", outcome.refused_writes);
}

//! More replicas, and fewer.

use crate::{
    deployment::deployment,
    kubectl::{kubectl, try_sql, wait_for_ready_pods},
    nothing_lost::wait_until_replicated,
    registration::{new_email, register, wait_for_user},
    scenario::Scenario,
};

/// Sets the number of MySQL pods.
pub(crate) fn scale(pods: usize) {
    kubectl(&["scale", "statefulset/mysql", &format!("--replicas={pods}")]);
}

/// Goes back to two pods, and deletes the volumes of the others.
pub(crate) fn scale_in() {
    scale(2);
    wait_for_ready_pods(2);
    let claims = ["data-mysql-2", "data-mysql-3", "data-mysql-4"];
    let delete = ["delete", "persistentvolumeclaims", "--ignore-not-found"];
    kubectl(&[&delete[..], &claims].concat());
}

#[test]
fn a_third_pod_clones_the_primary_and_replicates() {
    let _turn = deployment();
    let (before, after) = (new_email(), new_email());
    register(&before);

    scale(3);
    let took = wait_for_ready_pods(3);

    println!("figure: mysql-2 was ready {:.1} s after the scale-out", took.as_secs_f64());
    wait_for_user("mysql-2", &before);
    register(&after);
    wait_for_user("mysql-2", &after);
    assert_eq!(
        try_sql("mysql-2", "SELECT @@report_host, @@super_read_only").unwrap(),
        "mysql-2\t1"
    );
    scale_in();
}

#[test]
fn scaling_out_and_in_and_out_again_under_traffic_loses_nothing() {
    let _turn = deployment();
    let scenario = Scenario::begin("scaled 2-5-2-5");

    for pods in [5, 2, 5] {
        scale(pods);
        let took = wait_for_ready_pods(pods);
        println!("figure: {pods} pods were ready after {:.1} s", took.as_secs_f64());
        wait_until_replicated();
    }

    let outcome = scenario.heal(5);
    scale_in();
    outcome.assert_no_request_failed();
}

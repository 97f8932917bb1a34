//! More replicas.

use crate::{
    deployment::deployment,
    kubectl::{kubectl, try_sql, wait_for_ready_pods},
    registration::{new_email, register, wait_for_user},
};

#[test]
fn a_third_pod_clones_the_primary_and_replicates() {
    let _turn = deployment();
    let (before, after) = (new_email(), new_email());
    register(&before);

    kubectl(&["scale", "statefulset/mysql", "--replicas=3"]);
    let took = wait_for_ready_pods(3);

    println!("figure: mysql-2 was ready {:.1} s after the scale-out", took.as_secs_f64());
    wait_for_user("mysql-2", &before);
    register(&after);
    wait_for_user("mysql-2", &after);
    assert_eq!(
        try_sql("mysql-2", "SELECT @@report_host, @@super_read_only").unwrap(),
        "mysql-2\t1"
    );

    kubectl(&["scale", "statefulset/mysql", "--replicas=2"]);
    wait_for_ready_pods(2);
    kubectl(&["delete", "persistentvolumeclaim", "data-mysql-2"]);
}

//! Pods that go and come back.

use crate::{
    deployment::deployment,
    kubectl::{field, kubectl, until, wait_for_ready_pods},
    registration::{new_email, register, try_register, wait_for_user},
};

/// Deletes a pod and waits for its successor: the same name, another pod.
fn replace(pod: &str) {
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

#[test]
fn a_deleted_replica_comes_back_with_its_name_and_data_and_goes_on_replicating() {
    let _turn = deployment();
    let (before, after) = (new_email(), new_email());
    register(&before);

    replace("mysql-1");

    wait_for_user("mysql-1", &before);
    register(&after);
    wait_for_user("mysql-1", &after);
}

#[test]
fn a_deleted_primary_comes_back_with_its_name_and_data_and_is_replicated_from() {
    let _turn = deployment();
    let (before, after) = (new_email(), new_email());
    register(&before);

    replace("mysql-0");

    wait_for_user("mysql-0", &before);
    let (registered, took) = until("registration to work again", || try_register(&after));
    println!("figure: writes went on {:.1} s after mysql-0 was ready again", took.as_secs_f64());
    assert_eq!(registered["pod"], "mysql-0");
    wait_for_user("mysql-1", &after);
}

//! What the cluster's DNS answers for the two Services.

use std::collections::BTreeSet;

use crate::{
    deployment::deployment,
    kubectl::{field, kubectl, try_kubectl, until},
};

/// The A records of a name, as a program in a pod gets them.
fn addresses(name: &str) -> Result<BTreeSet<String>, String> {
    let lines = try_kubectl(&["exec", "mysql-0", "--", "getent", "ahostsv4", name])?;
    Ok(lines.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Waits until a name answers with exactly these addresses. A DNS server with a cache may keep its answer for 30 s.
fn wait_for_addresses(name: &str, expected: &BTreeSet<String>) {
    until(&format!("{name} to answer with {expected:?}"), || {
        let answer = addresses(name)?;
        if answer == *expected { Ok(()) } else { Err(format!("it answers with {answer:?}")) }
    });
}

#[test]
fn the_headless_service_answers_with_every_pod_and_each_pod_has_a_name() {
    let _turn = deployment();
    let pods =
        ["mysql-0", "mysql-1"].map(|pod| (pod, field(&format!("pod/{pod}"), ".status.podIP")));

    wait_for_addresses("mysql", &pods.iter().map(|(_, address)| address.clone()).collect());
    for (pod, address) in pods {
        wait_for_addresses(&format!("{pod}.mysql"), &BTreeSet::from([address]));
    }
    assert_eq!(field("service/mysql", ".spec.clusterIP"), "None");
}

#[test]
fn the_cluster_ip_service_answers_with_one_address_that_no_pod_has() {
    let _turn = deployment();
    let service = field("service/mysql-read", ".spec.clusterIP");

    wait_for_addresses("mysql-read", &BTreeSet::from([service.clone()]));

    let pods = kubectl(&["get", "pods", "--output=jsonpath={.items[*].status.podIP}"]);
    assert!(!pods.split(' ').any(|pod| pod == service), "{service} is not a pod's");
}

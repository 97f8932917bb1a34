//! Other people's pods in the same namespace. Bitnami's chart and MOCO label their pods
//! `app.kubernetes.io/name: mysql`, as we do; only our pods are `part-of: headless-service-demo` too.

use serde_json::{Value, json};

use crate::{
    deployment::{apply_shuffled_twice, deployment},
    document,
    kubectl::{
        OUR_MYSQL, field, kubectl, mysql_pods, try_kubectl_with_input, until, wait_for_rollout,
    },
    network::{address, is_refused, start_pod},
};

const FOREIGN: &str = "foreign-mysql";

/// The foreign pod's Service and its claim.
fn foreign_objects() -> Value {
    let labels = json!({ "app.kubernetes.io/name": "mysql" });
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": FOREIGN },
          "spec": { "selector": labels, "ports": [{ "port": 3306 }] } },
        { "apiVersion": "v1", "kind": "PersistentVolumeClaim",
          "metadata": { "name": FOREIGN, "labels": labels },
          "spec": { "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": "1Mi" } } } },
    ] })
}

/// The addresses behind a Service.
fn endpoints(service: &str) -> String {
    let selector = format!("--selector=kubernetes.io/service-name={service}");
    kubectl(&[
        "get",
        "endpointslices",
        &selector,
        "--output=jsonpath={.items[*].endpoints[*].addresses}",
    ])
}

#[test]
fn a_foreign_pod_with_the_label_mysql_gets_no_reads_loses_no_traffic_and_keeps_its_claim() {
    let _turn = deployment();
    start_pod(FOREIGN, "app.kubernetes.io/name=mysql");
    let foreign = format!("\"{}\"", address(FOREIGN));
    try_kubectl_with_input(&["apply", "--filename=-"], &foreign_objects().to_string()).unwrap();

    // When this Service has it, the controller has looked at the pod for every Service.
    until("the foreign Service to have its pod", || {
        let behind = endpoints(FOREIGN);
        if behind.contains(&foreign) { Ok(()) } else { Err(behind) }
    });
    for service in ["mysql", "mysql-read"] {
        let behind = endpoints(service);
        assert!(!behind.is_empty() && !behind.contains(&foreign), "{service}: {behind}");
    }
    // Our policies close this port of our MySQL pods.
    is_refused("mysql-0", &address(FOREIGN), 5000);
    assert_eq!(field("poddisruptionbudget/mysql", ".status.expectedPods"), "2");
    // As README takes everything down.
    let deleted = ["delete", "persistentvolumeclaim", "-l", OUR_MYSQL];
    let deleted = kubectl(&[&deleted[..], &["--dry-run=server", "--output=name"]].concat());
    assert!(deleted.contains("data-mysql-1") && !deleted.contains(FOREIGN), "{deleted}");

    let objects = ["pod/foreign-mysql", "service/foreign-mysql", "pvc/foreign-mysql"];
    kubectl(&[&["delete"], &objects[..]].concat());
}

/// The StatefulSet with the selector of an installation from before, and without what only the API server sets.
fn with_the_former_selector(statefulset: &str) -> String {
    let mut statefulset: Value = serde_json::from_str(statefulset).unwrap();
    statefulset["spec"]["selector"] =
        json!({ "matchLabels": { "app.kubernetes.io/name": "mysql" } });
    for set in ["resourceVersion", "uid", "creationTimestamp", "generation"] {
        statefulset["metadata"].as_object_mut().unwrap().remove(set);
    }
    statefulset.as_object_mut().unwrap().remove("status");
    statefulset.to_string()
}

/// The container of each MySQL pod: another one runs after a restart.
fn mysql_containers() -> Vec<String> {
    let container = ".status.containerStatuses[0].containerID";
    mysql_pods().iter().map(|pod| field(&format!("pod/{pod}"), container)).collect()
}

#[test]
fn an_installation_with_the_former_selectors_moves_over_and_mysql_goes_on_running() {
    let _turn = deployment();
    let former = with_the_former_selector(&kubectl(&["get", "statefulset/mysql", "--output=json"]));
    kubectl(&["delete", "statefulset/mysql", "--cascade=orphan"]);
    try_kubectl_with_input(&["create", "--filename=-"], &former).unwrap();
    let claims = ["pvc/data-mysql-0", "pvc/data-mysql-1"];
    kubectl(&[&["label"], &claims[..], &["app.kubernetes.io/part-of-"]].concat());
    let before = mysql_containers();

    document::run("CHANGELOG.md", &["take-workloads-away"]);
    apply_shuffled_twice();
    document::run("CHANGELOG.md", &["label-claims"]);

    wait_for_rollout(&["statefulset/mysql", "deployment/write-app", "deployment/read-app"]);
    assert_eq!(mysql_containers(), before);
    let selector = field("statefulset/mysql", ".spec.selector.matchLabels");
    assert!(selector.contains("part-of"), "{selector}");
    let claims = kubectl(&["get", "persistentvolumeclaim", "-l", OUR_MYSQL, "--output=name"]);
    assert_eq!(claims.lines().count(), 2, "{claims}");
}

//! Which pods can connect to which. Every refusal has its counterpart: the same command gets through from a pod
//! with another label, or to a port that is open.

use serde_json::json;

use crate::{
    deployment::deployment,
    kubectl::{field, kubectl, try_kubectl, until, wait_for},
};

/// Opens a TCP connection from within a pod.
fn connect(pod: &str, address: &str, port: u16) -> Result<(), String> {
    let command = format!("exec 3<>/dev/tcp/{address}/{port}");
    try_kubectl(&["exec", pod, "--", "timeout", "3", "bash", "-c", &command]).map(drop)
}

/// Waits for a connection: a policy knows the address of a new pod after a moment.
pub(crate) fn reaches(pod: &str, address: &str, port: u16) {
    until(&format!("{pod} to reach {address}:{port}"), || connect(pod, address, port));
}

/// Waits until connecting times out.
fn does_not_reach(pod: &str, address: &str, port: u16) {
    until(&format!("{pod} not to reach {address}:{port}"), || match connect(pod, address, port) {
        Err(reason) if reason.contains("exit code 124") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// Starts a pod. Two of these differ by their labels alone.
pub(crate) fn start_pod(name: &str, label: &str) {
    let spec = json!({ "spec": {
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 999, "seccompProfile": { "type": "RuntimeDefault" }
        },
        "containers": [{
            "name": name, "image": "mysql:9.7", "imagePullPolicy": "IfNotPresent",
            "command": ["sleep", "600"],
            "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } }
        }]
    } });
    kubectl(&["delete", "pod", name, "--ignore-not-found"]);
    let labels = format!("--labels=app.kubernetes.io/name={label}");
    let overrides = format!("--overrides={spec}");
    kubectl(&["run", name, "--image=mysql:9.7", "--restart=Never", &labels, &overrides]);
    wait_for("condition=Ready", &[&format!("pod/{name}")]);
}

pub(crate) fn address(pod: &str) -> String {
    field(&format!("pod/{pod}"), ".status.podIP")
}

pub(crate) fn write_app() -> String {
    let selector = "--selector=app.kubernetes.io/name=write-app";
    kubectl(&["get", "pods", selector, "--output=jsonpath={.items[0].status.podIP}"])
}

#[test]
fn only_the_apps_reach_mysql_and_everybody_reaches_an_app() {
    let _turn = deployment();
    start_pod("stranger", "stranger");
    start_pod("reader", "read-app");

    for pod in ["mysql-0", "mysql-1"] {
        reaches("reader", &address(pod), 3306);
        does_not_reach("stranger", &address(pod), 3306);
    }
    reaches("stranger", &write_app(), 5000);
    does_not_reach("reader", &write_app(), 5000);

    kubectl(&["delete", "pod", "stranger", "reader"]);
}

#[test]
fn mysql_reaches_mysql_and_the_kubernetes_api_and_no_app() {
    let _turn = deployment();
    // The address of the Service `kubernetes` is in every container's environment.
    let api = "$KUBERNETES_SERVICE_HOST";

    reaches("mysql-1", &address("mysql-0"), 3306);
    does_not_reach("mysql-1", &write_app(), 5000);
    reaches("mysql-1", api, 443);
}

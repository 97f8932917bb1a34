//! Which pods can connect to which. Every refusal has its counterpart: the same command gets through from a pod
//! with another label, or to a port that is open.

use serde_json::json;

use crate::{
    deployment::deployment,
    kubectl::{field, kubectl, timeout, try_kubectl, until, wait_for},
};

/// The labels of read-app's pods.
const READ_APP: &str =
    "app.kubernetes.io/name=read-app,app.kubernetes.io/part-of=headless-service-demo";

/// The label of a pod of another project, whose app has the same name.
const NAMESAKE: &str = "app.kubernetes.io/name=read-app";

/// kubectl takes the last namespace that it is given.
const ELSEWHERE: &str = "--namespace=headless-demo-elsewhere";

/// Where MicroK8s has its API server: a port that no policy names.
const UNKNOWN_PORT: u16 = 16443;

/// Opens a TCP connection from within a pod.
fn connect(pod: &str, address: &str, port: u16) -> Result<(), String> {
    let command = format!("exec 3<>/dev/tcp/{address}/{port}");
    try_kubectl(&["exec", pod, "--", "timeout", "3", "bash", "-c", &command]).map(drop)
}

/// Waits for a connection: a policy knows the address of a new pod after a moment.
fn reaches(pod: &str, address: &str, port: u16) {
    until(&format!("{pod} to reach {address}:{port}"), || connect(pod, address, port));
}

/// Waits until connecting times out.
fn does_not_reach(pod: &str, address: &str, port: u16) {
    until(&format!("{pod} not to reach {address}:{port}"), || match connect(pod, address, port) {
        Err(reason) if reason.contains("exit code 124") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// Waits until a pod that does not listen refuses: no policy drops what is sent to it.
pub(crate) fn is_refused(pod: &str, address: &str, port: u16) {
    until(&format!("{pod} to be refused at {address}:{port}"), || {
        match connect(pod, address, port) {
            Err(reason) if reason.contains("Connection refused") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// Sends a DNS query over UDP from within a pod, and waits for the first byte of the answer.
fn ask_dns(pod: &str, address: &str, port: u16) -> Result<(), String> {
    let query = r"\0\1\1\0\0\1\0\0\0\0\0\0\7example\0\0\1\0\1";
    let command = format!(
        "exec 3<>/dev/udp/{address}/{port}; printf '{query}' >&3; head --bytes=1 <&3 > /dev/null"
    );
    try_kubectl(&["exec", pod, "--", "timeout", "3", "bash", "-c", &command]).map(drop)
}

fn gets_an_answer(pod: &str, address: &str, port: u16) {
    until(&format!("an answer for {pod} from {address}:{port}"), || ask_dns(pod, address, port));
}

/// Starts a DNS server in another namespace, at a port that is not 53, on UDP and TCP. Returns its address.
///
/// It is the cluster's own CoreDNS without a configuration: it answers every query. Over TCP it stands for any server
/// at that port, such as an API server.
fn start_server_elsewhere(port: u16) -> String {
    let path = "--output=jsonpath={.spec.template.spec.containers[0].image}";
    let coredns = kubectl(&["get", "--namespace=kube-system", "deployment/coredns", path]);
    let name = format!("server-{port}");
    let [image, option] = [format!("--image={coredns}"), format!("-dns.port={port}")];
    let pull = "--image-pull-policy=IfNotPresent";
    kubectl(&["run", ELSEWHERE, &name, &image, pull, "--", &option]);
    kubectl(&["wait", ELSEWHERE, "--for=condition=Ready", &timeout(), &format!("pod/{name}")]);
    kubectl(&["get", ELSEWHERE, &format!("pod/{name}"), "--output=jsonpath={.status.podIP}"])
}

/// Starts a pod. Two of these differ by their labels alone.
pub(crate) fn start_pod(name: &str, labels: &str) {
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
    let labels = format!("--labels={labels}");
    let overrides = format!("--overrides={spec}");
    kubectl(&["run", name, "--image=mysql:9.7", "--restart=Never", &labels, &overrides]);
    wait_for("condition=Ready", &[&format!("pod/{name}")]);
}

pub(crate) fn address(pod: &str) -> String {
    field(&format!("pod/{pod}"), ".status.podIP")
}

fn write_app() -> String {
    let selector = "--selector=app.kubernetes.io/name=write-app";
    kubectl(&["get", "pods", selector, "--output=jsonpath={.items[0].status.podIP}"])
}

#[test]
fn only_the_apps_and_labelled_clients_reach_mysql_and_everybody_reaches_an_app() {
    let _turn = deployment();
    start_pod("stranger", "app.kubernetes.io/name=stranger");
    start_pod("client", "headless-service-demo/mysql-client=true");
    start_pod("reader", READ_APP);
    start_pod("namesake", NAMESAKE);

    for pod in ["mysql-0", "mysql-1"] {
        reaches("reader", &address(pod), 3306);
        reaches("client", &address(pod), 3306);
        does_not_reach("stranger", &address(pod), 3306);
        does_not_reach("namesake", &address(pod), 3306);
    }
    reaches("stranger", &write_app(), 5000);
    does_not_reach("reader", &write_app(), 5000);

    kubectl(&["delete", "pod", "stranger", "client", "reader", "namesake"]);
}

#[test]
fn mysql_reaches_mysql_and_the_kubernetes_api() {
    let _turn = deployment();
    // The address of the Service `kubernetes` is in every container's environment.
    let api = "$KUBERNETES_SERVICE_HOST";

    reaches("mysql-1", &address("mysql-0"), 3306);
    reaches("mysql-1", api, 443);
}

#[test]
fn dns_and_the_kubernetes_api_may_be_in_any_place_and_at_any_port() {
    let _turn = deployment();
    let namespace = "headless-demo-elsewhere";
    kubectl(&["delete", "namespace", namespace, "--ignore-not-found", &timeout()]);
    kubectl(&["create", "namespace", namespace]);
    let [openshift_dns, other] = [5353, UNKNOWN_PORT].map(start_server_elsewhere);
    start_pod("reader", READ_APP);

    for pod in ["mysql-0", "reader"] {
        gets_an_answer(pod, &other, UNKNOWN_PORT);
        gets_an_answer(pod, &openshift_dns, 5353);
        reaches(pod, &openshift_dns, 5353);
    }
    reaches("mysql-0", &other, UNKNOWN_PORT);
    // What only MySQL needs stays closed to the apps.
    does_not_reach("reader", &other, UNKNOWN_PORT);

    kubectl(&["delete", "pod", "reader"]);
    kubectl(&["delete", ELSEWHERE, "pods", "--all", "--now"]);
    kubectl(&["delete", "namespace", namespace, "--wait=false"]);
}

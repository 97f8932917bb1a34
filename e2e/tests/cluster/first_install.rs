//! A first installation, in which every replica fails in another way, and what a person can do about a pod that
//! has data and cannot start.

use std::{path::Path, process::Command, time::Instant};

use crate::{
    deployment::deployment,
    document::kubeconfig,
    kubectl::{kubectl, said, timeout, try_kubectl, try_kubectl_with_input, until},
};

/// MySQL without the apps, beside the other tests' deployment.
const NAMESPACE: &str = "headless-demo-first";

/// kubectl takes the last namespace that it is given.
const THERE: &str = "--namespace=headless-demo-first";

/// An image that no node can pull.
const NO_IMAGE: &str = "mysql=headless-demo.invalid/none:1";

/// What the pods of this test do: mysql-0 begins when it is told to, and two replicas end before they have data.
const COMMAND: &str = "[bash, -c, 'case $POD_NAME in \
    mysql-0) until [ -e /tmp/begin ]; do sleep 0.2; done ;; \
    mysql-2 | mysql-3) exit 1 ;; \
    esac; exec bash /etc/mysql-scripts/bootstrap.sh']";

/// No pod is scheduled until this is dropped.
struct Cordon(Vec<String>);

impl Cordon {
    fn all_nodes() -> Self {
        let nodes = kubectl(&["get", "nodes", "--output=jsonpath={.items[*].metadata.name}"]);
        let cordon = Self(nodes.split_whitespace().map(str::to_owned).collect());
        cordon.each("cordon");
        cordon
    }

    fn each(&self, verb: &str) {
        for node in &self.0 {
            kubectl(&[verb, node]);
        }
    }
}

impl Drop for Cordon {
    fn drop(&mut self) {
        self.each("uncordon");
    }
}

fn apply_with_four_pods() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes");
    for name in ["config", "credentials", "scripts", "service-account", "statefulset"] {
        let manifest = std::fs::read_to_string(folder.join(format!("mysql-{name}.yaml"))).unwrap();
        let manifest = manifest
            .replace("[bash, /etc/mysql-scripts/bootstrap.sh]", COMMAND)
            .replace("replicas: 2 ", "replicas: 4 ");
        assert!(
            name != "statefulset" || manifest.contains(COMMAND) && manifest.contains("replicas: 4")
        );
        try_kubectl_with_input(&["apply", THERE, "--filename=-"], &manifest).unwrap();
    }
}

fn field(object: &str, path: &str) -> String {
    let path = format!("--output=jsonpath={{{path}}}");
    try_kubectl(&["get", THERE, object, &path]).unwrap_or_default()
}

fn until_field(object: &str, path: &str, expected: &[&str]) {
    until(&format!("{path} of {object} to be one of {expected:?}"), || {
        let value = field(object, path);
        if expected.contains(&value.as_str()) { Ok(()) } else { Err(value) }
    });
}

fn until_ready(pod: &str) {
    until_field(
        &format!("pod/{pod}"),
        ".status.conditions[?(@.type==\"Ready\")].status",
        &["True"],
    );
}

fn until_it_waits_for(pod: &str, reasons: &[&str]) {
    until_field(
        &format!("pod/{pod}"),
        ".status.containerStatuses[0].state.waiting.reason",
        reasons,
    );
}

/// Gives the container of a pod an image that is nowhere. The image is what can be changed in a pod that exists.
fn take_image_away(pod: &str) {
    kubectl(&["set", THERE, "image", &format!("pod/{pod}"), NO_IMAGE]);
    until_it_waits_for(pod, &["ErrImagePull", "ImagePullBackOff"]);
}

fn let_the_primary_begin() {
    until("mysql-0 to be told", || {
        try_kubectl(&["exec", THERE, "mysql-0", "--", "touch", "/tmp/begin"])
    });
}

/// mysql-1 is Pending, mysql-2 ends again and again, and mysql-3 has no image. Each has a claim with a volume.
fn no_replica_can_start() -> Cordon {
    for ordinal in 0..4 {
        until_field(&format!("pvc/data-mysql-{ordinal}"), ".status.phase", &["Bound"]);
    }
    until_it_waits_for("mysql-2", &["CrashLoopBackOff"]);
    take_image_away("mysql-3");
    let cordon = Cordon::all_nodes();
    kubectl(&["delete", THERE, "pod/mysql-1"]);
    until_field("pod/mysql-1", ".status.phase", &["Pending"]);
    cordon
}

/// The command at the end of the line in which mysql-0 says what it waits for.
fn printed_advice() -> String {
    let advice = "or give up what it has: ";
    until("mysql-0 to say what to do", || {
        let log = kubectl(&["logs", THERE, "mysql-0"]);
        let last = log.lines().last().unwrap_or_default().to_owned();
        let command = last.split_once(advice).map(|(_, command)| command.to_owned());
        command.filter(|_| last.contains("waiting: mysql-1 does not say")).ok_or(last)
    })
    .0
}

#[test]
fn a_first_start_waits_for_no_pod_that_never_had_data_and_the_printed_advice_frees_a_later_one() {
    let _turn = deployment();
    kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found", &timeout()]);
    kubectl(&["create", "namespace", NAMESPACE]);
    apply_with_four_pods();

    let cordon = no_replica_can_start();
    let began = Instant::now();
    let_the_primary_begin();
    until_ready("mysql-0");
    println!("figure: mysql-0 was ready {:.1} s after it began", began.elapsed().as_secs_f64());
    drop(cordon);

    until_ready("mysql-1");
    take_image_away("mysql-1");
    kubectl(&["delete", THERE, "pvc/data-mysql-0", "pod/mysql-0"]);
    let_the_primary_begin();
    let advice = printed_advice();
    let kubeconfig = kubeconfig(NAMESPACE);
    let mut command = Command::new("sh");
    command.args(["-c", &advice]).env("KUBECONFIG", kubeconfig.path());
    let printed = said(&command.output().unwrap()).unwrap();
    println!("{advice}\n{printed}");
    until_ready("mysql-0");
    kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
}

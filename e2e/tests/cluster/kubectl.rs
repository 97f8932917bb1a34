//! kubectl, and waiting.

use std::{
    io::Write as _,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use e2e::port_forward::PortForward;

/// The namespace of these tests.
pub(crate) const NAMESPACE: &str = "headless-demo-test";

/// The labels of our MySQL pods and their claims, as a selector.
pub(crate) const OUR_MYSQL: &str =
    "app.kubernetes.io/name=mysql,app.kubernetes.io/part-of=headless-service-demo";

/// How long a test waits for anything before it fails. A DNS server with a cache may take 30 s.
pub(crate) const DEADLINE: Duration = Duration::from_secs(150);

/// The MySQL client in a container, as root.
const MYSQL: [&str; 6] = [
    "mysql",
    "--no-defaults",
    "--socket=/var/run/mysqld/mysqld.sock",
    "--user=root",
    "--batch",
    "--skip-column-names",
];

/// Starts kubectl in the namespace, or in another one that the arguments name.
fn start(arguments: &[&str], input: Stdio) -> Child {
    Command::new("kubectl")
        .args(["--namespace", NAMESPACE])
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("kubectl is needed on PATH: {error}"))
}

/// Runs kubectl in the namespace. Returns its output, or its error output.
pub(crate) fn try_kubectl(arguments: &[&str]) -> Result<String, String> {
    said(&start(arguments, Stdio::null()).wait_with_output().unwrap())
}

/// Runs kubectl in the namespace; it must succeed.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    try_kubectl(arguments)
        .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
}

/// Runs kubectl with something on its standard input.
pub(crate) fn try_kubectl_with_input(arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = start(arguments, Stdio::piped());
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    said(&child.wait_with_output().unwrap())
}

/// One field of one object.
pub(crate) fn field(object: &str, path: &str) -> String {
    kubectl(&["get", object, "--output", &format!("jsonpath={{{path}}}")])
}

/// Runs SQL as root in a MySQL pod.
pub(crate) fn try_sql(pod: &str, sql: &str) -> Result<String, String> {
    try_kubectl_with_input(&[&["exec", "--stdin", pod, "--"], &MYSQL[..]].concat(), sql)
}

/// Runs SQL as root in a MySQL pod; it must succeed.
pub(crate) fn sql(pod: &str, sql: &str) -> String {
    try_sql(pod, sql).unwrap_or_else(|error| panic!("{pod}: {sql}: {error}"))
}

/// A session in a MySQL pod. It stays open, and keeps its locks, until it is dropped.
pub(crate) struct Session(Child);

impl Session {
    /// Opens a session and runs SQL in it.
    pub(crate) fn open(pod: &str, sql: &str) -> Self {
        let arguments = [&["exec", "--stdin", pod, "--"], &MYSQL[..]].concat();
        let mut session = Self(start(&arguments, Stdio::piped()));
        session.run(sql).unwrap();
        session
    }

    /// Runs more SQL in the session, and does not wait for the result.
    pub(crate) fn run(&mut self, sql: &str) -> std::io::Result<()> {
        let input = self.0.stdin.as_mut().unwrap();
        input.write_all(format!("{sql};\n").as_bytes())
    }
}

impl Drop for Session {
    /// The client ends with its input.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The output of a program, or its error output.
pub(crate) fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Asks until there is an answer. Returns it, and how long that took.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return (answer, start.elapsed()),
            Err(reason) if start.elapsed() > DEADLINE => {
                show_state();
                panic!("{what}: not within {DEADLINE:?}: {reason}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(250)),
        }
    }
}

/// Prints the state of the namespace, for a test that fails.
fn show_state() {
    let mysql = &format!("--selector={OUR_MYSQL}");
    for arguments in [
        &["get", "nodes,pods,persistentvolumeclaims", "--output=wide"][..],
        &["get", "events", "--sort-by=.lastTimestamp"],
        &["logs", mysql, "--prefix", "--tail=20"],
    ] {
        let said = try_kubectl(arguments).unwrap_or_else(|error| error);
        println!("kubectl {}:\n{said}", arguments.join(" "));
    }
}

/// kubectl's own deadline for what it waits for.
pub(crate) fn timeout() -> String {
    format!("--timeout={}s", DEADLINE.as_secs())
}

/// `kubectl port-forward` in the namespace.
pub(crate) fn forward(to: &str, ports: &str) -> PortForward {
    PortForward::open(Command::new("kubectl").args(["--namespace", NAMESPACE]), to, ports)
}

/// `kubectl wait --for=...`.
pub(crate) fn wait_for(what: &str, of: &[&str]) {
    kubectl(&[&["wait", &format!("--for={what}"), &timeout()], of].concat());
}

/// Waits until these workloads run as their manifests say.
pub(crate) fn wait_for_rollout(workloads: &[&str]) {
    for workload in workloads {
        kubectl(&["rollout", "status", workload, &timeout()]);
    }
}

/// Gives these workloads new pods, and waits until they run.
pub(crate) fn restart(workloads: &[&str]) {
    kubectl(&[&["rollout", "restart"], workloads].concat());
    wait_for_rollout(workloads);
}

/// How long a MySQL server may be silent before the kubelet restarts it.
pub(crate) fn liveness_patience() -> Duration {
    let of_probe = |what: &str| -> u64 {
        let path = format!(".spec.template.spec.containers[0].livenessProbe.{what}");
        field("statefulset/mysql", &path).parse().unwrap()
    };
    Duration::from_secs(of_probe("periodSeconds") * of_probe("failureThreshold"))
}

/// Waits until the StatefulSet has this many ready pods, and no others.
pub(crate) fn wait_for_ready_pods(count: usize) -> Duration {
    let ready = || {
        let status = field("statefulset/mysql", ".status.readyReplicas} of {.status.replicas");
        if status == format!("{count} of {count}") { Ok(()) } else { Err(status) }
    };
    until(&format!("{count} ready MySQL pods"), ready).1
}

/// The names of the MySQL pods.
pub(crate) fn mysql_pods() -> Vec<String> {
    list_mysql_pods("{.items[*].metadata.name}")
}

/// The names of the MySQL pods that are ready, from one list: a pod may be gone by the time it is asked for.
pub(crate) fn ready_mysql_pods() -> Vec<String> {
    let ready = "{.status.conditions[?(@.type==\"Ready\")].status}";
    let path = format!("{{range .items[*]}}{{.metadata.name}}:{ready} {{end}}");
    let pods = list_mysql_pods(&path);
    pods.iter().filter_map(|pod| pod.strip_suffix(":True")).map(str::to_owned).collect()
}

/// The words that a JSONPath finds in the list of MySQL pods.
fn list_mysql_pods(path: &str) -> Vec<String> {
    let path = format!("--output=jsonpath={path}");
    let words = kubectl(&["get", "pods", "--selector", OUR_MYSQL, &path]);
    words.split_whitespace().map(str::to_owned).collect()
}

/// The node that a pod runs on.
pub(crate) fn node_of(pod: &str) -> String {
    field(&format!("pod/{pod}"), ".spec.nodeName")
}

/// How often the kubelet has restarted the container of a MySQL pod.
pub(crate) fn restarts(pod: &str) -> u32 {
    field(&format!("pod/{pod}"), ".status.containerStatuses[0].restartCount").parse().unwrap()
}

/// Whether a pod is ready, as `kubectl get pods` shows it.
pub(crate) fn is_ready(pod: &str) -> bool {
    field(&format!("pod/{pod}"), ".status.conditions[?(@.type==\"Ready\")].status") == "True"
}

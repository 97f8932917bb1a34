//! kubectl, and waiting.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// The namespace that all of it happens in.
pub(crate) const NAMESPACE: &str = "headless-demo-test";

/// How long anything may take before a test gives up. The cluster's DNS alone may take 30 s.
pub(crate) const DEADLINE: Duration = Duration::from_secs(150);

/// Runs kubectl in the namespace; what it printed, or what it complained of.
pub(crate) fn try_kubectl(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("kubectl").args(["--namespace", NAMESPACE]).args(arguments).output();
    said(&output.unwrap_or_else(|error| panic!("kubectl is needed on PATH: {error}")))
}

/// Runs kubectl in the namespace; it must succeed.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    try_kubectl(arguments)
        .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
}

/// One field of one object.
pub(crate) fn field(object: &str, path: &str) -> String {
    kubectl(&["get", object, "--output", &format!("jsonpath={{{path}}}")])
}

/// Runs SQL as root in a MySQL pod.
pub(crate) fn try_sql(pod: &str, sql: &str) -> Result<String, String> {
    let mut client = Command::new("kubectl")
        .args(["--namespace", NAMESPACE, "exec", "--stdin", pod, "--", "mysql", "--no-defaults"])
        .args([
            "--socket=/var/run/mysqld/mysqld.sock",
            "--user=root",
            "--batch",
            "--skip-column-names",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    said(&client.wait_with_output().unwrap())
}

/// What a program printed, or what it complained of.
pub(crate) fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Asks until the answer is there, and says how long that took.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return (answer, start.elapsed()),
            Err(reason) if start.elapsed() > DEADLINE => {
                panic!("{what}: not within {DEADLINE:?}: {reason}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(250)),
        }
    }
}

/// Waits until the StatefulSet has this many ready pods, and no others.
pub(crate) fn wait_for_ready_pods(count: usize) -> Duration {
    let ready = || {
        let status = field("statefulset/mysql", ".status.readyReplicas} of {.status.replicas");
        if status == format!("{count} of {count}") { Ok(()) } else { Err(status) }
    };
    until(&format!("{count} ready MySQL pods"), ready).1
}

//! Faults that are done on a node: signals to a server, a network that is cut.
//!
//! A pod on each node sees its processes and its network, and may do nothing else there. The first
//! fault makes these pods, in another namespace, and the next run deletes them.

use std::{collections::BTreeSet, sync::OnceLock, time::Duration};

use crate::kubectl::{field, kubectl, node_of, timeout, try_kubectl_with_input, until};

const FAULTS_NAMESPACE: &str = "headless-demo-faults";

/// kubectl takes the last namespace that it is given.
const IN_FAULTS: &str = "--namespace=headless-demo-faults";

const DAEMON_SET: &str = include_str!("node_faults.yaml");

/// In busybox's shell: the process id of the first process of the container in a pod whose UID is
/// `$uid`. In its own PID namespace it is number 1, as the sandbox's own process is.
const FIRST_PROCESS: &str = r#"
first_process() {
  for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2> /dev/null || continue
    case $name in mysqld | bash) ;; *) continue ;; esac
    grep -q "$uid" "$process/cgroup" 2> /dev/null || continue
    grep -q '^NSpid:.*[[:space:]]1$' "$process/status" 2> /dev/null || continue
    echo "${process#/proc/}"
    return
  done
  return 1
}
"#;

/// What a process can be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// The process dies at once, as when memory or power fails.
    Kill,
    /// The process stops running and keeps its memory.
    Stop,
    /// The process runs again.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// Sends a signal to the first process of a MySQL pod: bootstrap.sh, which becomes mysqld. When it
/// is killed, all others of the container die with it.
pub(crate) fn signal(pod: &str, signal: Signal) {
    near_container(pod, &format!("kill -{} \"$(first_process)\"", signal.name()));
}

/// Kills the server of a pod, and freezes its successor as soon as that is there.
pub(crate) fn kill_and_freeze_successor(pod: &str) {
    let script = r#"
        before=$(first_process) && kill -KILL "$before" || exit 1
        for attempt in $(seq 600); do
          if after=$(first_process) && [ "$after" != "$before" ] && [ "$(cat "/proc/$after/comm")" = mysqld ]; then
            kill -STOP "$after"
            exit
          fi
          sleep 0.05
        done
        echo "mysqld did not come back" >&2
        exit 1"#;
    near_container(pod, script);
}

/// Runs a script on a pod's node that may call `first_process`.
fn near_container(pod: &str, script: &str) {
    // With systemd the group's name has the UID with underscores.
    let uid = field(&format!("pod/{pod}"), ".metadata.uid").replace('-', "[-_]");
    on_node(&node_of(pod), &format!("uid='{uid}'\n{FIRST_PROCESS}\n{script}"));
}

/// Cuts a node off from all other nodes and their pods: in one second, and for so long. The cut ends by itself,
/// since the API server cannot reach the node meanwhile.
pub(crate) fn cut_off(node: &str, duration: Duration) {
    let others = addresses_elsewhere(node).join(" ");
    let seconds = duration.as_secs();
    let routes = |verb| format!("for other in {others}; do ip route {verb} blackhole $other; done");
    let (cut, join) = (routes("add"), routes("del"));
    let script =
        format!("setsid sh -c 'sleep 1; {cut}; sleep {seconds}; {join}' > /dev/null 2>&1 &");
    on_node(node, &script);
}

/// The addresses of all other nodes, and of the pods there.
fn addresses_elsewhere(node: &str) -> Vec<String> {
    let pods = "--output=jsonpath={range .items[*]}{.spec.nodeName} {.status.podIP}{\"\\n\"}{end}";
    let listed = kubectl(&["get", "pods", "--all-namespaces", pods]);
    let nodes = nodes_with_addresses();
    let pairs = listed.lines().chain(nodes.lines()).filter_map(|line| line.split_once(' '));
    let addresses: BTreeSet<String> = pairs
        .filter(|(place, address)| *place != node && !address.is_empty())
        .map(|(_, address)| format!("{address}/32"))
        .collect();
    addresses.into_iter().collect()
}

/// A node that the API server is not on.
pub(crate) fn node_without_control_plane() -> String {
    let path = "--output=jsonpath={.endpoints[*].addresses[*]}";
    let api = kubectl(&["get", "endpointslice", "kubernetes", "--namespace=default", path]);
    let nodes = nodes_with_addresses();
    let mut names = nodes.lines().filter_map(|line| line.split_once(' '));
    let worker = names.find(|(_, address)| !api.split(' ').any(|one| one == *address));
    let (name, _) = worker.unwrap_or_else(|| panic!("all nodes have the control plane: {nodes}"));
    name.to_owned()
}

/// One line per node: its name and its address.
fn nodes_with_addresses() -> String {
    let internal = ".status.addresses[?(@.type==\"InternalIP\")].address";
    let path =
        format!("jsonpath={{range .items[*]}}{{.metadata.name}} {{{internal}}}{{\"\\n\"}}{{end}}");
    kubectl(&["get", "nodes", "--output", &path])
}

/// Runs a script of busybox's shell among a node's processes and in its network.
fn on_node(node: &str, script: &str) -> String {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(make_fault_pods);
    let on_node = format!("--field-selector=spec.nodeName={node}");
    let pod = kubectl(&["get", "pods", IN_FAULTS, &on_node, "--output=name"]);
    kubectl(&["exec", IN_FAULTS, &pod, "--", "sh", "-c", script])
}

/// Waits until a node renews its lease: until then it may still be given up, and its pods with it.
pub(crate) fn wait_until_heard_from(node: &str) {
    let lease = format!("lease/{node}");
    let path = "--output=jsonpath={.spec.renewTime}";
    let renewed = || kubectl(&["get", "--namespace=kube-node-lease", &lease, path]);
    let last = renewed();
    until(&format!("a sign of life from {node}"), || match renewed() {
        same if same == last => Err(format!("the last was at {same}")),
        _ => Ok(()),
    });
}

/// Waits until a kubelet that was cut off acts on what the API server says. It may hold on to a dead
/// connection for a minute or two, and until then sees no change to its pods.
pub(crate) fn wait_until_kubelets_follow() {
    kubectl(&["delete", IN_FAULTS, "pods", "--all"]);
    wait_for_fault_pods();
}

fn make_fault_pods() {
    try_kubectl_with_input(&["apply", IN_FAULTS, "--filename=-"], DAEMON_SET).unwrap();
    wait_for_fault_pods();
}

fn wait_for_fault_pods() {
    kubectl(&["rollout", "status", IN_FAULTS, "daemonset/node-faults", &timeout()]);
}

/// Deletes what an earlier run left.
pub(crate) fn delete_fault_pods() {
    kubectl(&["delete", "namespace", FAULTS_NAMESPACE, "--ignore-not-found"]);
}

//! `kubernetes/classroom/classroom`: a class of four in the cluster, each with the rights of a pupil.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
};

use e2e::documents::root;

use crate::{
    deployment, follow_as,
    lesson::{Learner, Running, bash},
};

const CLASSROOM: &str = "kubernetes/classroom/classroom";

/// Where the kubeconfigs of this test are.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pupils")
}

fn classroom(arguments: &str) -> Result<String, String> {
    bash(&format!("{CLASSROOM} {arguments} --into {}", folder().display()))
}

/// Pupil `number` at a terminal.
fn pupil(number: u32) -> Learner {
    let name = format!("pupil-{number}");
    let kubeconfig = folder().join(format!("{name}.kubeconfig"));
    let kubeconfig = kubeconfig.to_str().unwrap().to_owned();
    Learner { namespace: name, environment: vec![("KUBECONFIG", kubeconfig)] }
}

/// Opens the Service at any port of this machine. Returns its address there.
fn forward(learner: &Learner, service: &str) -> (Running, String) {
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["port-forward", service, ":80"]).stdout(Stdio::piped());
    kubectl.envs(learner.environment.iter().map(|(name, value)| (name, value)));
    let mut child = kubectl.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    // Forwarding from 127.0.0.1:40123 -> 5000
    let port = line.split([':', ' ']).find_map(|word| word.parse::<u16>().ok());
    let port = port.unwrap_or_else(|| panic!("no port: {line}"));
    (Running(child), format!("http://127.0.0.1:{port}"))
}

/// A pupil who has a port-forward to each app, and a lesson.
fn goes_through(number: u32, lesson: &str) {
    let mut learner = pupil(number);
    let (_write, write_app) = forward(&learner, "service/write-app-service");
    let (_read, read_app) = forward(&learner, "service/read-app-service");
    learner.environment.extend([("WRITE_APP", write_app), ("READ_APP", read_app)]);
    follow_as(&learner, &format!("docs/lessons/{lesson}.md"));
}

/// What a pupil may do, and what the API server refuses.
fn has_rights_in_one_namespace_only() {
    let one = pupil(1);
    for allowed in [
        "auth can-i create statefulsets.apps",
        "auth can-i create pods/exec",
        "auth can-i create networkpolicies.networking.k8s.io",
        "get nodes",
        "get storageclasses",
        "get configmap coredns -n kube-system",
    ] {
        one.bash(&format!("kubectl {allowed}")).unwrap();
    }
    for refused in [
        "get secrets -n pupil-2",
        "get pods --all-namespaces",
        "delete namespace pupil-1",
        "create namespace another",
        "delete resourcequota pupil",
        "annotate storageclass standard mine=true",
        "get secrets -n kube-system",
    ] {
        let said = one.bash(&format!("kubectl {refused}")).unwrap_err();
        assert!(said.contains("Forbidden") || said.contains("forbidden"), "{refused}: {said}");
    }
    let said = one.bash("kubectl create service nodeport mine --tcp=80:80").unwrap_err();
    assert!(said.contains("exceeded quota: pupil"), "{said}");
    let said = one
        .bash(
            r#"kubectl run host --image=busybox:stable --overrides='{"spec":{"hostNetwork":true}}'"#,
        )
        .unwrap_err();
    assert!(said.contains("violates PodSecurity"), "{said}");
}

/// The ids of a pupil's MySQL pods.
fn pods(number: u32) -> String {
    let ids = "kubectl get pods -l app.kubernetes.io/name=mysql -o jsonpath='{.items[*].metadata.uid}'";
    pupil(number).bash(ids).unwrap()
}

/// A pupil deletes and changes everything, and gets it back.
fn is_reset_alone() {
    let (four, neighbours) = (pupil(4), pods(1));
    four.bash(
        "kubectl delete statefulset mysql
        kubectl delete service mysql
        kubectl delete persistentvolumeclaims --all
        kubectl create deployment mine --image=busybox:stable -- sleep infinity
        kubectl set env deployment/write-app DB_HOST=mysql-9.mysql",
    )
    .unwrap();

    let said = classroom("reset 4").unwrap();
    assert!(said.contains("pupil-4: ready"), "{said}");

    let workloads = four.bash("kubectl get statefulsets,deployments -o name").unwrap();
    let ours = "statefulset.apps/mysql\ndeployment.apps/read-app\ndeployment.apps/write-app\n";
    let mut lines: Vec<_> = workloads.lines().collect();
    lines.sort_unstable();
    let mut expected: Vec<_> = ours.lines().collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    let users = "kubectl exec mysql-0 -- mysql -uroot -N -e 'SELECT COUNT(*) FROM userdb.users'";
    assert_eq!(four.bash(users).unwrap(), "0\n");
    assert_eq!(pods(1), neighbours);
}

#[test]
fn a_class_of_four_works_side_by_side_and_leaves_nothing() {
    let _turn = deployment();
    let said = classroom("make 4").unwrap();
    for number in 1..=4 {
        assert!(said.contains(&format!("pupil-{number}: ready")), "{said}");
    }

    thread::scope(|class| {
        class.spawn(has_rights_in_one_namespace_only);
        class.spawn(|| goes_through(2, "1-headless-service"));
        class.spawn(|| goes_through(3, "5-balancing"));
    });
    is_reset_alone();
    let status = classroom("status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("pupil-")).count();
    assert_eq!(lines, 4 * 3, "{status}");

    let said = classroom("remove").unwrap();
    assert!(said.contains("removed: 4 pupils"), "{said}");
    let kinds = "namespaces,clusterroles,clusterrolebindings,roles,rolebindings";
    let left = format!("kubectl get {kinds} --all-namespaces -l headless-service-demo/classroom");
    assert_eq!(bash(&left).unwrap(), "No resources found\n");
    assert!(!folder().exists());
    assert!(classroom("status").unwrap_err().contains("there is no class"));
}

/// What the script says of arguments, and its exit status.
fn refusal(arguments: &[&str], kubeconfig: Option<&str>) -> (Option<i32>, String) {
    let mut script = Command::new(root().join(CLASSROOM));
    script.args(arguments).env("KUBECONFIG", kubeconfig.map_or_else(own_kubeconfig, str::to_owned));
    let Output { status, stderr, .. } = script.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn own_kubeconfig() -> String {
    env::var("KUBECONFIG").unwrap_or_default()
}

#[test]
fn the_classroom_says_what_is_wrong_with_its_arguments() {
    for (arguments, words) in [
        (&[][..], "say one of: make N"),
        (&["grade"], "say one of: make N"),
        (&["make"], "make needs the number of pupils"),
        (&["make", "0"], "make needs the number of pupils"),
        (&["make", "-3"], "there is no option -3"),
        (&["make", "many"], "make needs the number of pupils"),
        (&["make", "100"], "1 to 99"),
        (&["reset"], "reset needs the numbers of pupils"),
        (&["make", "2", "--hours", "soon"], "soon is none"),
        (&["make", "2", "--hours"], "--hours needs a value"),
        (&["make", "2", "--server", "192.168.1.20"], "192.168.1.20 is none"),
    ] {
        let (code, said) = refusal(arguments, None);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn the_classroom_refuses_a_pupil_who_is_not_there_and_a_cluster_that_is_not_there() {
    let _turn = deployment();

    let (code, said) = refusal(&["reset", "7"], None);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("there is no pupil 7"), "{said}");
    // No program listens on port 1.
    let config = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-class.yaml");
    let context = "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\n\
        contexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n";
    fs::write(config, context).unwrap();
    let (code, said) = refusal(&["make", "2"], Some(config));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("kubectl must reach the cluster"), "{said}");
}

#[test]
fn a_namespace_of_other_people_is_left_alone() {
    let _turn = deployment();
    bash("kubectl create namespace pupil-2").unwrap();

    let said = classroom("make 2").unwrap_err();
    let left = bash("kubectl get namespace pupil-1 --ignore-not-found").unwrap();
    bash("kubectl delete namespace pupil-2").unwrap();

    assert!(said.contains("there is a namespace pupil-2 already"), "{said}");
    assert_eq!(left, "");
}

//! `docs/classroom.md`: a group of four in the cluster, each with the rights of a pupil.

use std::{
    env,
    path::Path,
    process::{Command, Output},
    thread,
};

use e2e::{documents::root, port_forward::PortForward};

use crate::{
    checks::kubeconfig_of_no_cluster,
    deployment, follow_as,
    lesson::{Learner, bash},
};

const CLASSROOM: &str = "kubernetes/classroom/classroom";

fn classroom(arguments: &str) -> Result<String, String> {
    bash(&format!("{CLASSROOM} {arguments}"))
}

/// Runs the commands of the page that have this mark.
fn as_printed(mark: &str) -> String {
    bash(&format!(".ci/readme --file docs/classroom.md {mark}")).unwrap()
}

/// Pupil `number` at a terminal.
fn pupil(number: u32) -> Learner {
    let name = format!("pupil-{number}");
    let kubeconfig = root().join(format!("../pupils/{name}.kubeconfig"));
    let kubeconfig = kubeconfig.to_str().unwrap().to_owned();
    Learner { namespace: name, environment: vec![("KUBECONFIG", kubeconfig)] }
}

/// Which pupil goes through which lessons: one lesson each, or with `FIGURES` every lesson that pupils can do.
fn lessons_of_pupils() -> Vec<(u32, &'static [&'static str])> {
    match env::var_os("FIGURES") {
        None => vec![(1, &["1-headless-service"]), (3, &["5-balancing"])],
        Some(_) => vec![
            (1, &["1-headless-service", "2-stable-names", "3-deployment"]),
            (3, &["5-balancing", "6-nginx", "7-primary-and-replicas", "10-production"]),
        ],
    }
}

/// Opens the Service at any port of this machine.
fn forward(learner: &Learner, service: &str) -> PortForward {
    PortForward::open(&mut learner.program("kubectl"), service, ":80")
}

/// A pupil who has a port-forward to each app, and a lesson.
fn goes_through(number: u32, lesson: &str) {
    let mut learner = pupil(number);
    let [write, read] =
        ["write", "read"].map(|app| forward(&learner, &format!("service/{app}-app-service")));
    for (name, PortForward { port, .. }) in [("WRITE_APP", &write), ("READ_APP", &read)] {
        learner.environment.push((name, format!("http://127.0.0.1:{port}")));
    }
    follow_as(&learner, &format!("docs/lessons/{lesson}.md"));
}

/// What a pupil may do.
const ALLOWED: [&str; 6] = [
    "auth can-i create statefulsets.apps",
    "auth can-i create pods/exec",
    "auth can-i create networkpolicies.networking.k8s.io",
    "get nodes",
    "get storageclasses",
    "get configmap coredns -n kube-system",
];

/// What the API server refuses to pupil 4, and a part of what it says.
const REFUSED: [(&str, &str); 12] = [
    ("get secrets -n pupil-2", "(Forbidden)"),
    ("get pods --all-namespaces", "(Forbidden)"),
    ("delete namespace pupil-4", "(Forbidden)"),
    ("create namespace another", "(Forbidden)"),
    ("delete resourcequota pupil", "(Forbidden)"),
    ("delete limitrange pupil", "(Forbidden)"),
    ("label namespace pupil-4 pod-security.kubernetes.io/enforce-", "(Forbidden)"),
    (
        "create rolebinding all --clusterrole=cluster-admin --group=system:masters",
        "permissions not currently held",
    ),
    ("annotate storageclass standard mine=true", "(Forbidden)"),
    ("get secrets -n kube-system", "(Forbidden)"),
    ("create service nodeport mine --tcp=80:80", "exceeded quota: pupil"),
    (
        r#"run host --image=busybox:stable --overrides='{"spec":{"hostNetwork":true}}'"#,
        "violates PodSecurity",
    ),
];

fn check_rights() {
    let four = pupil(4);
    for allowed in ALLOWED {
        four.bash(&format!("kubectl {allowed}")).unwrap();
    }
    for (refused, words) in REFUSED {
        let said = four.bash(&format!("kubectl {refused}")).unwrap_err();
        assert!(said.contains(words), "{refused}: {said}");
    }
}

/// The ids of a pupil's MySQL pods.
fn pods(number: u32) -> String {
    let ids =
        "kubectl get pods -l app.kubernetes.io/name=mysql -o jsonpath='{.items[*].metadata.uid}'";
    pupil(number).bash(ids).unwrap()
}

/// A pupil deletes and changes everything, and gets it back.
fn reset_restores_one_pupil() {
    let (two, neighbours) = (pupil(2), pods(1));
    two.bash(
        "kubectl delete statefulset mysql
        kubectl delete service mysql
        kubectl delete persistentvolumeclaims --all
        kubectl create deployment mine --image=busybox:stable -- sleep infinity
        kubectl set env deployment/write-app DB_HOST=mysql-9.mysql",
    )
    .unwrap();

    let said = as_printed("reset");
    assert!(said.contains("pupil-2: ready"), "{said}");

    let workloads = two.bash("kubectl get statefulsets,deployments -o name | sort").unwrap();
    let ours = "deployment.apps/read-app\ndeployment.apps/write-app\nstatefulset.apps/mysql\n";
    assert_eq!(workloads, ours);
    let users = "kubectl exec mysql-0 -- mysql -uroot -N -e 'SELECT COUNT(*) FROM userdb.users'";
    assert_eq!(two.bash(users).unwrap(), "0\n");
    assert_eq!(pods(1), neighbours);
}

#[test]
fn a_group_of_four_works_side_by_side_and_leaves_nothing() {
    let _turn = deployment();
    // What an earlier run left, if it failed.
    classroom("remove").unwrap();
    let said = as_printed("make");
    for number in 1..=2 {
        assert!(said.contains(&format!("pupil-{number}: ready")), "{said}");
    }
    // A latecomer costs the others nothing: pupil 2 keeps even the pod that it has added.
    let scale = "kubectl scale statefulset mysql --replicas=3
        kubectl rollout status statefulset/mysql";
    pupil(2).bash(scale).unwrap();
    let three = pods(2);
    classroom("make 4").unwrap();
    assert_eq!(pods(2), three);
    as_printed("pupil");

    thread::scope(|group| {
        group.spawn(check_rights);
        for (number, lessons) in lessons_of_pupils() {
            group.spawn(move || lessons.iter().for_each(|lesson| goes_through(number, lesson)));
        }
    });
    reset_restores_one_pupil();
    let status = classroom("status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("pupil-")).count();
    assert_eq!(lines, 4 * 3, "{status}");

    remove_leaves_nothing();
}

fn remove_leaves_nothing() {
    let said = as_printed("remove");
    assert!(said.contains("removed: 4 pupils"), "{said}");
    let kinds = "namespaces,clusterroles,clusterrolebindings,roles,rolebindings";
    let left = format!("kubectl get {kinds} --all-namespaces -l headless-service-demo/classroom");
    assert_eq!(bash(&left).unwrap(), "No resources found\n");
    assert!(!root().join("../pupils").exists());
    assert!(classroom("status").unwrap_err().contains("there is no group"));
}

/// What the script says of arguments, and its exit status.
fn refusal(arguments: &[&str], kubeconfig: Option<&Path>) -> (Option<i32>, String) {
    let mut script = Command::new(root().join(CLASSROOM));
    script.args(arguments);
    if let Some(kubeconfig) = kubeconfig {
        script.env("KUBECONFIG", kubeconfig);
    }
    let Output { status, stderr, .. } = script.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_classroom_says_what_is_wrong_with_its_arguments() {
    for (arguments, words) in [
        (&[][..], "say one of: make N"),
        (&["grade"], "say one of: make N"),
        (&["make"], "make needs one number of pupils"),
        (&["make", "3", "7"], "make needs one number of pupils"),
        (&["make", "0"], "make needs one number of pupils"),
        (&["make", "-3"], "there is no option -3"),
        (&["make", "many"], "make needs one number of pupils"),
        (&["make", "100"], "1 to 99"),
        (&["reset"], "reset needs the numbers of pupils"),
        (&["remove", "7"], "remove is for the whole group"),
        (&["status", "pupil-7"], "status is for the whole group"),
        (&["make", "2", "--hours", "soon"], "not soon"),
        (&["make", "2", "--hours"], "--hours needs a value"),
        (&["make", "2", "--server", "192.168.1.20"], "not 192.168.1.20"),
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
    // A dot is no pattern.
    let (code, said) = refusal(&["reset", "."], None);
    assert_eq!(code, Some(1), "{said}");
    let config = kubeconfig_of_no_cluster();
    let (code, said) = refusal(&["make", "2"], Some(config.path()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("kubectl must reach the cluster"), "{said}");
}

#[test]
fn a_namespace_of_other_people_is_left_alone() {
    let _turn = deployment();
    classroom("remove").unwrap();
    bash("kubectl create namespace pupil-2").unwrap();

    let said = classroom("make 2").unwrap_err();
    let left = bash("kubectl get namespace pupil-1 --ignore-not-found").unwrap();
    bash("kubectl delete namespace pupil-2").unwrap();

    assert!(said.contains("there is a namespace pupil-2 already"), "{said}");
    assert_eq!(left, "");
}

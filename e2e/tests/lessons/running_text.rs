//! kubectl's commands that no other test runs: those in the sentences, in the indented blocks and in the unmarked blocks
//! of all documents, and those on read-app's page.
//!
//! A command that only reads must succeed and print something. One that changes something must succeed. The cluster
//! is whole again at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use e2e::documents::{Code, documents, file, kubectl_verb, root};
use regex::Regex;

use crate::{
    deployment,
    lesson::{DEADLINE, Running, bash},
};

/// The part of read-app's page that has commands.
const PAGE: &str = "read-app/templates/try.html";

/// What a command has in a document, and what it has here.
const INSTEAD: [(&str, &str); 8] = [
    ("{pods}", "3"),
    ("--namespace=NAME", "--namespace=default"),
    // On kind, the ports are taken.
    (" 30000:80", " :80"),
    (" 30001:80", " :80"),
    ("mysql-N", "mysql-1"),
    ("pod NAME", "pod mysql-1"),
    ("run …", "run client --image=mysql:9.7 --dry-run=server --"),
    // No driver of a test's cluster can make a volume larger.
    ("=4Gi", "=3Gi"),
];

/// What a command gets here: because a sentence only names it, or because it would do too much.
const ADDED: [(&str, &str); 13] = [
    ("kubectl apply", "-f kubernetes/read-app.yaml --dry-run=server"),
    ("kubectl apply -f", "kubernetes/read-app.yaml --dry-run=server"),
    ("kubectl apply -k", "overlays/limits --dry-run=server"),
    ("kubectl apply -k overlays/limits", "--dry-run=server"),
    ("kubectl apply -k overlays/second-copy", "--dry-run=client"),
    ("kubectl delete namespace", "default --dry-run=client"),
    ("kubectl describe", "persistentvolumeclaim data-mysql-0"),
    ("kubectl exec", "mysql-0 -- ls /"),
    ("kubectl logs", "mysql-0"),
    (
        r#"kubectl patch persistentvolumeclaim data-mysql-0 -p '{"spec":{"resources":{"requests":{"storage":"4Gi"}}}}'"#,
        "--dry-run=client",
    ),
    ("kubectl port-forward", "service/write-app-service 8000:80"),
    ("kubectl rollout undo", "deployment/read-app"),
    ("kubectl run", "client --image=mysql:9.7 --dry-run=server"),
];

/// The verbs of commands that only read.
const READING: [&str; 9] = [
    "cluster-info",
    "describe",
    "events",
    "explain",
    "get",
    "kustomize",
    "logs",
    "port-forward",
    "wait",
];

/// What a `kubectl exec` has that only reads.
const READING_INSIDE: [&str; 3] =
    ["-- /read-app --lookup ", "-- bash /etc/mysql-scripts/probe.sh ", "-- ls "];

/// Commands that print nothing where all is well.
const SILENT: [&str; 4] = [
    "kubectl describe quota",
    "kubectl exec mysql-1 -- bash /etc/mysql-scripts/probe.sh ready",
    "kubectl exec mysql-1 -- mysql -uroot -e 'STOP REPLICA SQL_THREAD'",
    "kubectl exec mysql-1 -- mysql -uroot -e 'START REPLICA SQL_THREAD'",
];

/// Commands that other tests run: the document's block with this tag has the same line.
const ELSEWHERE: [(&str, &str, &str); 1] =
    [("kubectl delete -f kubernetes", "README.md", "cluster-down")];

/// Waits until all pods are as the folder says.
const WHOLE: &str = "kubectl rollout status statefulset/mysql
    kubectl rollout status deployment/write-app
    kubectl rollout status deployment/read-app";

/// Commands that change something or need a change, in this order, each between what the test does before and after it.
const CHANGES: [(&str, &str, &str); 18] = [
    ("", "kubectl config set-context --current --namespace=default", ""),
    ("", "kubectl label pod mysql-1 headless-service-demo/mysql-client=true", ""),
    (
        "for pod in mysql-0 mysql-1; do kubectl exec \"$pod\" -- bash -c 'kill 1'; done
        kubectl wait pod/mysql-0 pod/mysql-1 --timeout=60s \
            --for=jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'=0",
        "kubectl logs --previous mysql-0",
        "",
    ),
    ("", "kubectl logs --previous mysql-1", ""),
    ("", "kubectl delete pod mysql-0", ""),
    (
        "",
        "kubectl scale statefulset mysql --replicas=3",
        "kubectl wait --for=create --timeout=60s pod/mysql-2",
    ),
    ("", "kubectl apply -f kubernetes", "kubectl delete persistentvolumeclaim data-mysql-2"),
    ("", "kubectl apply -k kubernetes", WHOLE),
    ("", "kubectl exec mysql-1 -- mysql -uroot -e 'STOP REPLICA SQL_THREAD'", ""),
    ("", "kubectl exec mysql-1 -- mysql -uroot -e 'START REPLICA SQL_THREAD'", ""),
    ("", "kubectl delete pod mysql-1", "kubectl wait --for=create --timeout=60s pod/mysql-1"),
    ("", "kubectl delete pvc/data-mysql-1 pod/mysql-1 --wait=false", ""),
    ("", "kubectl delete pvc/data-mysql-1 pod/mysql-1", ""),
    (
        "kubectl rollout restart deployment/read-app && kubectl rollout status deployment/read-app",
        "kubectl rollout undo deployment/read-app",
        "",
    ),
    ("", "kubectl rollout status statefulset/mysql", WHOLE),
    (
        "",
        "kubectl apply -f kubernetes/backup",
        // A job without a pod, since another test waits for a backup.
        "kubectl create job --from=cronjob/mysql-backup running-text --dry-run=client -o json |
            jq '.spec.suspend = true' | kubectl apply -f -",
    ),
    ("", "kubectl get jobs", ""),
    ("", "kubectl delete -f kubernetes/backup", ""),
];

/// The commands as they are printed, each with the documents that have it.
fn printed() -> BTreeMap<String, BTreeSet<String>> {
    let mut commands = BTreeMap::<_, BTreeSet<_>>::new();
    for document in documents() {
        let mut code = Code::of(&file(&document));
        if document.starts_with("docs/lessons/") || document == "docs/troubleshooting.md" {
            // They are followed from block to block.
            code.fenced.clear();
        }
        for command in [code.fenced, code.indented, code.sentences].concat() {
            commands.entry(command).or_default().insert(document.clone());
        }
    }
    let of_page = Regex::new(r#"\("(kubectl [^"]*)"\)"#).unwrap();
    for found in of_page.captures_iter(&file(PAGE)) {
        commands.entry(found[1].to_owned()).or_default().insert(PAGE.to_owned());
    }
    // The name of the program alone is no command.
    commands.retain(|command, _| command.starts_with("kubectl "));
    commands
}

/// What runs for a command as it is printed.
fn filled_in(command: &str) -> String {
    let whole = INSTEAD.iter().fold(command.to_owned(), |text, (from, to)| text.replace(from, to));
    match ADDED.iter().find(|(name, _)| *name == command) {
        Some((_, rest)) => format!("{whole} {rest}"),
        None => whole,
    }
}

/// The first place where the reader puts something in: `<pod>`, `…`, or a word in capitals, as `NAME` and `mysql-N`.
fn placeholder(command: &str) -> Option<String> {
    // What is quoted is SQL or JSON.
    let unquoted = Regex::new(r#"'[^']*'|"[^"]*""#).unwrap().replace_all(command, "");
    let place = Regex::new(r"<[^>]*>|…|(?:^|[\s/=]|\w-)([A-Z]+)(?:$|[\s/,])").unwrap();
    place
        .captures(&unquoted)
        .map(|found| found.get(1).unwrap_or(found.get(0).unwrap()).as_str().to_owned())
}

/// Whether a command changes nothing.
fn only_reads(command: &str) -> bool {
    let words: Vec<_> = command.split_whitespace().collect();
    let verb = kubectl_verb(&words).unwrap_or_default();
    let is_tried = command.contains(" --dry-run=");
    let reads_inside = READING_INSIDE.iter().any(|inside| command.contains(inside));
    is_tried || READING.contains(&verb) || (verb == "exec" && reads_inside)
}

/// The commands that only read. It fails for a command of which this file does not know how it can run.
fn reading() -> BTreeMap<String, BTreeSet<String>> {
    let here = "in e2e/tests/lessons/running_text.rs";
    let (mut reading, mut unknown) = (BTreeMap::<_, BTreeSet<_>>::new(), Vec::new());
    for (printed, documents) in printed() {
        let command = filled_in(&printed);
        let is_known = CHANGES.iter().any(|(_, change, _)| *change == command)
            || ELSEWHERE.iter().any(|(elsewhere, ..)| *elsewhere == command);
        if let Some(place) = placeholder(&command) {
            unknown.push(format!(
                "{documents:?}: {printed}: say {here} what stands for {place}: INSTEAD"
            ));
        } else if only_reads(&command) && !is_known {
            reading.entry(command).or_default().extend(documents);
        } else if !is_known {
            unknown.push(format!("{documents:?}: {printed}: say {here} when it runs: CHANGES"));
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    reading
}

/// Runs a command that must print something.
fn run(command: &str) -> Result<(), String> {
    println!("$ {command}");
    let runs_on = ["port-forward", " -w", " --watch", "logs -f", " --follow"];
    if runs_on.iter().any(|words| command.contains(words)) {
        return start(command);
    }
    if SILENT.contains(&command) {
        return bash(command).map(drop);
    }
    let nothing = "{ echo 'it printed nothing'; exit 1; }";
    bash(&format!("printed=$({command})\n[[ -n $printed ]] || {nothing}")).map(drop)
}

/// Starts a command that runs on until it is stopped, and waits for its first line.
fn start(command: &str) -> Result<(), String> {
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("exec {command}")]).current_dir(root()).stdout(Stdio::piped());
    let mut child = bash.spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let _running = Running(child);
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(BufReader::new(output).lines().next()));
    match receive.recv_timeout(DEADLINE) {
        Ok(Some(_)) => Ok(()),
        _ => Err(format!("$ {command}\nit printed nothing")),
    }
}

#[test]
fn every_command_that_stands_in_a_sentence_runs() {
    let reading = reading();
    let mut is_whole = deployment();
    // Where this test fails, the next one applies the folder.
    *is_whole = false;

    let wrong = reading.iter().filter_map(|(command, documents)| {
        run(command).err().map(|reason| format!("{documents:?}: {reason}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (before, command, after) in CHANGES {
        bash(before).unwrap();
        run(command).unwrap();
        bash(after).unwrap();
    }

    *is_whole = true;
}

#[test]
fn a_command_that_is_wrong_is_noticed() {
    let _turn = deployment();

    for command in [
        "kubectl logs mysql-0 --tails=5",
        "kubectl logs mysql-0 --container mysqld",
        "kubectl logs --follow mysql-9",
        "kubectl describe pod mysql-9",
        "kubectl get pods -l app=mysql",
        "kubectl get statefulset mysql -o jsonpath='{.status.readyReplica}'",
        "kubectl get pods.v1beta1",
        "kubectl rollout redo deployment/read-app",
        "kubectl exec mysql-1 -- bash /etc/mysql-scripts/probes.sh ready",
        "kubectl port-forward service/write-app 8000:80",
    ] {
        assert!(run(command).is_err(), "{command}");
    }
}

#[test]
fn every_command_that_this_file_names_is_in_a_document() {
    let printed = printed();
    let filled_in: BTreeSet<_> = printed.keys().map(|command| filled_in(command)).collect();

    for (text, _) in INSTEAD {
        assert!(printed.keys().any(|command| command.contains(text)), "{text}");
    }
    for (command, _) in ADDED {
        assert!(printed.contains_key(command), "{command}");
    }
    let changes = CHANGES.iter().map(|(_, command, _)| command);
    for command in changes.chain(&SILENT).chain(ELSEWHERE.iter().map(|(command, ..)| command)) {
        assert!(filled_in.contains(*command), "{command}");
    }
    for (command, document, tag) in ELSEWHERE {
        let block = bash(&format!(".ci/readme --file {document} --print {tag}")).unwrap();
        assert!(block.lines().any(|line| line == command), "{command} is not in {document}, {tag}");
    }
}

#[test]
fn what_the_reader_puts_in_is_found() {
    for (command, place) in [
        ("kubectl logs mysql-N", "N"),
        ("kubectl label pod NAME a=true", "NAME"),
        ("kubectl -n NAMESPACE get pods", "NAMESPACE"),
        ("kubectl delete pvc/data-mysql-N pod/mysql-1", "N"),
        ("kubectl set env deployment/read-app LEVEL=VALUE", "VALUE"),
        ("kubectl logs <pod>", "<pod>"),
        ("kubectl run … mysql", "…"),
    ] {
        assert_eq!(placeholder(command).as_deref(), Some(place), "{command}");
    }
    for command in [
        "kubectl exec mysql-0 -- mysql -uroot -N -e 'SHOW REPLICA STATUS'",
        "kubectl set env deployment/read-app LEVEL=debug",
        "kubectl get pods -o custom-columns=POD:.metadata.name",
        "kubectl wait --for=jsonpath='{.status.capacity.storage}'=3Gi pvc/data-mysql-0",
    ] {
        assert_eq!(placeholder(command), None, "{command}");
    }
}

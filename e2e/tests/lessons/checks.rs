//! The tasks at the end of the lessons, and those of `docs/lessons/ckad.md`. `kubernetes/lessons/check` says what is
//! missing before a task is done, and in wrong answers. The solution that the document prints is right.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use e2e::documents::{file, root};
use tempfile::NamedTempFile;

use crate::{
    deployment,
    lesson::{CHECK, bash, blocks, solutions, without_folded},
    tasks::{CKAD, LESSONS, Task},
};

/// How long the cluster may take until a check says what it should.
const DEADLINE: Duration = Duration::from_secs(45);

/// What a task may leave: nothing of these kinds.
const LEFT: &str = "kubectl get deployments,statefulsets,services,poddisruptionbudgets,\
    persistentvolumeclaims,networkpolicies -o name";

/// What runs after an answer. Before a pod is ready, each check says that something is missing, of the right answer
/// too. Some wrong answers have pods that are never ready.
const SETTLE: &str = "kubectl wait --for=condition=Ready pods --all --timeout=5s || true";

/// The parts of a task that its document prints.
struct Printed {
    given: String,
    solution: String,
    removal: String,
}

impl Printed {
    fn read(task: &Task) -> Self {
        let text = file(task.document);
        let (_, section) = text.split_once(&format!("\n## {}", task.heading)).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let commands = |text: &str| blocks(text).into_iter().map(as_commands).collect::<Vec<_>>();
        let solution = commands(&solutions(section)).join("\n");
        let steps = commands(&without_folded(section));
        let check = format!("{CHECK}{}", task.number);
        let at = steps.iter().position(|step| *step == check).unwrap();
        assert_eq!(steps.len(), at + 2, "{check}: after it must stand how to remove the answer");
        Self { given: steps[..at].join("\n"), solution, removal: steps[at + 1].clone() }
    }
}

/// A block as a learner uses it.
fn as_commands((info, block): (&str, String)) -> String {
    match info {
        "sh" => block,
        "yaml" => format!("kubectl apply -f - <<'ANSWER'\n{block}\nANSWER"),
        _ => panic!("a block of {info}:\n{block}"),
    }
}

/// The exit status of a check, and what it prints.
fn check(number: &str) -> (Option<i32>, String) {
    let mut check = Command::new(root().join("kubernetes/lessons/check"));
    let output = check.arg(number).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

/// Waits until something is as it should be.
fn until(mut ask: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match ask() {
            Err(_) if start.elapsed() < DEADLINE => thread::sleep(Duration::from_millis(250)),
            answer => return answer,
        }
    }
}

/// Waits until a check ends with this status, and prints these words.
fn until_it_says(number: &str, status: i32, words: &[&str]) -> Result<(), String> {
    until(|| {
        let (code, printed) = check(number);
        let is_said = words.iter().all(|words| printed.contains(words));
        if code == Some(status) && is_said {
            Ok(())
        } else {
            Err(format!(
                "check {number}: {code:?}, and must be {status} with {words:?}:\n{printed}"
            ))
        }
    })
}

/// Gives an answer, asks the check, and removes the answer.
fn try_answer(
    task: &Task,
    printed: &Printed,
    answer: &str,
    (status, words): (i32, &[&str]),
) -> Result<(), String> {
    println!("check {}: {words:?}", task.number);
    let result = bash(&printed.given)
        .and_then(|_| {
            if answer.is_empty() { Ok(String::new()) } else { bash(&format!("{answer}\n{SETTLE}")) }
        })
        .and_then(|_| until_it_says(task.number, status, words));
    bash(&printed.removal)?;
    result
}

fn go_through(task: &Task) -> Result<(), String> {
    let printed = Printed::read(task);
    bash(task.before)?;
    let before = bash(LEFT)?;
    try_answer(task, &printed, "", (1, task.missing))?;
    for wrong in task.wrong {
        let mut answer = printed.solution.clone();
        for (right, fault) in wrong.faults {
            assert!(answer.contains(right), "{}: {right}", task.number);
            answer = answer.replacen(right, fault, 1);
        }
        try_answer(task, &printed, &answer, (1, wrong.says))?;
    }
    try_answer(task, &printed, &printed.solution, (0, &["done: "]))?;
    until(|| match bash(LEFT)? {
        left if left == before => Ok(()),
        left => Err(format!("task {}: before:\n{before}after:\n{left}", task.number)),
    })?;
    bash(task.after).map(drop)
}

fn go_through_all(tasks: &[Task]) {
    let _turn = deployment();
    let failed = tasks.iter().filter_map(|task| {
        let start = Instant::now();
        let failed = go_through(task).err();
        println!("task {}: {:?}", task.number, start.elapsed());
        failed.map(|reason| format!("task {}: {reason}", task.number))
    });
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_checks_of_the_lessons_tell_the_solution_from_wrong_answers() {
    go_through_all(&LESSONS);
}

#[test]
fn the_checks_of_the_timed_tasks_tell_the_solution_from_wrong_answers() {
    go_through_all(&CKAD);
}

#[test]
fn a_task_that_is_not_there_is_refused_with_a_list_of_those_that_are() {
    let tasks: Vec<_> = LESSONS.iter().chain(&CKAD).map(|task| task.number).collect();
    let list = tasks.join(" ");

    for number in ["11", "0", "", "ckad-7", "ckad", "../check", "1.sh"] {
        let (code, printed) = check(number);
        assert_eq!(code, Some(2), "{number}: {printed}");
        assert!(printed.contains(&list), "{number}: {printed}");
    }
    let (code, printed) = check("--help");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("usage: ") && printed.contains(&list), "{printed}");
}

/// The kubeconfig of a cluster that does not answer: no program listens on port 1.
pub(crate) fn kubeconfig_of_no_cluster() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let context = "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\n\
        contexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n";
    fs::write(&file, context).unwrap();
    file
}

#[test]
fn a_cluster_that_does_not_answer_is_one_missing_thing() {
    let config = kubeconfig_of_no_cluster();

    let mut check = Command::new(root().join("kubernetes/lessons/check"));
    let output = check.arg("1").env("KUBECONFIG", config.path()).output().unwrap();

    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(printed.starts_with("missing: kubectl cannot read the cluster: "), "{printed}");
    assert!(printed.contains("127.0.0.1:1 "), "{printed}");
}

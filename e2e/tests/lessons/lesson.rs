//! Reading a lesson: its commands, and what each step prints.

use std::{
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use e2e::documents::{file, root};
use regex::Regex;

use crate::{
    dns_cache::DnsCache,
    printed::{Printed, seconds_at_most},
    shape::{difference, shape},
};

/// How long the cluster may take until a step prints what it should.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// The command that says whether a task is done. `checks` runs it.
pub(crate) const CHECK: &str = "kubernetes/lessons/check ";

/// The line at the top of a lesson that sets variables for all of its commands.
const VARIABLES: &str = "source kubernetes/lessons/variables";

/// What a document folds away: the answer to a prediction, or the solution of a task.
static FOLDED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)<details><summary>(Answer|Solution)</summary>(.*?)</details>").unwrap()
});

/// Who goes through a lesson, and in which namespace.
pub(crate) struct Learner {
    pub(crate) namespace: String,
    /// What differs from the environment of this test, such as `KUBECONFIG`.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// The learner of the README.
impl Default for Learner {
    fn default() -> Self {
        Self { namespace: "default".to_owned(), environment: Vec::new() }
    }
}

/// The steps of a document.
pub(crate) struct Lesson {
    pub(crate) steps: Vec<Step>,
}

/// One block of commands, and the blocks of text after it: one, or one for each kind of DNS, or none.
pub(crate) struct Step {
    commands: String,
    /// An earlier step has set [`VARIABLES`] in the learner's terminal.
    has_variables: bool,
    printed: Vec<Printed>,
    /// The block begins with "```sh runs": its one command belongs in another terminal, where it runs on.
    runs_on: bool,
}

/// A command that runs until this is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lesson {
    /// Reads a document, whose path begins in the project's folder.
    pub(crate) fn read(name: &str) -> Self {
        let text = without_folded(&file(name));
        let mut steps = Vec::<Step>::new();
        let mut has_variables = false;
        for (info, block) in blocks(&text) {
            match (info, steps.last_mut()) {
                ("sh", _) if block.starts_with(CHECK) => {}
                ("sh" | "sh runs", _) => {
                    let runs_on = info == "sh runs";
                    let sets_variables = block == VARIABLES;
                    let printed = Vec::new();
                    steps.push(Step { commands: block, has_variables, printed, runs_on });
                    has_variables |= sets_variables;
                }
                (info, Some(step)) => step.printed.push(Printed::new(info, block)),
                _ => panic!("{name}: a block of {info} that belongs to no command:\n{block}"),
            }
        }
        assert!(!steps.is_empty(), "{name} has no commands");
        for step in &steps {
            assert!(Printed::is_clear(&step.printed), "{name}: which block?\n{}", step.commands);
        }
        Self { steps }
    }
}

pub(crate) fn without_folded(text: &str) -> String {
    FOLDED.replace_all(text, "").into_owned()
}

/// The solutions that a document folds away.
pub(crate) fn solutions(text: &str) -> String {
    let folded = FOLDED.captures_iter(text).filter(|folded| &folded[1] == "Solution");
    folded.map(|folded| folded[2].to_owned()).collect()
}

/// The fenced blocks of a document, each with what its first line says: the language, and more. In a list they are
/// indented.
pub(crate) fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let fence = line.trim_start();
        let indent = line.len() - fence.len();
        if let Some(info) = fence.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            let block: Vec<_> = inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
            blocks.push((info, block.join("\n")));
        }
    }
    blocks
}

impl Step {
    /// Runs its commands. They run again for a while when they fail or print something else, since a cluster takes
    /// time to change. Commands that measure a time run once: the second time they would measure another. Returns what
    /// runs on.
    pub(crate) fn take(&self, dns: &DnsCache, learner: &Learner) -> Option<Running> {
        println!("$ {}", self.commands);
        if self.runs_on {
            let mut bash = learner.terminal(&format!("exec {}", self.commands));
            return Some(Running(bash.stdout(Stdio::null()).spawn().unwrap()));
        }
        let start = Instant::now();
        while let Err(reason) = self.try_once(dns, learner) {
            let is_over = self.measures_time() || start.elapsed() > DEADLINE;
            assert!(!is_over, "$ {}\n{reason}\nDNS: {dns:?}", self.commands);
            std::thread::sleep(Duration::from_secs(1));
        }
        None
    }

    fn measures_time(&self) -> bool {
        self.printed.iter().any(|printed| printed.within.is_some())
    }

    fn try_once(&self, dns: &DnsCache, learner: &Learner) -> Result<(), String> {
        let variables =
            if self.has_variables { format!("{VARIABLES} > /dev/null\n") } else { String::new() };
        let output = learner.bash(&(variables + &self.commands))?;
        println!("{output}");
        let output = learner.as_in_the_document(&output);
        let Some(expected) = self.printed.iter().find(|printed| printed.is_for(dns)) else {
            return Ok(());
        };
        if let Some(difference) = difference(&shape(&expected.text), &shape(&output)) {
            return Err(difference);
        }
        match expected.within {
            Some(within) => seconds_at_most(within + dns.remembers, &output),
            None if self.printed.len() > 1 => dns.gives_the_ttls_of(&output),
            None => Ok(()),
        }
    }
}

impl Learner {
    /// Runs commands in the project's folder. Returns their output and error output.
    pub(crate) fn bash(&self, commands: &str) -> Result<String, String> {
        let output = self.terminal(&format!("set -euo pipefail\n{commands}")).output().unwrap();
        let [printed, said] = [&output.stdout, &output.stderr]
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let all = format!("{printed}{said}");
        if output.status.success() { Ok(all) } else { Err(format!("$ {commands}\n{all}")) }
    }

    fn terminal(&self, commands: &str) -> Command {
        let mut bash = self.program("bash");
        bash.args(["-c", commands]).current_dir(root());
        bash
    }

    /// A program that runs in the learner's environment.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut program = Command::new(name);
        program.envs(self.environment.iter().map(|(name, value)| (name, value)));
        program
    }

    /// An output with the namespace, and the addresses of the apps, that the document has.
    fn as_in_the_document(&self, output: &str) -> String {
        let mut output = output.replace(&self.namespace, "default");
        for (name, usual) in
            [("WRITE_APP", "http://127.0.0.1:30000"), ("READ_APP", "http://127.0.0.1:30001")]
        {
            if let Some((_, own)) = self.environment.iter().find(|(set, _)| *set == name) {
                output = output.replace(own, usual);
            }
        }
        output
    }
}

/// Runs commands in the project's folder, as a learner with the README's cluster does.
pub(crate) fn bash(commands: &str) -> Result<String, String> {
    Learner::default().bash(commands)
}

#[test]
fn what_a_document_folds_away_is_no_step() {
    let text = "```sh\na\n```\n<details><summary>Answer</summary>\n\nYes.\n\n</details>\n\n\
        <details><summary>Solution</summary>\n\n```yaml\nb\n```\n\n</details>\n";

    assert_eq!(blocks(&without_folded(text)), [("sh", "a".to_owned())]);
    assert_eq!(blocks(&solutions(text)), [("yaml", "b".to_owned())]);
}

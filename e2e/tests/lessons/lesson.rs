//! Reading a lesson: its commands, and what each step prints.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::shape::{difference, shape};

/// How long the cluster may take until a step prints what it should.
const DEADLINE: Duration = Duration::from_secs(90);

/// The steps of a document.
pub(crate) struct Lesson {
    pub(crate) steps: Vec<Step>,
}

/// One block of commands, and the block of text after it, if there is one.
pub(crate) struct Step {
    commands: String,
    printed: Option<String>,
    /// The block begins with "```sh runs": its one command belongs in another terminal, where it runs on.
    runs_on: bool,
}

/// A command that runs until this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lesson {
    /// Reads a document, whose path begins in the project's folder.
    pub(crate) fn read(name: &str) -> Self {
        let path = root().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut steps = Vec::<Step>::new();
        for (language, block) in blocks(&text) {
            match (language, steps.last_mut()) {
                ("sh" | "sh runs", _) => {
                    let runs_on = language == "sh runs";
                    steps.push(Step { commands: block, printed: None, runs_on });
                }
                ("text", Some(step)) if step.printed.is_none() => step.printed = Some(block),
                _ => panic!("{name}: a block of {language} that belongs to no command:\n{block}"),
            }
        }
        assert!(!steps.is_empty(), "{name} has no commands");
        Self { steps }
    }
}

/// The fenced blocks of a document, each with its language. In a list they are indented.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let fence = line.trim_start();
        let indent = line.len() - fence.len();
        if let Some(language) = fence.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            let block: Vec<_> = inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
            blocks.push((language, block.join("\n")));
        }
    }
    blocks
}

impl Step {
    /// Runs its commands. They run again for a while when they fail or print something else, since a cluster takes
    /// time to change. Returns what runs on.
    pub(crate) fn take(&self) -> Option<Running> {
        println!("$ {}", self.commands);
        if self.runs_on {
            let command = format!("exec {}", self.commands);
            let mut bash = Command::new("bash");
            bash.args(["-c", &command]).current_dir(root()).stdout(Stdio::null());
            return Some(Running(bash.spawn().unwrap()));
        }
        let start = Instant::now();
        while let Err(reason) = self.try_once() {
            assert!(start.elapsed() < DEADLINE, "$ {}\n{reason}", self.commands);
            std::thread::sleep(Duration::from_secs(1));
        }
        None
    }

    fn try_once(&self) -> Result<(), String> {
        let output = bash(&self.commands)?;
        println!("{output}");
        let Some(expected) = &self.printed else { return Ok(()) };
        difference(&shape(expected), &shape(&output)).map_or(Ok(()), Err)
    }
}

/// Runs commands in the project's folder, as a learner does. Returns their output and error output.
pub(crate) fn bash(commands: &str) -> Result<String, String> {
    let script = format!("set -euo pipefail\n{commands}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(root()).output().unwrap();
    let [printed, said] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let all = format!("{printed}{said}");
    if output.status.success() { Ok(all) } else { Err(format!("$ {commands}\n{all}")) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

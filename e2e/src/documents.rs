//! The documents of the repository, and the commands that they print.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "only tests call this, and a test that cannot go on must fail"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The project's folder.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A file of the project.
#[must_use]
pub fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All documents of the repository.
#[must_use]
pub fn documents() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    names.lines().filter(|name| root().join(name).exists()).map(str::to_owned).collect()
}

/// The verb of a kubectl command, such as `get` of `kubectl -n kube-system get pods`.
#[must_use]
pub fn kubectl_verb<'a>(command: &[&'a str]) -> Option<&'a str> {
    let mut words = command.iter().skip(1).copied();
    let mut word = words.next();
    while let Some(option) = word.filter(|word| word.starts_with('-')) {
        let has_value = ["-n", "--namespace"].contains(&option);
        word = words.nth(usize::from(has_value));
    }
    word
}

/// The code of a document, by where it stands. A command that goes on after a backslash is one line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The lines of its fenced blocks that a mark such as `<!-- run: use -->` names for `.ci/readme`.
    pub marked: Vec<String>,
    /// The lines of its fenced blocks that a mark such as `<!-- not run: a Mac -->` is above.
    pub not_run: Vec<String>,
    /// The lines of its other fenced blocks.
    pub fenced: Vec<String>,
    /// The lines of its indented blocks.
    pub indented: Vec<String>,
    /// What its sentences have between backticks.
    pub sentences: Vec<String>,
}

impl Code {
    /// Reads a document's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.replace("\\\n", " ");
        let (mut code, mut sentences) = (Self::default(), String::new());
        // An indented block begins after an empty line.
        let (mut in_fence, mut may_be_indented, mut mark) = (false, true, "");
        for line in text.lines() {
            // In a list, fences are indented.
            if line.trim_start().starts_with("```") {
                in_fence = !in_fence;
                mark = if in_fence { mark } else { "" };
            } else if in_fence {
                let lines = match mark {
                    mark if mark.starts_with("<!-- run: ") => &mut code.marked,
                    mark if mark.starts_with("<!-- not run: ") => &mut code.not_run,
                    _ => &mut code.fenced,
                };
                lines.push(line.trim_start().trim_start_matches("$ ").to_owned());
            } else if may_be_indented && line.starts_with("    ") {
                code.indented.push(line.trim_start().to_owned());
            } else {
                may_be_indented = line.is_empty();
                mark = line;
                sentences.push_str(line);
                sentences.push(' ');
            }
        }
        let spans = sentences.split('`').skip(1).step_by(2);
        code.sentences =
            spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        code
    }

    /// All of it.
    #[must_use]
    pub fn all(self) -> Vec<String> {
        [self.marked, self.not_run, self.fenced, self.indented, self.sentences].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_of_kubectl_stands_after_its_options() {
        for command in ["kubectl get", "kubectl -n kube-system get pods", "kubectl --context=a get"]
        {
            let words: Vec<_> = command.split(' ').collect();
            assert_eq!(kubectl_verb(&words), Some("get"), "{command}");
        }
        assert_eq!(kubectl_verb(&["kubectl", "-n", "kube-system"]), None);
    }

    #[test]
    fn code_is_found_in_blocks_and_in_sentences() {
        let text =
            "One `cargo\n  test` and `b`.\n\n```sh\ncargo demo `x` \\\n  -y\n```\n\nThen `c`.";
        let code = Code::of(text);

        assert_eq!(code.fenced, ["cargo demo `x`    -y"]);
        assert_eq!(code.sentences, ["cargo test", "b", "c"]);
        assert_eq!(code.indented, [""; 0]);
    }

    #[test]
    fn only_the_block_below_a_mark_is_marked() {
        let text =
            "```sh\na\n```\n\n<!-- run: use -->\n```sh\nb\n```\n```text\nc\n```\n```sh\nd\n```";
        let code = Code::of(text);

        assert_eq!(code.marked, ["b"]);
        assert_eq!(code.fenced, ["a", "c", "d"]);
    }

    #[test]
    fn a_block_for_another_machine_is_not_run() {
        let text = "<!-- not run: a Mac -->\n```sh\na\n```\n```sh\nb\n```";
        let code = Code::of(text);

        assert_eq!((code.not_run, code.fenced), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn code_is_found_in_the_blocks_of_a_list() {
        let text = "- An item\n    that goes on with `a`:\n\n      kubectl `x`\n      kubectl y\n\n  And `b`:\n\n  \
            ```sh\n  kubectl z\n  ```\n- `c`";
        let code = Code::of(text);

        assert_eq!(code.indented, ["kubectl `x`", "kubectl y"]);
        assert_eq!(code.fenced, ["kubectl z"]);
        assert_eq!(code.sentences, ["a", "b", "c"]);
    }
}

//! The commands that documents print, in sentences and in blocks: each program, test, file and option that they name
//! must be there. `.ci/readme` and the lessons' tests run the marked blocks, and kubectl's commands in sentences; this
//! reads all of them, in no time.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use demo::options::Options;
use e2e::documents::{Code, documents, file, kubectl_verb, root};
use regex::Regex;

/// What stands for a name that the reader puts in.
const PLACEHOLDERS: [&str; 4] = ["NAME", "PART", "TAG", "DIR"];

/// The commands of cargo that documents name, besides the aliases in `.cargo/config.toml`.
const CARGO: [&str; 5] = ["bench", "build", "demo", "run", "test"];

/// The commands of kubectl that documents name.
const KUBECTL: [&str; 27] = [
    "annotate",
    "apply",
    "cluster-info",
    "config",
    "cordon",
    "create",
    "debug",
    "delete",
    "describe",
    "drain",
    "events",
    "exec",
    "explain",
    "expose",
    "get",
    "kustomize",
    "label",
    "logs",
    "patch",
    "port-forward",
    "rollout",
    "run",
    "scale",
    "set",
    "uncordon",
    "version",
    "wait",
];

/// One command of a document, without the variables before it.
struct Printed {
    document: String,
    words: Vec<String>,
}

impl Printed {
    fn text(&self) -> String {
        format!("{}: {}", self.document, self.words.join(" "))
    }

    /// The word after this one.
    fn after(&self, options: &[&str]) -> Option<&str> {
        let at = self.words.iter().position(|word| options.contains(&word.as_str()))?;
        self.words.get(at + 1).map(String::as_str)
    }
}

/// The commands of one program in all documents.
fn commands(program: &str) -> Vec<Printed> {
    documents().into_iter().flat_map(|document| commands_in(&document, program)).collect()
}

fn commands_in(document: &str, program: &str) -> Vec<Printed> {
    let variable = Regex::new("^[A-Z_]+=").unwrap();
    let printed = Code::of(&file(document)).all().into_iter().map(|code| {
        let words = code.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned());
        words.skip_while(|word| variable.is_match(word)).collect::<Vec<_>>()
    });
    // One word alone names the program.
    let wanted = printed.filter(|words| words.len() > 1 && words[0] == program);
    wanted.map(|words| Printed { document: document.to_owned(), words }).collect()
}

/// The folders of the workspace's packages.
fn packages() -> Vec<String> {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let packages = entries.filter(|entry| entry.path().join("Cargo.toml").exists());
    packages.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The names of the tests in a file or in the folder of a test target, with their modules.
fn tests_in(path: &Path, module: &str) -> Vec<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|entry| tests_in(&entry, &below(module, &entry))).collect();
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Vec::new();
    }
    let (text, mut attributed, mut names) = (fs::read_to_string(path).unwrap(), false, Vec::new());
    for line in text.lines().map(str::trim_start) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
            if attributed {
                names.push(format!("{module}{name}"));
            }
            attributed = false;
        }
        attributed |= line.starts_with("#[") && line.contains("test");
    }
    names
}

fn below(module: &str, entry: &Path) -> String {
    match entry.file_stem().and_then(|stem| stem.to_str()).unwrap() {
        "main" | "lib" | "mod" => module.to_owned(),
        name => format!("{module}{name}::"),
    }
}

/// The files and folders of the test targets that a `cargo test` names.
fn targets(command: &Printed) -> Vec<PathBuf> {
    let packages = match command.after(&["-p", "--package"]) {
        Some(package) => vec![package.to_owned()],
        None => packages(),
    };
    let folders = packages.iter().map(|package| root().join(package));
    let wanted = |folder: PathBuf| match command.after(&["--test"]) {
        Some(target) => {
            let folder = folder.join("tests");
            vec![folder.join(target), folder.join(format!("{target}.rs"))]
        }
        None if command.words.iter().any(|word| word == "--lib") => vec![folder.join("src")],
        None => vec![folder.join("src"), folder.join("tests")],
    };
    folders.flat_map(wanted).filter(|path| path.exists()).collect()
}

/// The words that select tests: those that are not options and not their values.
fn filters(command: &Printed) -> Vec<String> {
    let with_value = ["-p", "--package", "--test"];
    let mut words = command.words.iter().skip(2).peekable();
    let mut filters = Vec::new();
    while let Some(word) = words.next() {
        if with_value.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            filters.push(word.clone());
        }
    }
    filters
}

fn is_placeholder(word: &str) -> bool {
    PLACEHOLDERS.contains(&word)
}

/// What a `cargo test` names that is not there.
fn missing_tests(command: &Printed) -> Vec<String> {
    if command.words.iter().any(|word| is_placeholder(word)) {
        return Vec::new();
    }
    let targets = targets(command);
    if targets.is_empty() {
        return vec![format!("there is no such test target: {}", command.text())];
    }
    let tests = targets.iter().flat_map(|target| tests_in(target, "")).collect::<Vec<_>>();
    let selects_none = |filter: &String| !tests.iter().any(|test| test.contains(filter));
    let useless = filters(command).into_iter().filter(selects_none);
    useless.map(|filter| format!("no test's name contains {filter}: {}", command.text())).collect()
}

fn check_cargo_demo(command: &Printed, arguments: &[String]) {
    let arguments = ["demo".to_owned()].into_iter().chain(arguments.to_vec()).map(OsString::from);
    if let Err(error) = Options::read(arguments) {
        // The help goes to standard output.
        assert!(!error.use_stderr(), "{}: {error}", command.text());
    }
}

#[test]
fn every_cargo_command_names_a_package_a_target_and_tests_that_are_there() {
    let (packages, aliases, mut missing) = (packages(), file(".cargo/config.toml"), Vec::new());
    let commands = commands("cargo");
    for command in &commands {
        let name = &command.words[1];
        let is_alias = aliases.lines().any(|line| line.starts_with(&format!("{name} = ")));
        assert!(is_alias || CARGO.contains(&name.as_str()), "{}", command.text());
        if let Some(package) = command.after(&["-p", "--package"]) {
            assert!(packages.iter().any(|known| known == package), "{}", command.text());
        }
        match name.as_str() {
            "test" => missing.extend(missing_tests(command)),
            "demo" => check_cargo_demo(command, &command.words[2..]),
            "run" => {
                let example = command.after(&["--example"]).unwrap();
                assert!(root().join(format!("e2e/examples/{example}.rs")).exists());
            }
            _ => {}
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let texts = commands.iter().map(Printed::text).collect::<BTreeSet<_>>();
    assert!(texts.len() > 30 && texts.iter().any(|text| text.contains("demo --")), "{texts:#?}");
}

#[test]
fn every_kubectl_command_applies_files_that_are_there() {
    let commands = commands("kubectl");
    for command in &commands {
        let words: Vec<_> = command.words.iter().map(String::as_str).collect();
        let verb = kubectl_verb(&words).unwrap_or_else(|| panic!("{}", command.text()));
        assert!(KUBECTL.contains(&verb), "{}", command.text());
        let is_about_files = ["apply", "create", "delete", "kustomize"].contains(&verb);
        if let Some(path) = command.after(&["-f", "-k"]).filter(|_| is_about_files) {
            let elsewhere = path == "-" || path.starts_with("http") || path.starts_with('<');
            let is_there = root().join(path).exists()
                || file(&command.document).contains(&format!("> {path}"));
            assert!(elsewhere || is_there, "{path} is not there: {}", command.text());
        }
    }
    assert!(commands.len() > 100, "{}", commands.len());
}

#[test]
fn every_container_command_reads_files_that_are_there_and_runs_images_that_fit() {
    let toolchain = file("rust-toolchain.toml");
    let (mut files, mut demos) = (0, 0);
    for command in ["docker", "podman", "kind"].into_iter().flat_map(commands) {
        if let Some(path) = command.after(&["-f", "--file", "--config"]) {
            assert!(root().join(path).exists(), "{}", command.text());
            files += 1;
        }
        let Some(at) = command.words.windows(2).position(|words| words == ["cargo", "demo"]) else {
            continue;
        };
        check_cargo_demo(&command, &command.words[at + 2..]);
        // The image's Rust is the one that the project is pinned to, so rustup need not download another one.
        let image = &command.words[at - 1];
        let version = image.split([':', '-']).nth(1).unwrap();
        assert!(toolchain.contains(&format!("channel = \"{version}")), "{}", command.text());
        demos += 1;
    }
    assert!(files >= 6 && demos == 1, "{files} files, {demos} demos");
}

#[test]
fn every_part_of_the_checks_that_a_document_names_is_there() {
    let run = file(".ci/run");
    let mut parts = 0;
    for command in commands(".ci/run") {
        for part in command.words[1..].iter().filter(|part| !is_placeholder(part)) {
            let is_there = run.contains(&format!("\n{part}() {{"));
            assert!(is_there, ".ci/run has no part {part}: {}", command.text());
            parts += 1;
        }
    }
    assert!(parts > 10, "{parts} parts");
}

#[test]
fn every_block_that_is_marked_is_run() {
    let mark = Regex::new("(?m)^<!-- run: (.*) -->$").unwrap();
    let mut list = Command::new("git");
    let listed = list.args(["ls-files", "e2e/tests/*.rs"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let runners: Vec<_> = listed.lines().chain([".ci/run"]).map(file).collect();
    let mut marks = 0;
    for document in documents() {
        for tag in mark.captures_iter(&file(&document)).map(|found| found[1].to_owned()) {
            let run = Regex::new(&format!(r#""{tag}"|\.ci/readme.*[ "]{tag}\b"#)).unwrap();
            // `.ci/readme` reads the README where nothing names another document.
            let names = |text: &str| document == "README.md" || text.contains(&document);
            let is_run = runners.iter().any(|text| run.is_match(text) && names(text));
            assert!(is_run, "neither .ci/run nor a test runs {document}, {tag}");
            marks += 1;
        }
    }
    assert!(marks > 20, "{marks}");
}

#[test]
fn a_cargo_test_that_selects_no_test_is_noticed() {
    let missing = |command: &str| {
        let words = command.split_whitespace().map(str::to_owned).collect();
        missing_tests(&Printed { document: "README.md".to_owned(), words })
    };
    for command in [
        "cargo test -p app-core --test no_such_target",
        "cargo test -p no-such-package --test api",
        "cargo test --workspace --test documents no_such_test",
        "cargo test -p e2e --test documents -- --nocapture commands::no_such_test",
        "cargo test -p app-core --lib every_link_leads_to_a_file",
    ] {
        assert_eq!(missing(command).len(), 1, "{command}");
    }
    for command in [
        "cargo test --workspace",
        "cargo test -p e2e --test documents -- --nocapture",
        "cargo test --workspace --test documents commands::a_cargo_test",
        "cargo test --workspace --test NAME",
    ] {
        assert!(missing(command).is_empty(), "{:?}", missing(command));
    }
}

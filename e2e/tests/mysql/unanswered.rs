//! A question that is not answered has not been answered with "no": functions of the scripts, whose server does
//! not answer.

use std::{fs, process::Output};

use crate::mounted_scripts::MountedScripts;

/// The scripts, and their functions: `functions-of-bootstrap.sh` is bootstrap.sh without its last line, which calls
/// main.
struct Scripts(MountedScripts);

impl Scripts {
    fn mount() -> Self {
        let scripts = Self(MountedScripts::new());
        let folder = scripts.0.folder();
        for script in ["bootstrap.sh", "status.sh"] {
            let text = fs::read_to_string(folder.join(script)).unwrap();
            let functions = text.trim_end().strip_suffix("\nmain").unwrap();
            fs::write(folder.join(format!("functions-of-{script}")), functions).unwrap();
        }
        scripts
    }

    /// Runs bash code after one script's functions.
    fn run(&self, script: &str, code: &str) -> Output {
        let functions = self.0.folder().join(format!("functions-of-{script}"));
        let command = format!("source '{}'\n{code}", functions.display());
        self.0.bash(&["-c", &command])
    }
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_private_server_that_does_not_answer_has_not_said_no() {
    let scripts = Scripts::mount();
    let two_peers =
        "declare -A peer_sets=([mysql-1]=a:1 [mysql-2]=b:1) peer_uuids=([mysql-1]=a [mysql-2]=b)";
    for question in [
        "contains a:1-2 a:1",
        "donor= find_most_advanced",
        "if a_peer_is_ahead a:1; then :; fi",
        "if ! apply_all_stored a:1; then :; fi",
        "take_password a:1",
    ] {
        let code = format!("private_sql() {{ return 1; }}\n{two_peers}\n{question}\necho went on");
        let output = scripts.run("bootstrap.sh", &code);
        assert!(!output.status.success(), "{question}: {}", said(&output));
        assert!(!said(&output).contains("went on"), "{question}: {}", said(&output));
    }
}

#[test]
fn a_private_server_that_answers_no_has_said_no() {
    let scripts = Scripts::mount();
    let code = "private_sql() { echo 0; }\nif contains a:1 a:2; then echo yes; else echo no; fi";
    assert_eq!(said(&scripts.run("bootstrap.sh", code)), "no\n");
}

#[test]
fn an_api_server_whose_token_is_missing_has_not_said_that_there_is_no_pod() {
    let scripts = Scripts::mount();
    for question in [
        "address_of mysql-1",
        "api_get persistentvolumeclaims/data-mysql-1",
        "api_take_mark data-mysql-0",
    ] {
        let output = scripts.run("bootstrap.sh", question);
        assert!(!output.status.success(), "{question}");
        assert!(said(&output).contains("there is no token at /nowhere"), "{}", said(&output));
    }
}

const MARKED: &str = "    headless-service-demo/never-had-data: \"true\"\n";
const MADE_FOR_IT: &str = "    volume.kubernetes.io/storage-provisioner: a\n";
const BOTH: &str = "    headless-service-demo/never-had-data: \"true\"
    volume.kubernetes.io/storage-provisioner: a\n";
const NAMED: &str = "  volumeName: v\n";

/// A claim's annotations, spec and phase, and whether they show that there is no data.
const CLAIMS: [(&str, [&str; 3], bool); 7] = [
    ("no volume yet", ["", "", "Pending"], true),
    ("no volume yet, but the answer ends there", ["", "", ""], false),
    ("a volume chosen by hand", ["", NAMED, "Pending"], false),
    ("not marked", [MADE_FOR_IT, NAMED, "Bound"], false),
    ("marked, a volume from before", [MARKED, NAMED, "Bound"], false),
    ("its volume is lost", [MADE_FOR_IT, NAMED, "Lost"], false),
    ("marked, a volume made for it", [BOTH, NAMED, "Bound"], true),
];

#[test]
fn a_claim_shows_that_there_is_no_data_only_by_evidence() {
    let scripts = Scripts::mount();
    let shows_no_data = |claim: &str| {
        fs::write(scripts.0.folder().join("claim"), claim).unwrap();
        let code =
            "if shows_no_data \"$(< \"$MYSQL_RUN/claim\")\"; then echo yes; else echo no; fi";
        said(&scripts.run("bootstrap.sh", code)) == "yes\n"
    };
    for (what, [annotations, spec, phase], expected) in CLAIMS {
        let phase =
            if phase.is_empty() { String::new() } else { format!("status:\n  phase: {phase}\n") };
        let claim =
            format!("kind: c\nmetadata:\n  annotations:\n{annotations}spec:\n{spec}{phase}");
        assert_eq!(shows_no_data(&claim), expected, "{what}");
    }
    assert!(shows_no_data(""), "there is no claim");
}

#[test]
fn a_volume_that_cannot_be_read_is_not_empty() {
    let scripts = Scripts::mount();
    // As a disk with a fault: the name is there, and no folder behind it.
    for name in ["data", "data.old"] {
        let path = scripts.0.volume().join(name);
        fs::write(&path, "").unwrap();
        let output = scripts.0.bash(&["./bootstrap.sh"]);
        assert!(!output.status.success());
        assert!(said(&output).contains("cannot be read, or is not a folder"), "{}", said(&output));
        fs::remove_file(path).unwrap();
    }
    fs::remove_dir(scripts.0.volume()).unwrap();
    let output = scripts.0.bash(&["./bootstrap.sh"]);
    assert!(said(&output).contains("the volume cannot be read"), "{}", said(&output));
}

#[test]
fn data_is_not_moved_into_a_folder_that_is_there() {
    let scripts = Scripts::mount();
    for name in ["data", "data.old", "scratch"] {
        fs::create_dir(scripts.0.volume().join(name)).unwrap();
        fs::write(scripts.0.volume().join(name).join("file"), name).unwrap();
    }
    let output = scripts.run("bootstrap.sh", "publish \"$scratch\"");
    assert!(!output.status.success(), "{}", said(&output));
    for name in ["data", "data.old"] {
        let file = scripts.0.volume().join(name).join("file");
        assert_eq!(fs::read_to_string(file).unwrap(), name);
    }
}

#[test]
fn an_eleventh_pod_is_refused_with_the_reason() {
    let scripts = Scripts::mount();
    let output = scripts.run("bootstrap.sh", "identify mysql-10");
    assert!(!output.status.success());
    assert!(said(&output).contains("mysql-10 is one too many"), "{}", said(&output));
    assert!(scripts.run("bootstrap.sh", "identify mysql-9").status.success());
}

#[test]
fn transactions_are_counted_without_any_program() {
    let scripts = Scripts::mount();
    let sets = [
        ("-", "0"),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1", "1"),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7,4e11fa47-71ca-11e1-9e33-c80aa9429562:3", "7"),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:tag:1-2:4", "3"),
    ];
    for (set, count) in sets {
        let output = scripts.run("status.sh", &format!("PATH= count {set}"));
        assert_eq!(said(&output).trim(), count, "{set}");
    }
}

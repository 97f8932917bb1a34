//! The binary: its command line, its configuration, its end.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    os::unix::ffi::OsStrExt as _,
    process::{Command, Output, Stdio},
};

fn write_app() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_write-app"));
    command.env_clear();
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn help_and_version_need_no_configuration() {
    let help = write_app().arg("--help").output().unwrap();
    assert!(help.status.success() && text(&help).contains("DB_PASSWORD"), "{}", text(&help));

    let version = write_app().arg("--version").output().unwrap();
    assert_eq!(text(&version).trim(), format!("write-app {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_configuration_ends_with_78_and_names_every_problem() {
    let output = write_app().env("DB_PORT", "many").env("LISTEN", "here").output().unwrap();

    assert_eq!(output.status.code(), Some(78));
    for name in ["DB_PORT", "LISTEN", "DB_PASSWORD"] {
        assert!(text(&output).contains(name), "{}", text(&output));
    }
}

/// What the program says of the values below.
const PROBLEMS: [&str; 8] = [
    "DB_PASSWORD is empty",
    "DB_USER_FILE: the file cannot be read",
    "DB_NAME_FILE: the file cannot be read",
    "DB_HOST is not valid UTF-8",
    "DB_TLS_CA must be certificates in PEM",
    "DB_PORT must be",
    "LISTEN is empty",
    "DNS_SEARCH goes with DNS_SERVER",
];

/// Every kind of error in a value, or in the file that should hold it.
#[test]
fn an_error_in_a_value_names_the_variable_and_never_the_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let output = write_app()
        .arg("--check-config")
        .env("DB_PASSWORD_FILE", file("empty", b"\n"))
        .env("DB_USER_FILE", folder.path())
        .env("DB_NAME_FILE", file("latin-1", b"hunter2\xe9"))
        .env("DB_HOST", OsStr::from_bytes(b"hunter2\xff"))
        .env("DB_TLS_CA", "hunter2")
        .env("DB_PORT", "65536")
        .env("LISTEN", "")
        .env("DNS_SEARCH", "hunter2")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(78));
    let said = text(&output);
    for problem in PROBLEMS {
        assert!(said.contains(problem), "{problem} is missing in: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_configuration_can_be_checked_without_serving() {
    let usable = write_app().arg("--check-config").env("DB_PASSWORD", "hunter2").output().unwrap();
    assert!(usable.status.success(), "{}", text(&usable));
    assert!(!text(&usable).contains("hunter2"), "{}", text(&usable));

    let unusable = write_app().arg("--check-config").output().unwrap();
    assert_eq!(unusable.status.code(), Some(78));
    assert!(text(&unusable).contains("DB_PASSWORD is not set"), "{}", text(&unusable));
}

#[test]
fn a_wrong_argument_ends_with_2() {
    assert_eq!(write_app().arg("--port=1").output().unwrap().status.code(), Some(2));
}

/// The process runs until the signal, although it cannot reach MySQL.
#[test]
fn an_interrupted_process_ends_with_0() {
    let mut process = write_app()
        .env("DB_PASSWORD", "x")
        .env("LISTEN", "127.0.0.1:0")
        .env("DNS_SERVER", "127.0.0.1:9")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("\"message\":\"serving\"")),
        "it says in JSON that it serves"
    );

    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();

    assert!(sent.success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

//! The binary itself: its command line, its configuration, its end.

use std::{
    io::{BufRead as _, BufReader},
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

#[test]
fn a_configuration_can_be_checked_without_serving() {
    let output = write_app().arg("--check-config").env("DB_PASSWORD", "x").output().unwrap();

    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_wrong_argument_ends_with_2() {
    assert_eq!(write_app().arg("--port=1").output().unwrap().status.code(), Some(2));
}

/// Also while MySQL is not there: nothing but the signal ends the process.
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

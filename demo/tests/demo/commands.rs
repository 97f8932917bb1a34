//! What breaks the cluster: from a pipe, and from a second process.

use std::{
    fs,
    io::Write as _,
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use tempfile::TempDir;

use super::{Demo, command, free_port, text};

/// A line, and words of what the demo says then, in this order.
const SCRIPT: [(&str, &[&str]); 25] = [
    ("status", &["NAME", "mysql-0", "mysql-1"]),
    ("dlete mysql-1", &["there is no command \"dlete\"; did you mean delete?"]),
    (
        "delete mysql-7",
        &["delete cannot take \"mysql-7\"; it takes one of the pods mysql-0, mysql-1"],
    ),
    ("", &[]),
    ("delete mysql-1", &["mysql-1 is ending", "mysql-1 ended", "mysql-1 is ready"]),
    ("freeze mysql-1", &["mysql-1 is frozen: "]),
    ("freeze mysql-1", &["mysql-1 is frozen already"]),
    ("lag mysql-1", &["mysql-1 is frozen, and hears nothing"]),
    ("thaw mysql-1", &["mysql-1 goes on"]),
    ("thaw mysql-1", &["mysql-1 is not frozen"]),
    ("lag mysql-0", &["mysql-0 is the primary"]),
    ("lag mysql-1", &["mysql-1 receives what mysql-0 writes, and applies none of it"]),
    ("catch-up mysql-1", &["mysql-1 applies what it has received"]),
    ("scale 3", &["the StatefulSet wants 3 pods", "mysql-2 is ready"]),
    ("status", &["NAME", "mysql-2"]),
    ("scale 2", &["the StatefulSet wants 2 pods; the highest one ends first", "mysql-2 ended"]),
    ("scale 11", &["scale cannot take \"11\"; it takes a number from 1 to 10"]),
    ("dns-cache 30", &["the DNS server repeats each answer for 30 s"]),
    ("dns-cache 5", &["the DNS server repeats each answer for 5 s"]),
    ("dns-cache off", &["the DNS server repeats no answer"]),
    ("lose mysql-1", &["mysql-1 is ending", "its volume is deleted", "mysql-1 is ready"]),
    ("delete mysql-0", &["mysql-0 is ending", "mysql-0 ended", "mysql-0 is ready"]),
    ("status now", &["status stands alone"]),
    ("help", &["delete POD", "catch-up POD", "quit", "Ctrl-C"]),
    ("quit", &["stopping the servers", "stopped; the next run has the same users"]),
];

/// A demo that reads its commands from a pipe. It is killed when it is dropped.
struct Scripted {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    data: TempDir,
}

impl Scripted {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port()];
        let mut command = command(data.path(), ports);
        command.stdin(Stdio::piped());
        let Demo { mut process, lines, .. } = Demo::spawn(command, ports);
        let (input, (sender, received)) = (process.stdin.take().unwrap(), channel());
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { process, input, lines: received, data }
    }

    fn says(&mut self, words: &str) {
        let mut before = Vec::new();
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(300));
            let line = line.unwrap_or_else(|_| panic!("not said: {words}; but {before:#?}"));
            assert!(!line.contains('\u{1b}') && !line.starts_with('>'), "{line:?}");
            if line.contains(words) {
                return;
            }
            before.push(line);
        }
    }

    /// `cargo demo do …` for the same data.
    fn do_(&self, words: &[&str]) -> Output {
        do_with(Command::new(env!("CARGO_BIN_EXE_demo")), self.data.path(), words)
    }

    fn socket(&self) -> PathBuf {
        let path = fs::read(self.data.path().join("commands")).unwrap();
        std::ffi::OsString::from_vec(path).into()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        drop(self.process.kill());
    }
}

fn do_with(mut program: Command, data: &Path, words: &[&str]) -> Output {
    program.arg("--data").arg(data).arg("do").args(words).stdin(Stdio::null()).output().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Checks that a command was refused by one sentence on standard error.
fn check_refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("demo: ") && said.contains(words), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty(), "{}", text(output));
}

#[test]
fn each_line_of_a_pipe_is_carried_out_or_answered_with_what_is_wrong_in_it() {
    let mut demo = Scripted::start();
    for (line, answers) in SCRIPT {
        writeln!(demo.input, "{line}").unwrap();
        for words in answers {
            demo.says(words);
        }
    }
    assert_eq!(demo.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_process_of_the_same_user_sends_commands_and_nothing_else_disturbs_the_demo() {
    let mut demo = Scripted::start();

    let several = demo.do_(&["dns-cache 5", "status"]);
    let said = text(&several);
    assert!(several.status.success() && several.stderr.is_empty(), "{said}");
    assert!(said.starts_with("the DNS server repeats each answer for 5 s\nNAME"), "{said}");
    demo.says("the DNS server repeats each answer for 5 s");
    let words = demo.do_(&["freeze", "mysql-1", "thaw", "mysql-1"]);
    assert_eq!(text(&words).lines().count(), 2, "{}", text(&words));
    demo.says("mysql-1 goes on");
    check_refused(&demo.do_(&["delete"]), "delete needs one word more: one of the pods");
    check_refused(&demo.do_(&["status", "mysql-1"]), "status stands alone");
    check_refused(&demo.do_(&[""]), "the line is empty");
    check_refused(&demo.do_(&["x\n\u{1b}]y"]), "no command \"x\"");
    check_refused(&demo.do_(&[&"x".repeat(5000)]), "longer than 1024 bytes");
    check_refused(&demo.do_(&["lag mysql-0", "quit"]), "mysql-0 is the primary");

    let nuisances = send_nuisances(&demo.socket());
    assert!(demo.do_(&["status"]).status.success());
    drop(nuisances);
    check_other_users_are_refused(&demo);

    assert_eq!(text(&demo.do_(&["quit"])), "the demo stops\n");
    demo.says("stopped; the next run has the same users");
    assert_eq!(demo.process.wait().unwrap().code(), Some(0));
    let advice = format!("start one with `cargo demo --data {:?}`", demo.data.path());
    check_refused(&demo.do_(&["status"]), &advice);
}

/// Clients that send nothing, half a line, other bytes or megabytes, and that do not take their answer.
fn send_nuisances(socket: &Path) -> Vec<UnixStream> {
    let lines = [b"".to_vec(), b"stat".to_vec(), b"\0\xff\n".to_vec(), b"x".repeat(4 << 20)];
    let client = |line: Vec<u8>| {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        // The demo may have hung up.
        drop(stream.write_all(&line));
        stream
    };
    // The first of each goes away at once.
    drop(lines.clone().map(client));
    lines.map(client).into()
}

fn check_other_users_are_refused(demo: &Scripted) {
    let socket = demo.socket();
    let run = socket.parent().unwrap();
    assert_eq!((mode(run), mode(&socket)), (0o700, 0o600));
    if !rustix::process::getuid().is_root() {
        eprintln!("this user cannot become another one: only the socket's mode was checked");
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let program = elsewhere.path().join("demo");
    // By another process: a program that another test is just starting would hold the file open for writing until it
    // begins, and such a file does not run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_demo")).arg(&program).status();
    assert!(copied.unwrap().success());
    let as_another = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        do_with(command, demo.data.path(), &["quit"])
    };
    let refusal = "only the user who started the demo may send it commands";
    for folder in [elsewhere.path(), &program, demo.data.path()] {
        set_mode(folder, 0o755);
    }
    check_refused(&as_another(), refusal);
    // Even where the file system lets another user in.
    set_mode(run, 0o755);
    set_mode(&socket, 0o666);
    check_refused(&as_another(), refusal);
    assert!(demo.do_(&["status"]).status.success());
}

#[test]
fn where_no_demo_is_up_one_sentence_says_how_to_start_one() {
    let data = tempfile::tempdir().unwrap();
    let program = || Command::new(env!("CARGO_BIN_EXE_demo"));
    check_refused(&do_with(program(), data.path(), &["status"]), "no demo is up with its data in");

    // A demo that was killed leaves its socket behind.
    let socket = data.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    fs::write(data.path().join("commands"), socket.as_os_str().as_encoded_bytes()).unwrap();
    check_refused(&do_with(program(), data.path(), &["status"]), "no demo is up with its data in");
    let without = program().arg("do").output().unwrap();
    assert_eq!(without.status.code(), Some(2), "{}", text(&without));
}

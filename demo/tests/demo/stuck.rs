//! Steps that do not end: what the demo says, and how Ctrl-C ends it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{command, free_port, last_line, link_programs_without_mysql, text};

/// Folders for a demo with programs that a test made.
struct Machine {
    folder: TempDir,
    bin: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        link_programs_without_mysql(&bin);
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder, bin }
    }

    /// A machine with a MySQL that prints its version, and otherwise does this.
    fn with_mysql(does: &str) -> Self {
        let machine = Self::new();
        let mysqld = format!(
            "case $2 in --version) echo 'mysqld  Ver 9.9.9 for Linux' ;; *) echo $$ > {}; {does} ;; esac",
            machine.pid_file().display()
        );
        machine.program("mysqld", &mysqld);
        machine.program("mysql", "exit 1");
        machine.program("mysqladmin", "exit 1");
        machine
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.bin.join(name);
        // What is there may be a link to a program of the system.
        drop(fs::remove_file(&file));
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }

    fn demo(&self) -> Command {
        let mut command = command(&self.folder.path().join("data"), [free_port(), free_port()]);
        command
            .env("PATH", &self.bin)
            .env("XDG_CACHE_HOME", self.folder.path())
            .env("TMPDIR", self.folder.path().join("tmp"));
        command
    }

    /// Checks that the program which wrote its process id has ended, and that no temporary file is left.
    fn check_nothing_is_left(&self) {
        let process = fs::read_to_string(self.pid_file()).unwrap();
        // A process that has ended and is still in the table has no command line.
        let command_line = Path::new("/proc").join(process.trim()).join("cmdline");
        wait_until("its program has ended", || {
            fs::read(&command_line).unwrap_or_default().is_empty()
        });
        let left = fs::read_dir(self.folder.path().join("tmp")).unwrap().count();
        assert_eq!(left, 0, "files in TMPDIR");
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for a line with these words, presses Ctrl-C, and checks that the demo says so and ends well.
fn interrupt_at(machine: &Machine, words: &str) {
    let mut demo = machine.demo().stdout(Stdio::piped()).spawn().unwrap();
    let mut lines: Lines<BufReader<ChildStdout>> =
        BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(words)), "{words}: {:?}", demo.wait());
    wait_until("its program runs", || machine.pid_file().exists());

    interrupt(&demo);

    let last = lines.last().unwrap().unwrap();
    assert!(last.contains("stopped before everything was up"), "{last}");
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}

fn interrupt(demo: &Child) {
    let sent = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_server_that_does_not_get_ready_is_reported_with_its_log_and_with_what_to_do() {
    let machine = Machine::with_mysql("echo 'the disk is slow'; exec sleep 1000");

    // On a busy machine it may take longer than a second until the server says something.
    for (seconds, advised) in [(1, 120), (10, 120), (60, 300)] {
        let output = machine.demo().args(["--wait", &seconds.to_string()]).output().unwrap();
        let (said, last) = (text(&output), last_line(&output));
        assert!(said.contains("/mysql-0.log:"), "{said}");
        assert!(last.contains(&format!("mysql-0 was not ready within {seconds} s")), "{last}");
        let advice = format!("cargo demo --wait {advised}");
        assert!(last.contains("mysql-0.log") && last.contains(&advice), "{last}");
        if said.contains("  the disk is slow") {
            machine.check_nothing_is_left();
            return;
        }
    }
    panic!("the server never said that the disk is slow");
}

#[test]
fn a_server_that_ends_is_reported_with_its_log() {
    let machine = Machine::with_mysql("echo 'the disk is broken'; exit 7");

    let output = machine.demo().output().unwrap();

    let (said, last) = (text(&output), last_line(&output));
    assert!(said.contains("  the disk is broken"), "{said}");
    assert!(last.contains("mysql-0 ended with exit status: 7"), "{last}");
    machine.check_nothing_is_left();
}

#[test]
fn a_demo_whose_output_is_no_longer_read_goes_on_and_says_on_standard_error_why_it_ends() {
    let machine = Machine::with_mysql("exit 7");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let output = machine.demo().stdout(writer).output().unwrap();

    assert!(last_line(&output).contains("mysql-0 ended with exit status: 7"), "{}", text(&output));
    machine.check_nothing_is_left();
}

#[test]
fn a_server_that_takes_long_is_named_with_its_last_words_and_ctrl_c_ends_it() {
    let machine = Machine::with_mysql("echo 'still reading'; exec sleep 1000");

    interrupt_at(&machine, "still waiting for mysql-0, whose log ends with: still reading");

    machine.check_nothing_is_left();
}

#[test]
fn ctrl_c_ends_a_download_and_removes_what_is_there_of_it() {
    if !Path::new("/etc/debian_version").exists() {
        eprintln!("this is not Debian, where the demo downloads MySQL: nothing was tried");
        return;
    }
    let machine = Machine::new();
    let apt = "case $* in *--print-uris*) echo \"'http://debian.example/debian/dists/sid/InRelease' x 0\" ;; *) ";
    machine.program(
        "apt-get",
        &format!("{apt} echo $$ > {}; exec sleep 1000 ;; esac", machine.pid_file().display()),
    );

    interrupt_at(&machine, "downloading MySQL from Debian");

    machine.check_nothing_is_left();
    let cache = machine.folder.path().join("headless-service-demo");
    let left = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
}

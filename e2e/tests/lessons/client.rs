//! The MySQL client of docs/tour.md, in a terminal.

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use demo::manifests::Files;

use crate::{deployment, lesson::bash};

/// How long the client may take for one answer: the pod must start first.
const DEADLINE: Duration = Duration::from_secs(90);

/// A command in a terminal. It is killed when it is dropped.
struct Terminal {
    script: Child,
    keyboard: ChildStdin,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// `script` gives the command a terminal.
    fn open(command: &str) -> Self {
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", command, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (keyboard, mut output) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { script, keyboard, screen }
    }

    fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn wait_for(&self, words: &str) {
        until(words, || {
            let screen = self.screen.lock().unwrap();
            if screen.contains(words) { Ok(()) } else { Err(screen.clone()) }
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
        // Where the test failed, kubectl could not delete it.
        let _ = bash("kubectl delete pod mysql-client --ignore-not-found --now");
    }
}

fn until(what: &str, mut ask: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    while let Err(reason) = ask() {
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}: {reason}");
        thread::sleep(Duration::from_millis(250));
    }
}

#[test]
fn the_printed_client_asks_for_a_password_and_reads() {
    let _turn = deployment();
    let command = bash(".ci/readme --file docs/tour.md --print cluster-client").unwrap();
    let credentials = Files::mysql_credentials().unwrap();

    let mut terminal = Terminal::open(command.trim());
    // Once it asks, its terminal shows nothing that is typed. What was typed before that is lost.
    until("the client to ask", || {
        match bash("kubectl exec mysql-client -- stty -F /dev/pts/0 -a") {
            Ok(settings) if settings.contains(" -echo ") => Ok(()),
            Ok(other) | Err(other) => Err(other),
        }
    });
    terminal.wait_for("pressing enter");
    terminal.type_line(credentials.get("reader-password").unwrap());
    terminal.wait_for("mysql>");
    terminal.type_line("SELECT CONCAT('served by ', @@report_host);");
    terminal.wait_for("served by mysql-");
    terminal.type_line("exit");

    terminal.wait_for("pod \"mysql-client\" deleted");
    assert!(terminal.script.wait().unwrap().success());
}

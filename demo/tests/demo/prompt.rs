//! The prompt, at a pseudo-terminal whose screen the tests read.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    num::NonZero,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::{
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};
use vt100::Parser;

use super::{command, free_port};

/// Wide enough for every line, and high enough for a whole test.
const SCREEN: (u16, u16) = (120, 200);

/// A pseudo-terminal, and a demo in its foreground.
struct AtTerminal {
    demo: Child,
    keyboard: File,
    /// The demo's side of the terminal.
    terminal: File,
    before: String,
    screen: Arc<Mutex<Parser>>,
}

impl AtTerminal {
    fn start(data: &Path) -> Self {
        Self::start_by(&[], data)
    }

    /// Starts the demo by a program that takes it as its arguments.
    fn start_by(starter: &[&str], data: &Path) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(OFlags::NOCTTY.bits().cast_signed());
        let terminal = options.open(name).unwrap();
        let (ws_row, ws_col) = SCREEN;
        tcsetwinsize(&terminal, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = settings(&terminal);
        let keyboard = File::from(master);
        let screen = show(keyboard.try_clone().unwrap());
        let demo = command(data, [free_port(), free_port()]);
        let demo = Command::new("setsid")
            .arg("--ctty")
            .args(starter)
            .arg(demo.get_program())
            .args(demo.get_args())
            .env("TERM", "xterm")
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal.try_clone().unwrap())
            .spawn()
            .unwrap();
        let started = Self { demo, keyboard, terminal, before, screen };
        started.shows("Ctrl-C stops everything");
        started
    }

    fn lines(&self) -> Vec<String> {
        let screen = self.screen.lock().unwrap().screen().contents();
        screen.trim_end().lines().map(str::to_owned).collect()
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        let end = Instant::now() + Duration::from_secs(300);
        while !is_so(&self.lines()) {
            assert!(Instant::now() < end, "not in time: {what}\n{}", self.lines().join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn shows(&self, words: &str) {
        self.wait_until(words, |lines| lines.iter().any(|line| line.contains(words)));
    }

    /// Waits until the prompt has this line, with nothing else around it.
    fn prompt_has(&self, line: &str) {
        let expected = format!("> {line}");
        self.wait_until(&expected, |lines| {
            lines.last().map(|last| last.trim_end()) == Some(expected.trim_end())
        });
    }

    fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.demo.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Checks that the demo ends well, and that the terminal is as it was.
    fn check_end(mut self) {
        self.shows("stopped; the next run has the same users");
        let ended: ExitStatus = self.demo.wait().unwrap();
        assert_eq!(ended.code(), Some(0));
        assert_eq!(settings(&self.terminal), self.before);
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        drop(self.demo.kill());
    }
}

/// All settings of a terminal, as text.
fn settings(terminal: &File) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

/// Shows what the demo prints on a screen.
fn show(mut output: File) -> Arc<Mutex<Parser>> {
    let (rows, columns) = (NonZero::new(SCREEN.0).unwrap(), NonZero::new(SCREEN.1).unwrap());
    let screen = Arc::new(Mutex::new(Parser::new(rows, columns, 0)));
    let shown = screen.clone();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            shown.lock().unwrap().process(&bytes[..count]);
        }
    });
    screen
}

/// A line, and words of its answer.
const TYPED: [(&str, &str); 12] = [
    ("dlete mysql-1", "did you mean delete?"),
    ("freeze mysql-1", "mysql-1 is frozen: "),
    ("thaw mysql-1", "mysql-1 goes on"),
    ("lag mysql-1", "applies none of it"),
    ("catch-up mysql-1", "applies what it has received"),
    ("dns-cache 30", "repeats each answer for 30 s"),
    ("dns-cache off", "repeats no answer"),
    ("scale 3", "wants 3 pods"),
    ("scale 2", "the highest one ends first"),
    ("help", "catch-up POD"),
    ("lose mysql-1", "and its volume goes with it"),
    ("delete mysql-0", "mysql-0 is ending"),
];

#[test]
fn each_command_is_typed_with_completion_and_history_while_events_leave_the_half_line_intact() {
    let data = tempfile::tempdir().unwrap();
    let mut at = AtTerminal::start(data.path());
    at.prompt_has("");
    let raw: Termios = tcgetattr(&at.terminal).unwrap();
    assert!(!raw.local_modes.contains(LocalModes::ICANON), "no line editing");

    delete_with_completion_and_an_event_at_a_half_line(&mut at);
    bring_earlier_lines_and_clear_them(&mut at);
    for (line, answer) in TYPED {
        at.type_keys(&format!("{line}\r"));
        at.shows(answer);
        at.prompt_has("");
    }
    at.type_keys("\u{3}");
    at.check_end();
}

fn delete_with_completion_and_an_event_at_a_half_line(at: &mut AtTerminal) {
    at.type_keys("del\t");
    at.prompt_has("delete");
    at.type_keys("m\t");
    at.prompt_has("delete mysql-");
    at.shows("mysql-0  mysql-1");
    at.type_keys("1\r");
    at.shows("mysql-1 is ending");
    at.type_keys("stat");
    at.prompt_has("stat");
    at.shows("s after it was deleted");
    at.prompt_has("stat");
    at.type_keys("\t\r");
    at.shows("RESTARTS");
}

fn bring_earlier_lines_and_clear_them(at: &mut AtTerminal) {
    at.type_keys("\u{1b}[A");
    at.prompt_has("status");
    at.type_keys("\u{1b}[A");
    at.prompt_has("delete mysql-1");
    at.type_keys("\u{3}");
    at.prompt_has("");
}

#[test]
fn the_terminal_has_its_settings_back_however_the_demo_ends() {
    let data = tempfile::tempdir().unwrap();
    let endings: [fn(&mut AtTerminal); 3] = [
        |at| at.signal("-TERM"),
        |at| at.type_keys("\u{3}\u{4}"),
        |at| at.type_keys("\u{3}quit\r"),
    ];
    for end in endings {
        let mut at = AtTerminal::start(data.path());
        at.type_keys("half");
        at.prompt_has("half");
        end(&mut at);
        at.check_end();
    }
}

#[test]
fn a_demo_in_the_background_of_a_terminal_runs_on_without_a_prompt() {
    let data = tempfile::tempdir().unwrap();
    let background = r#"set -m; "$0" "$@" & trap 'kill -INT $!' TERM; wait; wait"#;
    let at = AtTerminal::start_by(&["bash", "-c", background], data.path());

    let status = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg("--data")
        .arg(data.path())
        .args(["do", "status"])
        .output()
        .unwrap();

    assert!(status.status.success(), "{status:?}");
    assert_eq!(settings(&at.terminal), at.before);
    at.signal("-TERM");
    at.check_end();
}

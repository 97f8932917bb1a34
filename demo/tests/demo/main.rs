//! `cargo demo`, run as a person runs it: started, used, stopped, started again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod commands;
mod prompt;
mod stuck;
mod surroundings;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use demo::{cache_folder, mysql_programs::MysqlPrograms};
use reqwest::Client;
use serde_json::{Value, json};

/// A running `cargo demo` on free ports.
struct Demo {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    ports: [u16; 2],
}

impl Demo {
    /// Starts the demo, and returns when it has printed its two URLs.
    fn start(data: &Path, options: &[&str]) -> Self {
        Self::start_with(data, options, &[])
    }

    fn start_with(data: &Path, options: &[&str], variables: &[(&str, &OsStr)]) -> Self {
        let ports = [free_port(), free_port()];
        let mut command = command(data, ports);
        command.args(options).envs(variables.iter().copied());
        Self::spawn(command, ports)
    }

    fn spawn(mut command: Command, ports: [u16; 2]) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let up = lines.any(|line| line.unwrap().contains("Ctrl-C stops everything"));
        assert!(up, "the demo ended before it printed its URLs: {:?}", process.wait());
        Self { process, lines, ports }
    }

    fn url(&self, app: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[app])
    }

    /// Asks again while the replica does not have the table yet, which write-app has just made on the primary.
    async fn users(&self) -> Value {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let response = Client::new().get(self.url(1, "/users")).send().await.unwrap();
            let body: Value = response.json().await.unwrap();
            if body["success"] == true || Instant::now() > end {
                return body;
            }
        }
    }

    async fn register(&self, email: &str) {
        let body = json!({ "name": "Ada", "email": email });
        let response = Client::new().post(self.url(0, "/submit")).json(&body).send().await.unwrap();
        assert_eq!(response.json::<Value>().await.unwrap()["pod"], "mysql-0");
    }

    async fn wait_until_both_pods_have(&self, email: &str) {
        let (mut pods, end) = (BTreeSet::new(), Instant::now() + Duration::from_secs(30));
        while pods.len() < 2 {
            assert!(Instant::now() < end, "only {pods:?} answered with {email}");
            let body = self.users().await;
            if body["users"][0]["email"] == email {
                pods.insert(body["mysql_pod"].to_string());
            }
        }
    }

    /// Presses Ctrl-C, and checks that no server and no open port is left.
    fn stop(mut self) {
        let servers = servers_of(self.process.id());
        let sent =
            Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let last = self.lines.by_ref().last().unwrap().unwrap();
        assert!(last.contains("stopped"), "{last}");
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        for server in servers {
            assert!(!Path::new("/proc").join(&server).exists(), "server {server} still runs");
        }
        for port in self.ports {
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
    }
}

fn command(data: &Path, ports: [u16; 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    let ports = ports.map(|port| port.to_string());
    command.arg("--data").arg(data).args(["--write-port", &ports[0], "--read-port", &ports[1]]);
    // Not the terminal of the person who runs the tests, whose keys would be commands.
    command.stdin(Stdio::null());
    command
}

/// A port that no other call returns. The kernel takes the ports of clients from those above: it could give one that is
/// free now to a client before the demo has it. This does not listen there either, since a program that another test is
/// just starting would go on to do so until it begins.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 80) as u16 * 100;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 8_000;
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return port;
        }
    }
}

/// The process ids of the MySQL servers among the children of a process.
fn servers_of(process: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let children = threads
        .map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap());
    let children = children
        .flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter(|child| is_server(child));
    children.collect()
}

/// Whether a child process is a server. Probes are child processes too.
fn is_server(process: &str) -> bool {
    let command_line = std::fs::read_to_string(format!("/proc/{process}/cmdline"));
    command_line.unwrap_or_default().contains("/my.cnf")
}

/// The last line of a demo that could not start.
fn last_line(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let text = text(output);
    let last = text.trim().lines().last().unwrap();
    assert!(last.starts_with("demo: "), "{text}");
    last.to_owned()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn the_demo_starts_stops_without_a_trace_and_keeps_its_users_until_a_fresh_start() {
    let data = tempfile::tempdir().unwrap();

    let demo = Demo::start(data.path(), &[]);
    demo.register("ada@example.org").await;
    demo.wait_until_both_pods_have("ada@example.org").await;
    demo.stop();

    let again = Demo::start(data.path(), &[]);
    assert_eq!(again.users().await["users"].as_array().unwrap().len(), 1, "users are kept");
    again.register("grace@example.org").await;
    again.wait_until_both_pods_have("grace@example.org").await;
    again.stop();

    let fresh = Demo::start(data.path(), &["--fresh"]);
    assert_eq!(fresh.users().await["users"].as_array().unwrap().len(), 0, "users are deleted");
    fresh.stop();
}

#[tokio::test]
async fn the_demo_reports_a_killed_server_and_reads_go_on() {
    let data = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(data.path(), &["--replicas", "2"]);
    let servers = servers_of(demo.process.id());
    assert_eq!(servers.len(), 3, "a process per MySQL server");

    let killed = Command::new("kill").args(["-KILL", &servers[2]]).status().unwrap();

    assert!(killed.success());
    // On a busy machine, a pod may also be said to be not ready for a moment.
    let mut reports = demo.lines.by_ref().map(Result::unwrap);
    assert!(reports.any(|it| it.contains("ended with signal: 9") && it.contains(".log")));
    for _ in 0..10 {
        assert_eq!(demo.users().await["success"], true);
    }
    demo.stop();
}

#[tokio::test]
async fn the_demo_uses_the_mysql_on_path_and_downloads_nothing() {
    let (data, empty, bin) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let programs = MysqlPrograms::find(&cache_folder().unwrap(), bin.path(), |_| {}).await.unwrap();
    let (path, cache) = (programs.path(), empty.path().as_os_str());

    let demo = Demo::start_with(data.path(), &[], &[("PATH", &path), ("XDG_CACHE_HOME", cache)]);

    assert_eq!(demo.users().await["success"], true);
    demo.stop();
    assert!(!empty.path().join("headless-service-demo/debian-sid").exists());
}

#[test]
fn if_a_port_is_in_use_one_line_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();

    let output =
        command(data.path(), [taken.local_addr().unwrap().port(), free_port()]).output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(said.contains("port") && said.contains("--write-port"), "{said}");
}

#[test]
fn without_mysql_and_without_apt_the_last_line_says_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let tools = empty.path().join("bin");
    std::fs::create_dir(&tools).unwrap();

    let output = command(empty.path(), [free_port(), free_port()])
        .env("PATH", &tools)
        .env("XDG_CACHE_HOME", empty.path())
        .output()
        .unwrap();

    let last = last_line(&output);
    assert!(last.contains("install MySQL 8.4 or newer"), "{last}");
}

/// Makes a folder with all programs of the system except MySQL's.
fn link_programs_without_mysql(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for program in std::fs::read_dir("/usr/bin").unwrap().map(|entry| entry.unwrap()) {
        if !program.file_name().to_string_lossy().starts_with("mysql") {
            std::os::unix::fs::symlink(program.path(), folder.join(program.file_name())).unwrap();
        }
    }
}

#[test]
fn without_a_network_the_last_line_says_what_to_check() {
    let empty = tempfile::tempdir().unwrap();
    let tools = empty.path().join("bin");
    link_programs_without_mysql(&tools);

    // A proxy that does not listen.
    let output = command(empty.path(), [free_port(), free_port()])
        .env("PATH", &tools)
        .env("XDG_CACHE_HOME", empty.path())
        .envs(["http_proxy", "https_proxy"].map(|name| (name, "http://127.0.0.1:1")))
        .output()
        .unwrap();

    let last = last_line(&output);
    assert!(last.contains("install MySQL 8.4 or newer"), "{last}");
    // The demo downloads MySQL only on Debian.
    assert_eq!(
        last.contains("check the network"),
        Path::new("/etc/debian_version").exists(),
        "{last}"
    );
    assert!(!empty.path().join("headless-service-demo/debian-sid").exists());
}

#[test]
fn help_lists_the_options_and_an_error_names_an_unknown_one() {
    // `cargo demo` is an alias that ends in two dashes; the second two are those that a person types.
    for dashes in [[].as_slice(), &["--"]] {
        let run =
            |option| Command::new(env!("CARGO_BIN_EXE_demo")).args(dashes).arg(option).output();

        let help = run("--help").unwrap();
        let said = text(&help);
        assert!(help.status.success() && said.contains("--fresh"), "{said}");
        assert!(said.contains("Usage: cargo demo [OPTIONS]"), "{said}");
        assert!(said.contains("cargo demo do delete mysql-1"), "{said}");

        let unknown = run("--frsh").unwrap();
        assert_eq!(unknown.status.code(), Some(2));
        assert!(text(&unknown).contains("--frsh"), "{}", text(&unknown));
    }
}

#[test]
fn one_port_for_both_apps_is_refused() {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());

    let last = last_line(&command(data.path(), [port, port]).output().unwrap());

    assert!(last.contains(&format!("--write-port and --read-port are both {port}")), "{last}");
}

#[test]
fn an_address_that_this_machine_does_not_have_is_named_with_one_that_works() {
    let data = tempfile::tempdir().unwrap();

    let output = command(data.path(), [free_port(), free_port()])
        .args(["--listen", "192.0.2.1"])
        .output()
        .unwrap();

    let last = last_line(&output);
    assert!(last.contains("192.0.2.1:") && last.contains("--listen 0.0.0.0"), "{last}");
}

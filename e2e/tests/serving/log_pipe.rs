//! A log that is not read: the app serves on, says later how many lines were lost, and stops when it is told to.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use demo::{for_tests::shared, process::Signal};
use hyper::StatusCode;
use rustix::process::{Pid, kill_process};
use tokio::task::JoinSet;

use crate::{
    MACHINE,
    client::{Client, Outcome, get},
    process::READ_APP,
};

/// More than the lines that wait and those that a pipe holds.
const REQUESTS: usize = 10_000;

const CLIENTS: usize = 8;

/// How long the process may take to end.
const GRACE: Duration = Duration::from_secs(20);

/// Ends the process also where a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if the process has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// An app whose log is read up to the line that says where it serves, and no further.
fn start() -> (Running, BufReader<ChildStdout>, SocketAddr) {
    let mut command = Command::new(READ_APP.path);
    command.env_clear().envs(shared().cluster.environment(READ_APP.about).unwrap());
    let mut child = command.env("LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let serving = line(&mut log, r#""message":"serving""#);
    let (_, address) = serving.split_once(r#""address":""#).unwrap();
    (Running(child), log, address.split('"').next().unwrap().parse().unwrap())
}

/// The next line with this text.
fn line(log: &mut impl BufRead, text: &str) -> String {
    log.lines().map(Result::unwrap).find(|line| line.contains(text)).unwrap()
}

/// Sends requests, of which each makes one line. All have to be answered.
async fn make_lines(address: SocketAddr) {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let mut client = Client::new(address);
            for _ in 0..REQUESTS / CLIENTS {
                let outcome = client.send(get(address, "/assets/icon.svg")).await;
                assert!(matches!(outcome, Outcome::Answered(StatusCode::OK, _)), "{outcome:?}");
            }
        });
    }
    clients.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_read_stops_no_request_and_lost_lines_are_counted() {
    let _alone = MACHINE.write().await;
    let (mut app, mut log, address) = tokio::task::spawn_blocking(start).await.unwrap();

    make_lines(address).await;

    // Its reader is back.
    let said = tokio::task::spawn_blocking(move || (line(&mut log, "log lines were lost"), log));
    let (said, log) = said.await.unwrap();
    assert!(said.contains(r#""level":"WARN""#) && !said.contains(r#""lines":0"#), "{said}");

    // And gone again, while the process is told to stop.
    make_lines(address).await;
    let pid = Pid::from_raw(app.0.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let end = Instant::now() + GRACE;
    let status = loop {
        if let Some(status) = app.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status.code(), Some(0));
    drop(log);
}

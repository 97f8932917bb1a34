//! Processes that are told to stop while clients keep them busy.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use demo::process::Signal;
use e2e::repetitions;
use http_body_util::Full;
use hyper::{Request, body::Bytes};
use rand::RngExt as _;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    MACHINE,
    client::{Client, Outcome, get, post},
    process::{Binary, Process, READ_APP, WRITE_APP},
};

/// How many signals, and how many processes get theirs at the same time.
fn signals() -> usize {
    repetitions(5, 100) as usize
}
const AT_ONCE: usize = 10;

/// How many clients keep each process busy.
const CLIENTS: usize = 4;

/// What the clients of one process have met.
#[derive(Debug, Default)]
struct Met {
    answers: u64,
    /// Those of the answers which say that MySQL was too slow, on a busy machine.
    too_late: u64,
    /// Requests on new connections, some of which the app had not accepted.
    broken_when_new: Vec<String>,
    broken: Vec<String>,
    opened: u64,
}

impl Met {
    fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.too_late += other.too_late;
        self.opened += other.opened;
        self.broken.extend(other.broken);
        self.broken_when_new.extend(other.broken_when_new);
    }
}

/// Whether the app could not ask MySQL in time, and says so, in JSON or on read-app's page.
fn is_too_late(body: &[u8]) -> bool {
    let codes = ["database_busy", "database_slow", "database_unreachable"];
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    json["code"].as_str().is_some_and(|code| codes.contains(&code))
        || String::from_utf8_lossy(body).contains("<title>No pod answers")
}

/// Sends requests with short pauses until the app accepts no more connections.
async fn busy(
    mut client: Client,
    next: impl Fn() -> Request<Full<Bytes>> + Send,
    answered: Arc<AtomicU64>,
) -> Met {
    let mut met = Met::default();
    loop {
        match client.send(next()).await {
            Outcome::Refused => break,
            Outcome::Answered(status, _) if status.is_success() => {
                met.answers += 1;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Answered(_, body) if is_too_late(&body) => met.too_late += 1,
            Outcome::Answered(status, body) => {
                met.broken.push(format!("{status}: {}", String::from_utf8_lossy(&body)));
            }
            Outcome::Broken(why) => met.broken.push(why),
            Outcome::BrokenWhenNew(why) => met.broken_when_new.push(why),
        }
        let pause = Duration::from_millis(rand::rng().random_range(0..30));
        tokio::time::sleep(pause).await;
    }
    met.opened = client.opened;
    met
}

/// Two kinds of requests to the app.
fn requests(
    binary: Binary,
    app: &Process,
) -> [Arc<dyn Fn() -> Request<Full<Bytes>> + Send + Sync>; 2] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let address = app.address;
    if binary.about.name == READ_APP.about.name {
        [
            Arc::new(move || get(address, "/users?via=mysql&with=pool")),
            Arc::new(move || get(address, "/")),
        ]
    } else {
        let register = move || {
            let email = format!("stop{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed));
            post(address, "/submit", &format!(r#"{{"name":"Ada","email":"{email}"}}"#))
        };
        [Arc::new(register), Arc::new(move || get(address, "/"))]
    }
}

/// Starts an app, keeps it busy, and sends it a signal.
async fn stopped_under_load(binary: Binary, signal: Signal) -> Met {
    let mut app = binary.start().await;
    // The probes that have found it ready: one connection each.
    let probes = app.probes;
    let (answered, mut clients) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for next in requests(binary, &app).into_iter().cycle().take(CLIENTS) {
        let client = Client::new(app.address);
        clients.spawn(busy(client, move || next(), answered.clone()));
    }
    let end = Instant::now() + Duration::from_secs(60);
    while answered.load(Ordering::Relaxed) < 20 {
        assert!(Instant::now() < end, "the app serves no requests");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    app.signal(signal);
    let status = app.ended().await;

    assert_eq!(status.code(), Some(0), "{signal:?}");
    let mut met = Met { opened: probes, ..Met::default() };
    for one in clients.join_all().await {
        met.add(one);
    }
    let never_accepted = met.opened - app.connections_accepted();
    assert!(met.broken_when_new.len() as u64 <= never_accepted, "{never_accepted} of {met:?}");
    assert_eq!(met.broken, Vec::<String>::new());
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_breaks_no_request_and_ends_with_0() {
    let _beside_others = MACHINE.read().await;
    let (begun, mut all) = (Instant::now(), Met::default());
    let signals = signals();
    for first in (0..signals).step_by(AT_ONCE) {
        let mut stopping = JoinSet::new();
        for number in first..signals.min(first + AT_ONCE) {
            let binary = if number % 2 == 0 { WRITE_APP } else { READ_APP };
            let signal = if number % 5 == 4 { Signal::INT } else { Signal::TERM };
            stopping.spawn(stopped_under_load(binary, signal));
        }
        for met in stopping.join_all().await {
            all.add(met);
        }
    }
    println!(
        "figure: {signals} processes stopped under load: {} requests answered over {} connections, {} broken, \
         {} on new connections that the app had not accepted, in {:.0?}; MySQL was too slow for {}",
        all.answers,
        all.opened,
        all.broken.len(),
        all.broken_when_new.len(),
        begun.elapsed(),
        all.too_late
    );
}

/// A client that pauses for longer than the process runs finds its connection closed, and loses no request.
#[tokio::test]
async fn each_response_of_a_stopping_process_says_that_its_connection_closes() {
    let _beside_others = MACHINE.read().await;
    let mut app = WRITE_APP.start().await;
    let mut client = Client::new(app.address);
    let ready = async |client: &mut Client| client.send(get(app.address, "/readyz")).await;
    assert!(matches!(ready(&mut client).await, Outcome::Answered(status, _) if status == 200));

    app.signal(Signal::TERM);
    let end = Instant::now() + Duration::from_secs(4);
    while !matches!(ready(&mut client).await, Outcome::Answered(status, _) if status == 503) {
        assert!(Instant::now() < end, "ready while it stops");
    }
    let opened = client.opened;
    assert!(matches!(ready(&mut client).await, Outcome::Answered(status, _) if status == 503));

    assert_eq!(client.opened, opened + 1, "each response is the last of its connection");
    assert_eq!(app.ended().await.code(), Some(0));
}

/// It may be idle for longer than the process takes to stop. It is closed, not reset.
#[tokio::test]
async fn an_idle_connection_is_closed_when_the_process_stops_and_does_not_delay_it() {
    let _beside_others = MACHINE.read().await;
    let mut app = WRITE_APP.start().await;
    let mut idle = TcpStream::connect(app.address).await.unwrap();
    idle.write_all(b"GET /version HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert!(idle.read_buf(&mut answer).await.unwrap() > 0, "closed");
    }

    let told = Instant::now();
    app.signal(Signal::INT);
    let closed = idle.read_buf(&mut answer).await;

    assert!(matches!(closed, Ok(0)), "{closed:?}");
    assert_eq!(app.ended().await.code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}

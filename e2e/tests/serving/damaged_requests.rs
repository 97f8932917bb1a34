//! Requests with damaged bytes. Each gets a response that says so, or its connection is closed. None makes the
//! app panic or answer with a 5xx.

use e2e::repetitions;
use std::{net::SocketAddr, sync::Arc, time::Duration};

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use crate::{
    MACHINE,
    process::{Binary, READ_APP, WRITE_APP},
};

/// How many for each app.
fn requests() -> u64 {
    repetitions(200, 5000).into()
}

/// How many are in flight at once: fewer than the limit of the apps, so that none may be refused as one too many.
const AT_ONCE: usize = 100;

/// Longer than any connection may stay open without a whole request.
const DEADLINE: Duration = Duration::from_secs(25);

const WRITE_PATHS: &[&str] =
    &["/", "/assets/style.css", "/assets/icon.svg", "/glossary", "/healthz", "/readyz", "/nothing"];

const READ_PATHS: &[&str] = &[
    "/",
    "/?via=mysql&strategy=sticky&user=Ada&ask=2&seen=0101",
    "/users?via=mysql&with=pool&strategy=round-robin&search=A%64a",
    "/users?older_than=7",
    "/users?newer_than=1",
    "/pods",
    "/names",
    "/assets/live.js",
    "/assets/style.css",
    "/glossary",
    "/healthz",
    "/readyz",
];

const JSON: &str = r#"{"name":"Grace Hopper","email":"grace@example.org"}"#;
const FORM: &str = "name=Grace+Hopper&email=grace%40example.org";

/// Whole requests to every route.
fn whole_requests(paths: &[&str]) -> Vec<Vec<u8>> {
    let get = |path: &&str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: app\r\naccept: text/html\r\naccept-encoding: gzip\r\ncookie: a=b\r\n\r\n"
        )
    };
    let post = |path: &str, kind: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: app\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let chunked = format!(
        "POST /submit HTTP/1.1\r\nhost: app\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{JSON}\r\n0\r\n\r\n",
        JSON.len()
    );
    let asking_first = post("/submit", "application/json", JSON).replacen(
        "\r\n",
        "\r\nexpect: 100-continue\r\n",
        1,
    );
    let posts = [
        post("/submit", "application/json", JSON),
        post("/submit", "application/x-www-form-urlencoded", FORM),
        post("/try-replica", "application/x-www-form-urlencoded", ""),
        chunked,
        asking_first,
    ];
    paths.iter().map(get).chain(posts).map(String::into_bytes).collect()
}

/// Damages one to three places.
fn damage(request: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..=3) {
        let at = random.random_range(0..request.len());
        match random.random_range(0..10) {
            0 => request[at] ^= 1 << random.random_range(0..8),
            1 => request[at] = random.random(),
            2 => request[at] = 0,
            3 => drop(request.drain(at..(at + 9).min(request.len()))),
            4 => request.extend_from_within(at..),
            5 => insert(request, at, b"%zz%0"),
            6 => insert(request, at, b"\r\n"),
            7 => insert(request, at, &vec![b'x'; random.random_range(1..40_000)]),
            8 => replace(request, b"content-length: ", b"content-length: 9"),
            _ => replace(request, b"\r\nhost", b"\r\ntransfer-encoding: chunked\r\nhost"),
        }
        if request.is_empty() {
            request.push(b'G');
        }
    }
}

fn insert(request: &mut Vec<u8>, at: usize, what: &[u8]) {
    request.splice(at..at, what.iter().copied());
}

fn replace(request: &mut Vec<u8>, what: &[u8], by: &[u8]) {
    if let Some(at) = request.windows(what.len()).position(|part| part == what) {
        request.splice(at..at + what.len(), by.iter().copied());
    }
}

/// What the server sends until it closes the connection, or until a final status has come. A 503 is read to its end, since
/// its body says why.
async fn answer(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    let mut answer = Vec::new();
    let talking = async {
        // The server may close the connection before it has read all of it.
        let _refused = to.write_all(request).await;
        while final_status(&answer).is_none_or(|status| status == 503) {
            match from.read_buf(&mut answer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    let shown = String::from_utf8_lossy(&request[..request.len().min(400)]).into_owned();
    timeout(DEADLINE, talking).await.unwrap_or_else(|_| panic!("open for {DEADLINE:?}: {shown:?}"));
    answer
}

/// The first status that is not interim (1xx).
fn final_status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    let statuses = text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse().ok());
    statuses.into_iter().find(|status| *status >= 200)
}

/// Whether the app refused it because it had too many at once. Otherwise a 503 says that MySQL was too slow, which no
/// damage to a request can bring about.
fn is_one_too_many(answer: &[u8]) -> bool {
    String::from_utf8_lossy(answer).contains("more requests than it can handle")
}

#[derive(Debug, Default)]
struct Answers {
    done: u64,
    refused: u64,
    closed: u64,
    /// Those that got no connection to MySQL in time, on a busy machine.
    too_late: u64,
}

async fn damaged(binary: Binary, paths: &'static [&'static str]) {
    let mut app = binary.start().await;
    let (in_flight, mut sending) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for seed in 0..requests() {
        let mut random = StdRng::seed_from_u64(seed);
        let seeds = whole_requests(paths);
        let mut request = seeds[(random.next_u64() % seeds.len() as u64) as usize].clone();
        damage(&mut request, &mut random);
        let (in_flight, address) = (in_flight.clone(), app.address);
        sending.spawn(async move {
            let _permit = in_flight.acquire().await.unwrap();
            (seed, answer(address, &request).await)
        });
    }
    let mut answers = Answers::default();
    for (seed, answer) in sending.join_all().await {
        match final_status(&answer) {
            None => answers.closed += 1,
            Some(200..400) => answers.done += 1,
            Some(400..500) => answers.refused += 1,
            Some(503) if !is_one_too_many(&answer) => answers.too_late += 1,
            Some(_) => panic!("seed {seed}: {}", String::from_utf8_lossy(&answer)),
        }
    }
    println!("figure: {} damaged requests to {}: {answers:?}", requests(), binary.about.name);
    app.assert_never_panicked();
    assert!(answers.done > 0 && answers.refused > requests() / 10, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_requests_to_write_app_are_refused_and_do_no_harm() {
    let _beside_others = MACHINE.read().await;
    damaged(WRITE_APP, WRITE_PATHS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_requests_to_read_app_are_refused_and_do_no_harm() {
    let _beside_others = MACHINE.read().await;
    damaged(READ_APP, READ_PATHS).await;
}

//! Clients that fall silent in the middle of a request or a response, in every way there is.

use e2e::repetitions;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    MACHINE,
    client::{Client, Outcome, get},
    process::WRITE_APP,
};

const SOCKETS: usize = 500;

/// Within this all of them are closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// How long the app of these tests keeps an idle connection: longer than a header may take.
const KEEP_ALIVE: Duration = Duration::from_secs(7);

/// Within this 99 % of the other requests get a response. A machine that does other work may take longer.
fn healthy_within() -> Duration {
    Duration::from_millis(repetitions(2000, 100).into())
}

/// How many of them there are, in six seconds.
fn responses_at_least() -> usize {
    repetitions(20, 100) as usize
}

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

/// A response of some kilobytes, so that not many fill the kernel's buffers.
const STYLESHEET: &[u8] = b"GET /assets/style.css HTTP/1.1\r\nhost: a\r\n\r\n";

fn post(rest: &str) -> Vec<u8> {
    let head = "POST /submit HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    format!("{head}{rest}").into_bytes()
}

/// What a client sends before it falls silent in the middle of something.
fn beginnings() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"GET /hea".into(),
        b"GET / HTTP/1.1\r\nhost: a\r\nx-half".into(),
        post("content-length: 60\r\n\r\n{\"name\""),
        post("transfer-encoding: chunked\r\n\r\n3c\r\n{\"name\""),
        post("expect: 100-continue\r\ncontent-length: 60\r\n\r\n"),
        [REQUEST, b"GET /again HT"].concat(),
        [REQUEST, b"GET /again HTTP/1.1\r\nhost: a\r\n"].concat(),
    ]
}

/// What a client sends whole before it is idle.
fn whole() -> Vec<Vec<u8>> {
    vec![
        REQUEST.into(),
        REQUEST.repeat(3),
        post("content-length: 2\r\n\r\n{}"),
        post("transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ]
}

/// Falls silent, and returns how long it took from the last bytes to the end of the connection.
async fn silent(address: SocketAddr, beginning: Vec<u8>) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Before the last byte: this process may pause after it, and the app counts on.
    let begun = Instant::now();
    stream.write_all(&beginning).await.unwrap();
    let mut answer = Vec::new();
    // The end of the stream and a reset both count as closed.
    let ended = timeout(2 * CLOSED_WITHIN, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "open after {:?}: {beginning:?}", begun.elapsed());
    begun.elapsed()
}

/// Sends a request and, when the connection has been idle for most of its time, half a header. Returns how long it
/// took from there to the end of the connection.
async fn half_a_header_after_a_pause(address: SocketAddr) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    tokio::time::sleep(KEEP_ALIVE - Duration::from_secs(2)).await;
    let begun = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nx-half").await.unwrap();
    let ended = timeout(2 * CLOSED_WITHIN, stream.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "open after {:?}", begun.elapsed());
    begun.elapsed()
}

/// Asks for the page until told to stop; how long each response took.
async fn healthy(address: SocketAddr, end: Instant) -> Vec<Duration> {
    let (mut client, mut took) = (Client::new(address), Vec::new());
    while Instant::now() < end {
        let asked = Instant::now();
        let outcome = client.send(get(address, "/")).await;
        assert!(matches!(outcome, Outcome::Answered(StatusCode::OK, _)), "{outcome:?}");
        took.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_half_open_sockets_are_closed_while_others_are_served() {
    let _alone = MACHINE.write().await;
    let keep_alive = KEEP_ALIVE.as_secs().to_string();
    let app = WRITE_APP.start_with(&[("KEEP_ALIVE_SECONDS", &keep_alive)]).await;
    let (mut sockets, mut clients) = (JoinSet::new(), JoinSet::new());
    let (mut idle, mut late) = (JoinSet::new(), JoinSet::new());

    for beginning in beginnings().into_iter().cycle().take(SOCKETS) {
        sockets.spawn(silent(app.address, beginning));
    }
    for requests in whole().into_iter().cycle().take(40) {
        idle.spawn(silent(app.address, requests));
    }
    late.spawn(half_a_header_after_a_pause(app.address));
    let end = Instant::now() + Duration::from_secs(6);
    for _ in 0..3 {
        clients.spawn(healthy(app.address, end));
    }
    let last = sockets.join_all().await.into_iter().max().unwrap();
    let took = clients.join_all().await.concat();
    let idle = idle.join_all().await;
    let late = late.join_all().await[0];

    println!("figure: {SOCKETS} half-open sockets closed within {last:.1?}");
    assert!(last < CLOSED_WITHIN, "{last:?}");
    assert!(idle.iter().all(|open| (KEEP_ALIVE..CLOSED_WITHIN).contains(open)), "{idle:?}");
    assert!((Duration::from_secs(4)..CLOSED_WITHIN).contains(&late), "{late:?}");
    assert_served_meanwhile(took);
}

fn assert_served_meanwhile(mut took: Vec<Duration>) {
    took.sort();
    let (number, p99) = (took.len(), took[took.len() * 99 / 100]);
    println!("figure: {number} responses meanwhile, p99 {p99:.1?}");
    assert!(number > responses_at_least() && p99 < healthy_within(), "{p99:?} of {number}");
}

/// Sends requests and reads no response, until the connection is closed.
async fn unread(address: SocketAddr) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    let sending = async { while stream.write_all(STYLESHEET).await.is_ok() {} };
    assert!(timeout(2 * CLOSED_WITHIN, sending).await.is_ok(), "open after {:?}", begun.elapsed());
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_no_response_is_closed() {
    let _alone = MACHINE.write().await;
    let app = WRITE_APP.start().await;
    let mut clients = JoinSet::new();

    for _ in 0..3 {
        clients.spawn(unread(app.address));
    }
    let last = clients.join_all().await.into_iter().max().unwrap();

    println!("figure: clients that read no response are closed within {last:.1?}");
    assert!(last < CLOSED_WITHIN, "{last:?}");
}

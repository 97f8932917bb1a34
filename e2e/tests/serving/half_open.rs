//! Sockets on which a client is silent in the midst of something, of every kind there is.

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
    client::{Client, Outcome, Protocol, get},
    process::WRITE_APP,
};

const SOCKETS: usize = 500;

/// Within this all of them are closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// What nearly everybody else is answered within. A machine that does other work meanwhile may take its time.
fn healthy_within() -> Duration {
    Duration::from_millis(repetitions(2000, 100).into())
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// The start of a HEADERS frame of 16 bytes on stream 1, END_STREAM set and END_HEADERS not.
const HEADERS_BEGUN: &[u8] = &[0, 0, 16, 1, 1, 0, 0, 0, 1, 0x82, 0x86];
/// A whole one of 3 bytes (GET http /), after which a CONTINUATION has to come.
const HEADERS_TO_BE_CONTINUED: &[u8] = &[0, 0, 3, 1, 1, 0, 0, 0, 1, 0x82, 0x86, 0x84];
/// The same, and half of that CONTINUATION.
const CONTINUATION_BEGUN: &[u8] =
    &[0, 0, 3, 1, 1, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0, 0, 9, 9, 4, 0, 0, 0, 1, 0x41];
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
/// A whole request by HTTP/2: END_STREAM and END_HEADERS are set.
const REQUEST_BY_HTTP2: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84];

/// What a client sends before it falls silent.
fn beginnings() -> Vec<Vec<u8>> {
    let http2 = |rest: &[&[u8]]| {
        [PREFACE, SETTINGS].into_iter().chain(rest.iter().copied()).collect::<Vec<_>>().concat()
    };
    vec![
        Vec::new(),
        b"GET /hea".into(),
        b"GET / HTTP/1.1\r\nhost: a\r\nx-half".into(),
        PREFACE[..10].into(),
        PREFACE.into(),
        http2(&[]),
        http2(&[HEADERS_BEGUN]),
        http2(&[HEADERS_TO_BE_CONTINUED]),
        http2(&[CONTINUATION_BEGUN]),
        http2(&[REQUEST_BY_HTTP2]),
        REQUEST.into(),
        [REQUEST, b"GET /again HT"].concat(),
    ]
}

/// Falls silent, and returns how long it took from the last byte to the end of the connection.
async fn silent(address: SocketAddr, beginning: Vec<u8>) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&beginning).await.unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    // Closed with or without something left unread: both end it.
    let ended = timeout(2 * CLOSED_WITHIN, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "open after {:?}: {beginning:?}", begun.elapsed());
    begun.elapsed()
}

/// Asks for the page until told to stop; how long each answer took.
async fn healthy(address: SocketAddr, protocol: Protocol, end: Instant) -> Vec<Duration> {
    let (mut client, mut took) = (Client::new(address, protocol), Vec::new());
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
    let app = WRITE_APP.start().await;
    let (mut sockets, mut clients) = (JoinSet::new(), JoinSet::new());

    for beginning in beginnings().into_iter().cycle().take(SOCKETS) {
        sockets.spawn(silent(app.address, beginning));
    }
    let end = Instant::now() + Duration::from_secs(6);
    for protocol in [Protocol::Http1, Protocol::Http1, Protocol::Http2] {
        clients.spawn(healthy(app.address, protocol, end));
    }
    let last = sockets.join_all().await.into_iter().max().unwrap();
    let mut took = clients.join_all().await.concat();

    took.sort();
    let p99 = took[took.len() * 99 / 100];
    println!(
        "figure: {SOCKETS} half-open sockets closed within {last:.1?}; {} answers meanwhile, p99 {p99:.1?}",
        took.len()
    );
    assert!(last < CLOSED_WITHIN, "{last:?}");
    assert!(took.len() > 100 && p99 < healthy_within(), "{p99:?} of {}", took.len());
}

//! Bodies that are too large or too slow, by both protocols.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use hyper::{
    StatusCode,
    body::{Body, Bytes, Frame},
    client::conn::http2,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    MACHINE,
    client::{Client, Outcome, Protocol, post},
    process::{READ_APP, WRITE_APP},
};

/// Longer than the deadline of a request, and what a busy machine adds.
const LATE: Duration = Duration::from_secs(20);

const POST: &str = "POST /submit HTTP/1.1\r\nhost: app\r\ncontent-type: application/json\r\n";

/// Sends these bytes and no more; what comes back until the connection closes, and after how long.
async fn exchange(address: SocketAddr, sent: String) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    let _closed_with_something_unread = stream.read_to_end(&mut answer).await;
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

/// A body of which nothing ever comes.
struct Stalled;

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_ends_with_408_by_the_deadline_of_its_request() {
    let _beside_others = MACHINE.read().await;
    let app = WRITE_APP.start().await;
    let http1 = exchange(app.address, format!("{POST}content-length: 60\r\n\r\n{{\"name\""));
    let http2 = async {
        let io = TokioIo::new(TcpStream::connect(app.address).await.unwrap());
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let request = post(app.address, "/submit", "").map(|_| Stalled);
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    };

    let ((answer, took), (status, body)) = tokio::join!(http1, http2);

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(took < LATE, "{took:?}");
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["code"], "request_timeout");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let _beside_others = MACHINE.read().await;
    let app = WRITE_APP.start().await;
    let large = "x".repeat(17 * 1024);

    for sent in [
        format!("{POST}content-length: {}\r\n\r\n{large}", large.len()),
        format!(
            "{POST}transfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
            large.len()
        ),
        // Not even asked for.
        format!("{POST}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", large.len()),
    ] {
        let (answer, _) = exchange(app.address, sent).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    let mut client = Client::new(app.address, Protocol::Http2);
    let outcome = client.send(post(app.address, "/submit", &large)).await;
    let Outcome::Answered(StatusCode::PAYLOAD_TOO_LARGE, body) = outcome else {
        panic!("{outcome:?}")
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["code"], "body_too_large");
}

#[tokio::test]
async fn a_body_that_is_announced_is_asked_for() {
    let _beside_others = MACHINE.read().await;
    let app = WRITE_APP.start().await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let body = r#"{"name":""}"#;

    let head = format!("{POST}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 12];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100");

    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64];
    while !String::from_utf8_lossy(&answer).contains("HTTP/1.1 422") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "no answer after all");
    }
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused() {
    let _beside_others = MACHINE.read().await;
    let app = READ_APP.start().await;

    let header = "x".repeat(40_000);
    let (answer, _) =
        exchange(app.address, format!("GET / HTTP/1.1\r\nhost: app\r\nx-large: {header}\r\n\r\n"))
            .await;

    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

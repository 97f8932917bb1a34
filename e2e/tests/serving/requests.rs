//! Requests that are too large, too slow, or not HTTP/1.1.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    MACHINE,
    process::{READ_APP, WRITE_APP},
};

/// Longer than the deadline of a request, and what a busy machine adds.
const LATE: Duration = Duration::from_secs(20);

const POST: &str = "POST /submit HTTP/1.1\r\nhost: app\r\ncontent-type: application/json\r\n";

/// Sends these bytes and no more; what comes back until the connection closes, and after how long.
pub(crate) async fn exchange(address: SocketAddr, sent: String) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut response = Vec::new();
    let _closed_with_something_unread = stream.read_to_end(&mut response).await;
    (String::from_utf8_lossy(&response).into_owned(), begun.elapsed())
}

/// The code in the JSON body of a response.
fn code(response: &str) -> String {
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_body_that_does_not_arrive_ends_with_408_by_the_deadline_of_its_request() {
    let _beside_others = MACHINE.read().await;
    let app = WRITE_APP.start().await;

    let sent = format!("{POST}content-length: 60\r\n\r\n{{\"name\"");
    let (response, took) = exchange(app.address, sent).await;

    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert_eq!(code(&response), "request_timeout");
    assert!(took < LATE, "{took:?}");
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
        // The server does not ask for this one.
        format!("{POST}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", large.len()),
    ] {
        let (response, _) = exchange(app.address, sent).await;
        assert!(response.starts_with("HTTP/1.1 413"), "{response}");
        assert_eq!(code(&response), "body_too_large");
    }
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
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
    let mut response = vec![0; 64];
    while !String::from_utf8_lossy(&response).contains("HTTP/1.1 422") {
        assert!(stream.read_buf(&mut response).await.unwrap() > 0, "no response");
    }
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused() {
    let _beside_others = MACHINE.read().await;
    let app = READ_APP.start().await;

    let header = "x".repeat(40_000);
    let (response, _) =
        exchange(app.address, format!("GET / HTTP/1.1\r\nhost: app\r\nx-large: {header}\r\n\r\n"))
            .await;

    assert!(response.is_empty() || response.starts_with("HTTP/1.1 431"), "{response}");
}

#[tokio::test]
async fn a_client_that_begins_with_http2_is_closed_at_once() {
    let _beside_others = MACHINE.read().await;
    let app = READ_APP.start().await;

    let (response, took) =
        exchange(app.address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()).await;

    assert_eq!(response, "", "hyper closes without a response");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

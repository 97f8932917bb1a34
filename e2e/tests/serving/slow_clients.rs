//! As many slow clients as an app has connections, and more. Each does just enough not to be closed for its silence,
//! and comes back when it is closed. Probes on new connections are still answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::repetitions;
use hyper::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    MACHINE,
    client::{Client, Outcome, get},
    process::{READ_APP, WRITE_APP},
};

/// More than an app has connections: 1,024.
const CLIENTS: usize = 1200;

/// The time limit of a kubelet's probe is a second; a machine that does other work stretches it. A probe that was kept out
/// would never be answered.
fn probe_within() -> Duration {
    Duration::from_secs(repetitions(20, 5).into())
}

/// How long a slow client pauses: less than its silence may last.
const PAUSE: Duration = Duration::from_secs(2);

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
const HEADER: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ";
const BODY: &[u8] = b"POST /submit HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
      content-length: 1000\r\n\r\n";
const STYLESHEET: &[u8] = b"GET /assets/style.css HTTP/1.1\r\nhost: a\r\n\r\n";

/// One kind of slow client: what it sends first, what it sends again and again, and whether it reads what comes.
type Kind = (&'static [u8], &'static [u8], bool);

const KINDS: [Kind; 5] = [
    (REQUEST, REQUEST, true),
    (HEADER, b"x", true),
    (BODY, b"x", true),
    (b"", b"", true),
    (STYLESHEET, STYLESHEET, false),
];

/// Is a slow client until it is aborted.
async fn slow(address: SocketAddr, (first, then, reads): Kind, connected: Arc<Semaphore>) {
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        let mut sent = stream.write_all(first).await;
        connected.add_permits(1);
        let mut answer = [0; 1024];
        while sent.is_ok() {
            if !reads {
                // As long as the others take to read in vain.
                sleep(PAUSE).await;
            } else if timeout(PAUSE, stream.read(&mut answer))
                .await
                .is_ok_and(|read| read.is_ok_and(|length| length == 0))
            {
                break;
            }
            sleep(PAUSE).await;
            sent = stream.write_all(then).await;
        }
        sleep(PAUSE).await;
    }
}

/// How long a probe took, on a new connection as a kubelet's is.
async fn probe(address: SocketAddr, path: &str, beside: &str) -> Duration {
    let asked = Instant::now();
    let answer = timeout(probe_within(), Client::new(address).send(get(address, path))).await;
    assert!(
        matches!(answer, Ok(Outcome::Answered(StatusCode::OK, _))),
        "{path} beside {beside}: {answer:?}"
    );
    asked.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_on_all_connections_keep_no_probe_out() {
    let _alone = MACHINE.write().await;
    let app = WRITE_APP.start().await;
    for kind in KINDS {
        let first = String::from_utf8_lossy(kind.0);
        let (connected, mut clients) = (Arc::new(Semaphore::new(0)), JoinSet::new());
        for _ in 0..CLIENTS {
            clients.spawn(slow(app.address, kind, connected.clone()));
        }
        drop(connected.acquire_many(CLIENTS as u32).await.unwrap());
        let (end, mut slowest) = (Instant::now() + Duration::from_secs(2), Duration::ZERO);
        while Instant::now() < end {
            for path in ["/healthz", "/readyz"] {
                slowest = slowest.max(probe(app.address, path, &first).await);
            }
        }
        println!(
            "figure: beside {CLIENTS} slow clients ({first:.40?}) a probe took {slowest:.1?} at most"
        );
        clients.shutdown().await;
    }
}

/// Asks for the longest page again and again, and reads nothing.
async fn never_reads(address: SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
    while stream.write_all(&request).await.is_ok() {}
}

/// The limit of the Deployments, in KiB.
const MEMORY: u64 = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_hold_no_more_memory_than_one_request_and_one_response_each() {
    let _alone = MACHINE.write().await;
    let app = READ_APP.start().await;
    let (before, mut most) = (app.resident(), 0);
    let mut clients = JoinSet::new();
    for _ in 0..1000 {
        clients.spawn(never_reads(app.address));
    }
    // Until all are closed for their silence.
    while clients.try_join_next().is_none() {
        most = most.max(app.resident());
        sleep(Duration::from_millis(50)).await;
    }
    println!("figure: 1,000 clients that never read: {most} KiB resident, {before} KiB before");
    assert!(most < MEMORY, "{most} KiB");
    clients.shutdown().await;
}

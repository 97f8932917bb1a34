//! The load generator: HTTP/1.1 over connections that stay open, on one thread.
//!
//! The benchmark needs two things that no one tool has. Each registration needs a new email: oha draws bodies at random
//! from a file, so emails repeat. Latency needs a fixed rate, which wrk does not have.
//!
//! [`Pace::AsFast`] measures throughput: each connection sends its next request as soon as it has a response. Its
//! latencies are too low for a slow server, because they leave out the time for which clients wait before they can send
//! (coordinated omission). [`Pace::PerSecond`] measures latency: each request is due at a fixed time. A request that has to
//! wait for its connection counts from when it was due.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    runtime,
    task::{JoinSet, spawn_blocking},
    time::{sleep_until, timeout},
};

use crate::statistics::Latencies;

/// How long a response may take.
const RESPONSE_DEADLINE: Duration = Duration::from_secs(20);

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) enum RequestKind {
    /// `GET` of this path.
    Get(String),
    /// The same of the page's living part, which has status 200 even where no pod answered: it says so.
    Ask(String),
    /// `POST /submit` with a new email.
    Register,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as the connection has a response.
    AsFast,
    /// At this rate over all connections.
    PerSecond(f64),
}

#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) kind: RequestKind,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    pub(crate) time: Duration,
}

/// The responses to a load.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    /// Of the responses with status 200 that have what was asked for.
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
    /// The number of other responses and of broken connections.
    pub(crate) failed: usize,
}

impl Responses {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }

    /// The share of requests without a response with status 200.
    pub(crate) fn failed_share(&self) -> f64 {
        self.failed as f64 / (self.failed + self.latencies.count()).max(1) as f64
    }
}

impl Load {
    /// Sends the requests from a separate thread, so that no other task of this process delays them.
    pub(crate) async fn offer(self) -> anyhow::Result<Responses> {
        let offered = spawn_blocking(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(offer(Arc::new(self)))
        });
        offered.await?
    }

    /// The time from the start until a connection's request is due.
    fn due(&self, connection: usize, turn: usize) -> Option<Duration> {
        let Pace::PerSecond(rate) = self.pace else { return None };
        Some(Duration::from_secs_f64((turn * self.connections + connection) as f64 / rate))
    }
}

async fn offer(load: Arc<Load>) -> anyhow::Result<Responses> {
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(load.server).await?);
    }
    let (start, mut clients) = (Instant::now(), JoinSet::new());
    for (number, connection) in connections.into_iter().enumerate() {
        clients.spawn(client(load.clone(), connection, number, start));
    }
    let (mut latencies, mut failed) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        let (more_latencies, more_failed) = client??;
        latencies.extend(more_latencies);
        failed += more_failed;
    }
    Ok(Responses { latencies: latencies.into(), took: start.elapsed(), failed })
}

/// Sends requests on one connection until the time is up. Returns the latencies of the responses with status 200, and the
/// number of failed requests.
async fn client(
    load: Arc<Load>,
    mut connection: Connection,
    number: usize,
    start: Instant,
) -> anyhow::Result<(Vec<Duration>, usize)> {
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for turn in 0.. {
        let mut sent = Instant::now();
        if let Some(due) = load.due(number, turn).map(|due| start + due) {
            if sent < due {
                // Count from now: the timer may be a millisecond late, and the server must not be blamed.
                sleep_until(due.into()).await;
                sent = Instant::now();
            } else {
                sent = due;
            }
        }
        if start.elapsed() >= load.time {
            break;
        }
        match connection.send(load.kind.request(load.server)?).await {
            Ok((StatusCode::OK, body)) if load.kind.is_served(&body) => {
                latencies.push(sent.elapsed());
            }
            Ok(_) => failed += 1,
            Err(_) => {
                failed += 1;
                connection = Connection::open(load.server).await?;
            }
        }
    }
    Ok((latencies, failed))
}

impl RequestKind {
    pub(crate) fn request(&self, server: SocketAddr) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::builder().header("host", server.to_string());
        Ok(match self {
            Self::Get(path) | Self::Ask(path) => request.uri(path).body(Full::default())?,
            Self::Register => {
                let email = format!("{:032x}@example.org", rand::random::<u128>());
                let body = format!(r#"{{"name":"Grace Hopper","email":"{email}"}}"#);
                let request = request.method("POST").uri("/submit");
                request.header("content-type", "application/json").body(Full::from(body))?
            }
        })
    }

    /// Whether a response with status 200 is what was asked for. A dot of the page is the number of the pod that answered.
    fn is_served(&self, body: &[u8]) -> bool {
        let Self::Ask(_) = self else { return true };
        let page = String::from_utf8_lossy(body);
        let dots =
            page.split_once(r#"name="seen" value=""#).and_then(|(_, rest)| rest.split_once('"'));
        dots.is_some_and(|(dots, _)| dots.ends_with(|dot: char| dot.is_ascii_digit()))
    }
}

/// An open connection.
pub(crate) struct Connection(http1::SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The task ends when the sender is dropped; the sender reports its errors.
        drop(tokio::spawn(connection));
        Ok(Self(sender))
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let response = async {
            self.0.ready().await?;
            let response = self.0.send_request(request).await?;
            let status = response.status();
            anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        timeout(RESPONSE_DEADLINE, response).await.context("no response")?
    }
}

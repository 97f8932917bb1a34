//! The load generator: HTTP/1.1 over connections that stay open, on one thread.
//!
//! It is written here because neither wrk nor oha does all that is needed with one client. A registration needs an email of
//! its own: oha draws bodies at random from a file, so some come twice; wrk can make them, but offers no rate.
//!
//! [`Pace::AsFast`] is a closed loop, in which each connection sends as soon as it was answered: that is how many requests
//! there can be. Its latencies leave out what clients of a slow server would have waited before they could even ask
//! (coordinated omission). So latencies are measured with [`Pace::PerSecond`]: requests are due at times that
//! do not depend on the answers, and a request that is late because its connection still waits is counted from when it was due.

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

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// `GET` of this path.
    Get(String),
    /// `POST /submit` of somebody whom nobody has registered before.
    Register,
}

/// When.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    AsFast,
    PerSecond(f64),
}

#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) ask: Ask,
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    pub(crate) time: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Of the answers 200.
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
    /// Other answers, and connections that broke.
    pub(crate) failed: usize,
}

impl Answers {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }

    /// The share of requests that were not answered with 200.
    pub(crate) fn failed_share(&self) -> f64 {
        self.failed as f64 / (self.failed + self.latencies.count()).max(1) as f64
    }
}

impl Load {
    /// Offers it from a thread of its own, so that nothing else in this process delays it.
    pub(crate) async fn offer(self) -> anyhow::Result<Answers> {
        let offered = spawn_blocking(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(offer(Arc::new(self)))
        });
        offered.await?
    }

    /// When a connection's request is due, counted from the start.
    fn due(&self, connection: usize, turn: usize) -> Option<Duration> {
        let Pace::PerSecond(rate) = self.pace else { return None };
        Some(Duration::from_secs_f64((turn * self.connections + connection) as f64 / rate))
    }
}

async fn offer(load: Arc<Load>) -> anyhow::Result<Answers> {
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
        let (its_latencies, its_failed) = client??;
        latencies.extend(its_latencies);
        failed += its_failed;
    }
    Ok(Answers { latencies: latencies.into(), took: start.elapsed(), failed })
}

/// One connection's requests until the time is up: the latencies of those answered with 200, and how many were not.
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
                // The timer may be a millisecond late, which is not the server's fault.
                sleep_until(due.into()).await;
                sent = Instant::now();
            } else {
                sent = due;
            }
        }
        if start.elapsed() >= load.time {
            break;
        }
        match connection.send(load.ask.request(load.server)?).await {
            Ok((StatusCode::OK, _)) => latencies.push(sent.elapsed()),
            Ok(_) => failed += 1,
            Err(_) => {
                failed += 1;
                connection = Connection::open(load.server).await?;
            }
        }
    }
    Ok((latencies, failed))
}

impl Ask {
    pub(crate) fn request(&self, server: SocketAddr) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::builder().header("host", server.to_string());
        Ok(match self {
            Self::Get(path) => request.uri(path).body(Full::default())?,
            Self::Register => {
                let email = format!("{:032x}@example.org", rand::random::<u128>());
                let body = format!(r#"{{"name":"Grace Hopper","email":"{email}"}}"#);
                let request = request.method("POST").uri("/submit");
                request.header("content-type", "application/json").body(Full::from(body))?
            }
        })
    }
}

/// An open connection.
pub(crate) struct Connection(http1::SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender, and says there what went wrong.
        drop(tokio::spawn(connection));
        Ok(Self(sender))
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let answering = async {
            self.0.ready().await?;
            let answer = self.0.send_request(request).await?;
            let status = answer.status();
            anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
        };
        timeout(PATIENCE, answering).await.context("no answer")?
    }
}

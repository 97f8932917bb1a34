//! One connection, from accepted to closed: HTTP/1.1, or HTTP/2 for a client that begins with its
//! preface (<https://www.rfc-editor.org/rfc/rfc9113#section-3.3>), with limits and deadlines.
//!
//! hyper's own deadlines leave gaps: it waits for a client's first bytes, which tell one protocol from
//! the other, without a timer, and so it does for an HTTP/2 preface, a header's frames and a reader who
//! does not read. The deadlines here are kept from outside, by what is [under way](super::under_way).

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, Request, Response, Version, header},
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulConnection},
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

use super::under_way::{Answer, Counter, Requests, UnderWay};
use crate::http::{
    REQUEST_DEADLINE,
    health::{Health, Stage},
};

/// How long a connection may go without a request under way: for the header of its first one, and
/// between two. Apache httpd and Node.js let a connection rest for as long. It is not longer than
/// [`super::ENDPOINTS_MOVE`], so that no resting connection is left when the process stops accepting.
/// <https://httpd.apache.org/docs/2.4/mod/core.html#keepalivetimeout>
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// The same once no more connections are accepted: a request may be on its way, and no more.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How long nothing may happen while requests are under way: past their own deadline only an answer
/// is left that its client does not read.
const UNREAD: Duration = REQUEST_DEADLINE.saturating_add(Duration::from_secs(5));

/// How long a connection that has to close may take to do so in good order.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many requests an HTTP/2 client may have under way at once: more than a page has parts.
const STREAMS: u32 = 32;

/// Largest header, by either protocol.
const HEADER_LIMIT: u32 = 16 * 1024;

/// How much of requests' bodies an HTTP/2 client may send ahead: the least that the protocol allows, and
/// more than `BODY_LIMIT`.
const WINDOW: u32 = 65_535;

/// How many streams a client may open and reset at once before it is sent away; h2's own default.
/// <https://www.cve.org/CVERecord?id=CVE-2023-44487>
const RESETS: usize = 20;

/// How often an HTTP/2 client is asked whether it is still there, and for how long.
const PING: Duration = Duration::from_secs(5);

/// What all connections are served with.
#[derive(Clone)]
pub(super) struct Protocols(auto::Builder<TokioExecutor>);

impl Protocols {
    pub(super) fn new() -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().max_buf_size(HEADER_LIMIT as usize).header_read_timeout(None);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_LIMIT)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Self(builder)
    }

    /// Serves one connection until it closes, or has to.
    pub(super) async fn serve(self, stream: TcpStream, app: Router, health: Health) {
        // Answers are small and complete: send each at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let (counter, stage) = (Counter::default(), health.stage());
        let counting = counter.clone();
        let service = service_fn(move |request| {
            let request_under_way = counting.begin();
            answer(app.clone(), request, request_under_way, health.stage())
        });
        // Pinned here, for each function that it is handed to by value would have room for it once more.
        let connection = pin!(self.0.serve_connection(TokioIo::new(stream), service));
        if let Err(error) = watched(connection, &counter, stage).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Once the process was told to stop, each answer is its connection's last, and says so: a client then
/// opens a connection elsewhere, and never finds one closed under a request.
///
/// HTTP/1.1 has a header for it, and hyper closes by that. HTTP/2 has GOAWAY. It goes before the answer,
/// while its client waits: one that is sending meanwhile may take its request for refused.
async fn answer(
    app: Router,
    request: Request<Incoming>,
    request_under_way: UnderWay,
    stage: watch::Receiver<Stage>,
) -> Result<Response<Answer>, Infallible> {
    let http2 = request.version() == Version::HTTP_2;
    let mut answer = app.oneshot(request).await?;
    let is_last = *stage.borrow() != Stage::Serving;
    if is_last && http2 {
        request_under_way.after_farewell().await;
    } else if is_last {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer.map(|body| Answer { body, _request: request_under_way }))
}

/// Serves until the connection closes, or was silent for too long.
async fn watched<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    counter: &Counter,
    mut stage: watch::Receiver<Stage>,
) -> Result<(), C::Error> {
    let mut requests = counter.subscribe();
    loop {
        let (now, at) = (*requests.borrow_and_update(), *stage.borrow_and_update());
        if now.farewell_due {
            // What is on its way is still answered.
            connection.as_mut().graceful_shutdown();
            counter.farewell_said();
        }
        tokio::select! {
            ended = connection.as_mut() => return ended,
            Ok(()) = requests.changed() => {}
            Ok(()) = stage.changed() => {}
            () = sleep(patience(now, at)) => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    counter.farewell_said();
    timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
}

/// How long nothing may begin or end on a connection.
fn patience(requests: Requests, stage: Stage) -> Duration {
    match (requests.under_way, stage) {
        (0, Stage::Draining) => LAST_CALL,
        (0, _) => SILENCE,
        _ => UNREAD,
    }
}

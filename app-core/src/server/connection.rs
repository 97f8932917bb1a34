//! One connection, from accepted to closed: HTTP/1.1 by hyper, with limits and deadlines.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    http::{HeaderValue, Request, Response, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::silence::{Phase, SILENCE, Silence, Stream};
use crate::http::{health::Health, with_normal_targets};

/// Largest header of a request.
const HEADER_LIMIT: usize = 16 * 1024;

/// What every connection is served with.
pub(super) struct ConnectionServer {
    http: http1::Builder,
    app: Router,
    health: Health,
    pub(super) silence: Silence,
    /// Cancelled when idle connections have to close.
    pub(super) close_idle: CancellationToken,
}

impl ConnectionServer {
    pub(super) fn new(app: Router, health: Health, keep_alive: Duration) -> Self {
        let mut http = http1::Builder::new();
        // The stream has the deadline of a header.
        http.header_read_timeout(None).max_buf_size(HEADER_LIMIT);
        let silence = Silence { keep_alive, make_room: Arc::default() };
        let app = with_normal_targets(app);
        Self { http, app, health, silence, close_idle: CancellationToken::new() }
    }

    /// Serves one connection until it closes. The permit counts it as open.
    pub(super) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        _permit: Option<OwnedSemaphorePermit>,
    ) {
        set_options(&stream);
        let (server, phase) = (self.clone(), Phase::new());
        let stream = Stream::new(stream, phase.clone(), self.silence.clone());
        let service = service_fn(move |request| respond(server.clone(), phase.clone(), request));
        // Pinned here: a function that takes it by value would make the future larger by all of it.
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.close_idle.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn set_options(stream: &TcpStream) {
    // Responses are small and complete: the kernel sends each at once.
    let nodelay = stream.set_nodelay(true);
    // hyper has no deadline for a response that the client does not read. The kernel has one for bytes that
    // the client does not take: <https://man7.org/linux/man-pages/man7/tcp.7.html> (TCP_USER_TIMEOUT).
    let user_timeout = SockRef::from(stream).set_tcp_user_timeout(Some(SILENCE));
    if let Err(error) = nodelay.and(user_timeout) {
        tracing::debug!(%error, "an option of a connection was not set");
    }
}

/// Once the process was told to stop, each response is the last of its connection and says so. The client
/// opens the next connection to another pod, and hyper closes this one after the response.
async fn respond(
    server: Arc<ConnectionServer>,
    phase: Phase,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    phase.begin_response(!request.body().is_end_stream());
    let mut response = server.app.clone().oneshot(request).await?;
    phase.end_response();
    if server.health.is_stopping() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

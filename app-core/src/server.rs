//! Accepts connections, serves each one, and drains them at the end.
//!
//! `axum::serve` has no limit on connections. It sets no timer either, so a client that sends half a header
//! keeps its connection for ever (<https://github.com/tokio-rs/axum/issues/2741>).
//!
//! - [`connection`]: one connection, with its limits and deadlines.
//! - [`shutdown`]: the signals, and how open connections end.

mod connection;
mod shutdown;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::task::TaskTracker;

use self::connection::ConnectionServer;
pub use self::shutdown::until_signal;
use crate::http::health::Health;

/// How many connections may be open at once; further ones wait to be accepted.
const CONNECTIONS: usize = 1024;

/// How long to wait after a failed `accept`: file descriptors are free again when other connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens at the address. `[::]` takes IPv4 too, whatever the node's setting; where the kernel has no IPv6, it
/// takes IPv4 alone. The backlog, the kernel's queue of connections to accept, holds as many as may be open. The
/// standard library's holds 128, and the kernel drops what comes in beyond that.
///
/// # Errors
///
/// Where the address is not this machine's, or taken.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => match TcpSocket::new_v6() {
            Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
                return listen((Ipv4Addr::UNSPECIFIED, address.port()).into());
            }
            socket => socket?,
        },
    };
    if address.is_ipv6() {
        SockRef::from(&socket).set_only_v6(false)?;
    }
    // As the standard library does: a process that is started again finds its port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(u32::try_from(CONNECTIONS).unwrap_or(u32::MAX))
}

/// Serves until `stop` resolves, then drains the connections. From then on `health` is not ready.
///
/// # Errors
///
/// Where the listener fails for good.
pub async fn run(
    listener: TcpListener,
    app: Router,
    health: Health,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "serving");
    let limit = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = Connections::new(app, health.clone());
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            (stream, permit) = accept(&listener, &limit) => connections.serve(stream, permit),
            () = &mut stop => break,
        }
    }
    health.stopping();
    connections.serve_backlog(listener)?;
    tracing::info!(connections = connections.accepted, "no more connections are accepted");
    shutdown::drain(&connections.open, &connections.server.close_idle).await;
    tracing::info!("stopped");
    Ok(())
}

/// The next connection, once there are fewer than the limit. An error of `accept` is that of one connection,
/// or a lack of file descriptors.
async fn accept(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there always is a permit in the end.
    let permit = limit.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connections {
    server: Arc<ConnectionServer>,
    open: TaskTracker,
    accepted: u64,
}

impl Connections {
    fn new(app: Router, health: Health) -> Self {
        let server = Arc::new(ConnectionServer::new(app, health));
        Self { server, open: TaskTracker::new(), accepted: 0 }
    }

    fn serve(&mut self, stream: TcpStream, permit: Option<OwnedSemaphorePermit>) {
        self.accepted += 1;
        self.open.spawn(self.server.clone().serve(stream, permit));
    }

    /// Serves the connections that the kernel has accepted and this process has not. Closing the listener
    /// would reset them.
    fn serve_backlog(&mut self, listener: TcpListener) -> io::Result<()> {
        // Not through tokio: it reports a connection only after the next event of the listener.
        let listener = listener.into_std()?;
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            self.serve(TcpStream::from_std(stream)?, None);
        }
        Ok(())
    }
}

//! Accepts connections, serves each one, and drains them at the end.
//!
//! `axum::serve` has no limit on connections. It sets no timer either, so a client that sends half a header
//! keeps its connection for ever (<https://github.com/tokio-rs/axum/issues/2741>).
//!
//! - [`connection`]: one connection, with its limits.
//! - [`silence`]: how long a client may be silent, and when an idle connection ends.
//! - [`shutdown`]: the signals, and how open connections end.

mod connection;
mod shutdown;
mod silence;

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
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use self::connection::ConnectionServer;
pub use self::shutdown::until_signal;
use crate::http::health::Health;

/// How many connections may stay open. Beyond them, a new one closes the one that has been silent for longest, as
/// nginx does. Clients that only keep connections open keep out no other client, and no probe. There always is a silent
/// one, because fewer may have a request in flight or an incomplete body (`http/load_shed.rs`).
/// <https://nginx.org/en/docs/ngx_core_module.html#worker_connections>
const CONNECTIONS: usize = 1024;

/// How many more may be open, so that a new one rarely waits until the silent one has ended.
const SPARE: usize = 64;

/// How many bytes the kernel holds for a client that does not read. It doubles this, for what it notes of them;
/// without a limit, it would take megabytes. <https://man7.org/linux/man-pages/man7/socket.7.html> (SO_SNDBUF)
const SEND_BUFFER: u32 = 64 * 1024;

/// How long to wait after a failed `accept`, and for room.
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
    // The connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(u32::try_from(CONNECTIONS).unwrap_or(u32::MAX))
}

/// Serves until `stop` resolves, then drains the connections. From then on `health` is not ready. `keep_alive` is how
/// long a connection may be idle.
///
/// # Errors
///
/// Where the listener fails for good.
pub async fn run(
    listener: TcpListener,
    app: Router,
    health: Health,
    keep_alive: Duration,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "serving");
    let mut connections = Connections::new(ConnectionServer::new(app, health.clone(), keep_alive));
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            stream = connections.accept(&listener) => stream,
            () = &mut stop => break,
        };
        let room = connections.room().await;
        connections.serve(stream, room);
    }
    health.stopping();
    connections.serve_backlog(listener)?;
    tracing::info!(connections = connections.accepted, "no more connections are accepted");
    shutdown::drain(&connections.open, &connections.server.close_idle).await;
    tracing::info!("stopped");
    Ok(())
}

struct Connections {
    server: Arc<ConnectionServer>,
    open: TaskTracker,
    limit: Arc<Semaphore>,
    accepted: u64,
}

impl Connections {
    fn new(server: ConnectionServer) -> Self {
        let limit = Arc::new(Semaphore::new(CONNECTIONS + SPARE));
        Self { server: Arc::new(server), open: TaskTracker::new(), limit, accepted: 0 }
    }

    /// The next connection. An error of `accept` is that of one connection, or a lack of file descriptors: these are
    /// free again when another connection ends.
    async fn accept(&self, listener: &TcpListener) -> TcpStream {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.server.silence.make_room.notify_one();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Room for another connection. It asks again: the last call may have found no connection that was silent. The
    /// semaphore is never closed, so there always is a permit in the end.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if self.limit.available_permits() < SPARE {
                self.server.silence.make_room.notify_one();
            }
            if let Ok(room) = timeout(ACCEPT_PAUSE, self.limit.clone().acquire_owned()).await {
                return room.ok();
            }
        }
    }

    fn serve(&mut self, stream: TcpStream, room: Option<OwnedSemaphorePermit>) {
        self.accepted += 1;
        self.open.spawn(self.server.clone().serve(stream, room));
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

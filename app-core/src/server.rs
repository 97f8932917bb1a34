//! Accepts connections, wraps them in what every request passes, and drains them at the end.
//!
//! `axum::serve` sets no timer, so a client that sends half a header may keep its connection for
//! ever (<https://github.com/tokio-rs/axum/issues/2741>). The loop here is the same on hyper, with
//! limits on connections and on requests under way:
//!
//! - [`connection`]: one connection: HTTP/1.1 and HTTP/2, their limits, and deadlines for silence.
//! - [`under_way`]: which requests a connection has at this moment: what those deadlines go by.

mod connection;
mod under_way;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use self::connection::Protocols;
use crate::http::health::Health;

/// How many connections may be open at once; further ones wait to be accepted.
const CONNECTIONS: usize = 1024;

/// How long, after SIGTERM, new requests are still served: the time that a Service takes to stop
/// sending them here. <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination>
const ENDPOINTS_MOVE: Duration = Duration::from_secs(5);

/// How long open requests may take to end once the process stops accepting.
const DRAIN: Duration = Duration::from_secs(15);

/// Listens there, with room for as many connections at once as will be open in the end. The standard library
/// gives a queue of 128: who comes in beyond it, while the app is busy, believes to be connected and is not.
///
/// # Errors
///
/// Where the address is not this machine's, or taken.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As the standard library does: a process that is started again finds its port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(u32::try_from(CONNECTIONS).unwrap_or(u32::MAX))
}

/// Serves until `stop` resolves, then lets open requests end. `health` is told of it, and tells every
/// connection.
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
    let mut door = Door::new(app, health.clone());
    let mut stop = pin!(stop);
    loop {
        // The semaphore is never closed, so there always is a permit in the end.
        let permit = tokio::select! {
            permit = door.permits.clone().acquire_owned() => permit.ok(),
            () = &mut stop => break,
        };
        tokio::select! {
            stream = accept(&listener) => door.serve(stream, permit),
            () = &mut stop => break,
        }
    }
    health.draining();
    door.serve_those_who_wait(listener)?;
    tracing::info!(connections = door.accepted, "no more connections are accepted");
    door.open.close();
    if timeout(DRAIN, door.open.wait()).await.is_err() {
        tracing::warn!("some requests did not end within {DRAIN:?}");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Where connections come in.
struct Door {
    app: Router,
    health: Health,
    protocols: Protocols,
    permits: Arc<Semaphore>,
    open: TaskTracker,
    accepted: u64,
}

impl Door {
    fn new(app: Router, health: Health) -> Self {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let (protocols, open) = (Protocols::new(), TaskTracker::new());
        Self { app, health, protocols, permits, open, accepted: 0 }
    }

    fn serve(&mut self, stream: TcpStream, permit: Option<OwnedSemaphorePermit>) {
        let serving = self.protocols.clone().serve(stream, self.app.clone(), self.health.clone());
        self.accepted += 1;
        self.open.spawn(async move {
            serving.await;
            drop(permit);
        });
    }

    /// The kernel has accepted connections that nobody here has seen yet. Closing the listener would
    /// break them.
    fn serve_those_who_wait(&mut self, listener: TcpListener) -> io::Result<()> {
        // Without tokio, which would say that there are none until it has heard of them.
        let listener = listener.into_std()?;
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            self.serve(TcpStream::from_std(stream)?, None);
        }
        Ok(())
    }
}

/// The next connection. What `accept` reports are faults of one connection, or a lack of file
/// descriptors, which passes when others end.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Resolves when the process should stop accepting: at once after Ctrl-C, and after SIGTERM when
/// Services had time to send requests elsewhere.
///
/// # Errors
///
/// Where the process cannot listen for signals.
pub fn until_signal(health: Health) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => health.stopping(),
            _ = terminate.recv() => {
                health.stopping();
                tracing::info!("stopping: serving for {ENDPOINTS_MOVE:?} more, not ready from now on");
                sleep(ENDPOINTS_MOVE).await;
            }
        }
    })
}

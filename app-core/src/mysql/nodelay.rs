//! Opening a connection with `TCP_NODELAY`.
//!
//! sqlx 0.9.0 does not set this option (<https://github.com/transact-rs/sqlx/issues/4335>), and accepts no open
//! socket. Delete this file when a release of sqlx sets it.
//!
//! Without the option, a handshake waits for 40 of its 50 ms. rustls offers a key for X25519, which MySQL's TLS does not
//! know, so MySQL asks for another one. rustls sends that in two short records. The kernel holds the second
//! record back until the server's kernel acknowledges the first, 40 ms later. So sqlx connects to a Unix socket,
//! which does not wait, and a task copies the bytes between it and a TCP socket.
//!
//! The copying costs two more system calls in each direction. It pays for a connection that serves one query, and
//! does not pay for one that is kept.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    os::{linux::net::SocketAddrExt as _, unix::ffi::OsStringExt as _},
    path::PathBuf,
    time::Duration,
};

use sqlx::{ConnectOptions as _, MySqlConnection, mysql::MySqlConnectOptions};
use tokio::{
    io::copy,
    net::{TcpStream, UnixListener},
    time::timeout,
};

/// How long sqlx may take to connect to the Unix socket.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(1);

/// Connects to the server at this address.
pub(super) async fn connect(
    options: MySqlConnectOptions,
    address: SocketAddr,
) -> sqlx::Result<MySqlConnection> {
    let server = TcpStream::connect(address).await?;
    server.set_nodelay(true)?;
    let (listener, path) = listen()?;
    tokio::spawn(copy_both_ways(listener, server));
    options.socket(path).connect().await
}

/// Given an empty name, the kernel chooses an unused one, which is not in the file system.
/// <https://man7.org/linux/man-pages/man7/unix.7.html>
fn listen() -> io::Result<(UnixListener, PathBuf)> {
    let listener = UnixListener::bind("")?;
    let address = std::os::unix::net::SocketAddr::from(listener.local_addr()?);
    let name = address.as_abstract_name().unwrap_or_default();
    let path = [b"\0", name].concat();
    Ok((listener, PathBuf::from(OsString::from_vec(path))))
}

/// Copies in both directions until either side closes.
async fn copy_both_ways(listener: UnixListener, mut server: TcpStream) -> io::Result<()> {
    let (mut client, _) = timeout(ACCEPT_DEADLINE, listener.accept()).await??;
    drop(listener);
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        ended = copy(&mut from_client, &mut to_server) => ended,
        ended = copy(&mut from_server, &mut to_client) => ended,
    }
    .map(drop)
}

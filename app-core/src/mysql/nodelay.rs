//! Opening a connection without waiting for acknowledgements.
//!
//! sqlx 0.9.0 sets no `TCP_NODELAY` (<https://github.com/transact-rs/sqlx/issues/4335>; a release that does makes this
//! file superfluous) and takes no socket of ours. MySQL's TLS knows no X25519, with which rustls
//! begins, and asks for another key. rustls answers by two short records; the kernel keeps the second until
//! the first is acknowledged, and the server's kernel acknowledges it 40 ms later: most of the time that a new
//! connection took. So sqlx talks to a Unix socket, which does not wait, and this passes on what is said.
//!
//! That costs two more system calls each way: good where a connection serves one query, and not where it is
//! kept.

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

/// sqlx connects at once, or never.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(1);

/// Connects to the server at this address.
pub(super) async fn connect(
    options: MySqlConnectOptions,
    address: SocketAddr,
) -> sqlx::Result<MySqlConnection> {
    let server = TcpStream::connect(address).await?;
    server.set_nodelay(true)?;
    let (listener, path) = listen()?;
    tokio::spawn(pass_on(listener, server));
    options.socket(path).connect().await
}

/// Without a name of our own the kernel gives one that nobody has, in no file system.
/// <https://man7.org/linux/man-pages/man7/unix.7.html>
fn listen() -> io::Result<(UnixListener, PathBuf)> {
    let listener = UnixListener::bind("")?;
    let address = std::os::unix::net::SocketAddr::from(listener.local_addr()?);
    let name = address.as_abstract_name().unwrap_or_default();
    let path = [b"\0", name].concat();
    Ok((listener, PathBuf::from(OsString::from_vec(path))))
}

/// Until either side has no more to say: then there is nobody to hear the other.
async fn pass_on(listener: UnixListener, mut server: TcpStream) -> io::Result<()> {
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

//! One address that leads to a pod, which is chosen for each connection. The Service `mysql-read` is one, see
//! [`crate::read_service`]. The name `mysql-0.mysql` in a server's settings is another, see
//! [`Network::primary_name`](crate::network::Network).

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

/// How long to wait after a failed `accept`, so that other connections can end and free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections on `address` until the returned handle is dropped. Each goes to the pod that `choose` names, or
/// is closed where it names none.
pub(crate) async fn serve(
    address: SocketAddr,
    choose: impl Fn() -> Option<Ipv4Addr> + Send + 'static,
) -> io::Result<AbortOnDropHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    let port = address.port();
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((client, _)) => {
                    if let Some(pod) = choose() {
                        drop(tokio::spawn(forward(client, (pod, port).into())));
                    }
                }
                Err(error) => {
                    tracing::warn!(%address, %error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })))
}

async fn forward(mut client: TcpStream, pod: SocketAddr) {
    match TcpStream::connect(pod).await {
        Ok(mut server) => {
            // A node's kernel forwards each packet at once, so do not wait for more data here either.
            drop([client.set_nodelay(true), server.set_nodelay(true)]);
            // An error means that the client or the pod has closed the connection, which is its right.
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
        Err(error) => tracing::debug!(%pod, %error, "a pod did not accept a connection"),
    }
}

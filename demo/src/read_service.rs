//! A stand-in for the Service `mysql-read`: one address in front of all ready pods. It picks a random pod when a
//! client connects, and the connection stays with that pod. kube-proxy does the same with its rules:
//! <https://kubernetes.io/docs/reference/networking/virtual-ips/>.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use rand::seq::IndexedRandom as _;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use crate::endpoints::Endpoints;

/// How long to wait after a failed `accept`, so that other connections can end and free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections on `address` until the returned handle is dropped.
///
/// # Errors
///
/// If the address is in use.
pub async fn serve(address: SocketAddr, endpoints: Endpoints) -> io::Result<AbortOnDropHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    let port = address.port();
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(tokio::spawn(forward(client, endpoints.ready(), port))),
                Err(error) => {
                    tracing::warn!(%error, "mysql-read cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })))
}

/// Forwards one connection. Without a ready pod it closes the connection; kube-proxy would refuse it.
async fn forward(mut client: TcpStream, ready: Vec<Ipv4Addr>, port: u16) {
    let picked = ready.choose(&mut rand::rng()).copied();
    let Some(pod) = picked else { return };
    match TcpStream::connect((pod, port)).await {
        Ok(mut server) => {
            // A node's kernel forwards each packet at once, so do not wait for more data here either.
            drop([client.set_nodelay(true), server.set_nodelay(true)]);
            // An error means that the client or the pod has closed the connection, which is its right.
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
        Err(error) => tracing::debug!(%pod, %error, "a ready pod did not accept a connection"),
    }
}

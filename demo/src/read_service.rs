//! `mysql-read`: one address in front of all ready pods. The pod is picked at random when a
//! connection is opened, and the connection stays with it, as kube-proxy does with its rules:
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

/// How long to wait when file descriptors have run out: until others end.
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);

/// Accepts connections on `address` for as long as the returned handle lives.
///
/// # Errors
///
/// Where the address is taken.
pub async fn serve(address: SocketAddr, endpoints: Endpoints) -> io::Result<AbortOnDropHandle<()>> {
    let listener = TcpListener::bind(address).await?;
    let port = address.port();
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(tokio::spawn(forward(client, endpoints.ready(), port))),
                Err(error) => {
                    tracing::warn!(%error, "mysql-read could not accept a connection");
                    sleep(AFTER_A_FAILURE).await;
                }
            }
        }
    })))
}

/// Without a ready pod the client is hung up on; in a cluster its connection is refused.
async fn forward(mut client: TcpStream, ready: Vec<Ipv4Addr>, port: u16) {
    let picked = ready.choose(&mut rand::rng()).copied();
    let Some(pod) = picked else { return };
    match TcpStream::connect((pod, port)).await {
        Ok(mut server) => {
            // A cluster's node forwards each packet at once, and so does this.
            drop([client.set_nodelay(true), server.set_nodelay(true)]);
            // Either side may hang up at any time; that is no fault of the one in between.
            drop(copy_bidirectional(&mut client, &mut server).await);
        }
        Err(error) => tracing::debug!(%pod, %error, "a ready pod did not accept a connection"),
    }
}

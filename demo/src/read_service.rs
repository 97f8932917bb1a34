//! A stand-in for the Service `mysql-read`: one address in front of all ready pods. It picks a random pod when a
//! client connects, and the connection stays with that pod. kube-proxy does the same with its rules:
//! <https://kubernetes.io/docs/reference/networking/virtual-ips/>.

use std::{io, net::SocketAddr};

use rand::seq::IndexedRandom as _;
use tokio_util::task::AbortOnDropHandle;

use crate::{endpoints::Endpoints, forwarder};

/// Accepts connections on `address` until the returned handle is dropped. Without a ready pod it closes a connection;
/// kube-proxy would refuse it.
///
/// # Errors
///
/// If the address is in use.
pub async fn serve(address: SocketAddr, endpoints: Endpoints) -> io::Result<AbortOnDropHandle<()>> {
    forwarder::serve(address, move || endpoints.ready().choose(&mut rand::rng()).copied()).await
}

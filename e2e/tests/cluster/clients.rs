//! Where the apps are, and clients of them.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::kubectl::until;

/// How long a client waits for an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

fn node_address() -> String {
    std::env::var("NODE_ADDRESS").unwrap_or_else(|_| "127.0.0.1".into())
}

/// A URL at a NodePort.
pub(crate) fn node_port(port: u16, path: &str) -> String {
    format!("http://{}:{port}{path}", node_address())
}

/// A client that opens a connection for each request.
///
/// On loopback each client has another address. When a NodePort without a ready pod refuses a connection there,
/// Linux remembers the client's address and port for two minutes (`nf_conntrack_tcp_timeout_syn_sent`). The
/// connection has passed the node's OUTPUT and POSTROUTING before kube-proxy's rule in INPUT rejects it. A later
/// connection from the same address and port bypasses kube-proxy's rules and is refused too, however ready the
/// pods are by then. With one address for all clients, one scenario would make the next one fail.
pub(crate) fn client() -> Client {
    let client = Client::builder().timeout(ANSWER_DEADLINE).pool_max_idle_per_host(0);
    client.local_address(own_address()).build().unwrap()
}

/// Another address for each client, where the NodePorts are on loopback.
fn own_address() -> Option<IpAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(u32::from_be_bytes([127, 1, 0, 1]));
    let node: Ipv4Addr = node_address().parse().ok()?;
    let own = || IpAddr::from(Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed)));
    node.is_loopback().then(own)
}

/// The status and the JSON of a response.
pub(crate) fn answer(request: RequestBuilder) -> Result<(StatusCode, Value), String> {
    let exchange = async {
        let response = request.send().await?;
        Ok((response.status(), response.json().await?))
    };
    Runtime::new().unwrap().block_on(exchange).map_err(|error: reqwest::Error| error.to_string())
}

/// Waits until kube-proxy has opened both NodePorts: it hears of a ready pod a moment after kubectl.
pub(crate) fn wait_for_node_ports() {
    let runtime = Runtime::new().unwrap();
    for port in [30000, 30001] {
        until(&format!("NodePort {port} to be open"), || {
            let answer = async { client().get(node_port(port, "/healthz")).send().await };
            runtime.block_on(answer).map(drop).map_err(|error| error.to_string())
        });
    }
}

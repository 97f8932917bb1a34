//! Slow pods: proxies in front of the shared pods, which delay what the pods answer.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use demo::{
    apps::{READ_APP, RunningApp},
    cluster_dns,
    endpoints::Endpoints,
    for_tests::shared,
    network::MYSQL_PORT,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

/// The delay of each part of what mysql-0 answers. mysql-1 is ten times slower.
const PAUSE: Duration = Duration::from_millis(10);

/// How many parts come without a delay: those with which a connection begins. A pod that takes a second to open one is
/// silent for its watcher, and ten delays would take that long.
const BEGINNING: usize = 8;

/// An app, and names for it that lead to the shared pods through the proxies.
pub(crate) struct SlowPods {
    app: RunningApp,
    _dns: cluster_dns::DnsServer,
    _proxies: [AbortOnDropHandle<()>; 2],
}

impl SlowPods {
    pub(crate) async fn start() -> Self {
        let [pod_0, pod_1] = [address_of(0).await, address_of(1).await];
        let [proxy_0, proxy_1] = [beside(pod_0), beside(pod_0)];
        let proxies = [proxy(proxy_0, pod_0, PAUSE).await, proxy(proxy_1, pod_1, PAUSE * 10).await];
        let endpoints = Endpoints::default();
        for (name, address) in [("mysql-0", proxy_0), ("mysql-1", proxy_1)] {
            endpoints.add(name, address);
        }
        let dns = std::net::SocketAddrV4::new(beside(pod_0), 53);
        let running = cluster_dns::serve(dns, endpoints, proxy_0).await.unwrap();
        let server = ("DNS_SERVER".to_owned(), dns.to_string());
        let app = shared().app_with(READ_APP, vec![server]).await.unwrap();
        Self { app, _dns: running, _proxies: proxies }
    }

    pub(crate) fn app(&self) -> &RunningApp {
        &self.app
    }
}

async fn address_of(ordinal: u8) -> Ipv4Addr {
    let address = shared().cluster.sql(ordinal, "SELECT @@bind_address").await.unwrap();
    address.parse().unwrap()
}

/// A free address in the network of the local cluster.
fn beside(address: Ipv4Addr) -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(100);
    let [_, a, b, _] = address.octets();
    Ipv4Addr::new(127, a, b, NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn proxy(from: Ipv4Addr, to: Ipv4Addr, pause: Duration) -> AbortOnDropHandle<()> {
    let listener = TcpListener::bind((from, MYSQL_PORT)).await.unwrap();
    AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, to, pause));
        }
    }))
}

async fn forward(client: TcpStream, to: Ipv4Addr, pause: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect((to, MYSQL_PORT)).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let to_the_server = async { copy(&mut from_client, &mut to_server).await.map(drop) };
    let to_the_client = async {
        let mut part = [0; 16 * 1024];
        for number in 0.. {
            let length = from_server.read(&mut part).await?;
            if length == 0 {
                break;
            }
            if number >= BEGINNING {
                sleep(pause).await;
            }
            to_client.write_all(&part[..length]).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = to_the_server => ended,
        ended = to_the_client => ended,
    }
}

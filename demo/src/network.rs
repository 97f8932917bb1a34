//! The addresses of a local cluster. Each cluster has its own loopback addresses, so several can run at once.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket},
    sync::Arc,
};

use anyhow::Context as _;
pub use app_core::config::MYSQL_PORT;
use tokio::net::TcpSocket;

/// The DNS server's port; port 53 is for root only.
const DNS_PORT: u16 = 5353;

/// The port of the stand-in for the API server, the same as that of `kubectl proxy`.
const API_PORT: u16 = 8001;

/// The last number of mysql-0's first address, and of the first address that a later pod gets.
const FIRST_PODS: u8 = 20;
const LATER_PODS: u8 = 30;

/// The addresses `127.A.B.*`. While a value or a clone of it lives, no other `Network` has these addresses.
#[derive(Clone, Debug)]
pub struct Network {
    numbers: [u8; 2],
    /// Listens on `127.A.B.1`, which has no other use, and so keeps other processes from claiming the network.
    _claim: Arc<TcpListener>,
}

impl Network {
    /// Claims the network `127.A.B.*`.
    ///
    /// # Errors
    ///
    /// If a program listens on one of its addresses.
    pub fn claim(numbers: [u8; 2]) -> anyhow::Result<Self> {
        let address = SocketAddr::from((host(numbers, 1), MYSQL_PORT));
        let claim = TcpListener::bind(address).with_context(|| in_use(address))?;
        let network = Self { numbers, _claim: Arc::new(claim) };
        // The servers of an earlier local cluster may still be stopping.
        let dns = network.dns();
        let pods = [0, 1].map(|ordinal| (network.pod(ordinal), MYSQL_PORT).into());
        let services =
            [dns, network.read_service(), network.kubernetes_api(), network.primary_name()];
        pods.into_iter().chain(services.map(SocketAddr::from)).try_for_each(check_free)?;
        UdpSocket::bind(dns).with_context(|| in_use(dns.into()))?;
        Ok(network)
    }

    /// Claims the first free network among `127.A.*.*`.
    ///
    /// # Errors
    ///
    /// If none is free.
    pub fn claim_any(a: u8) -> anyhow::Result<Self> {
        let mut networks = (0..=u8::MAX).map(|b| Self::claim([a, b]));
        networks.find_map(Result::ok).with_context(|| {
            format!("port {MYSQL_PORT} is in use on every address: if a MySQL server listens on all of them, stop it and try again")
        })
    }

    /// `[A, B]`.
    #[must_use]
    pub fn numbers(&self) -> [u8; 2] {
        self.numbers
    }

    /// The first address of a pod.
    #[must_use]
    pub fn pod(&self, ordinal: u8) -> Ipv4Addr {
        host(self.numbers, FIRST_PODS + ordinal)
    }

    /// The addresses of pods that take the place of earlier ones.
    pub(crate) fn later_pods(&self) -> impl Iterator<Item = Ipv4Addr> + Clone {
        let numbers = self.numbers;
        (LATER_PODS..u8::MAX).map(move |number| host(numbers, number))
    }

    /// What stands for the name `mysql-0.mysql` in a server's settings. mysqld would look the name up by the system's
    /// resolver, which does not know it. Volumes keep this address: it is the one that mysql-0 itself had in earlier
    /// versions of the demo.
    pub(crate) fn primary_name(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 10), MYSQL_PORT)
    }

    /// The address of the DNS server.
    #[must_use]
    pub fn dns(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 2), DNS_PORT)
    }

    /// The address of the stand-in for the API server.
    pub(crate) fn kubernetes_api(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 4), API_PORT)
    }

    /// The address of the Service `mysql-read`.
    #[must_use]
    pub fn read_service(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 3), MYSQL_PORT)
    }
}

/// Fails if a program listens on this address. It does not listen there itself: a program that this process is just
/// starting holds this process's sockets until it begins, and the server for which the address is would not start.
pub(crate) fn check_free(address: SocketAddr) -> anyhow::Result<()> {
    let bind = || -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        // As the servers do. It shares the address with sockets that do not listen.
        socket.set_reuseaddr(true)?;
        socket.bind(address)
    };
    bind().with_context(|| in_use(address))
}

fn host([a, b]: [u8; 2], number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, a, b, number)
}

fn in_use(address: SocketAddr) -> String {
    format!(
        "{address} is in use: is another demo running, or a MySQL server that listens on all addresses? Stop it and try again"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use std::time::{Duration, Instant};

    use super::*;

    /// A program that is just starting holds the socket of the check in the same way.
    #[test]
    fn an_address_that_is_being_checked_is_free_for_a_server() {
        let network = Network::claim_any(60).unwrap();
        let address = SocketAddr::from((network.pod(5), MYSQL_PORT));
        let checks = TcpSocket::new_v4().unwrap();
        checks.set_reuseaddr(true).unwrap();
        checks.bind(address).unwrap();

        check_free(address).unwrap();
        let _server = TcpListener::bind(address).unwrap();

        let refusal = check_free(address).unwrap_err();
        assert!(refusal.to_string().contains("is another demo running"), "{refusal}");
    }

    #[test]
    fn a_network_has_one_owner_at_a_time() {
        let first = Network::claim_any(60).unwrap();
        let second = Network::claim_any(60).unwrap();
        assert_ne!(first.numbers(), second.numbers());

        let refusal = Network::claim(first.numbers()).unwrap_err();
        assert!(refusal.to_string().contains("is another demo running"), "{refusal}");

        let numbers = first.numbers();
        drop(first);
        // A program that another test is just starting holds this process's sockets until it begins.
        let free_again = || Network::claim(numbers).is_ok();
        let end = Instant::now() + Duration::from_secs(10);
        while !free_again() {
            assert!(Instant::now() < end, "127.{}.{}.* stays claimed", numbers[0], numbers[1]);
            std::thread::yield_now();
        }
    }
}

//! The addresses of one local cluster, all in the loopback range, so that several can run at once.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
    sync::Arc,
};

use anyhow::Context as _;

/// MySQL's port, on the address of every pod and of `mysql-read`.
pub const MYSQL_PORT: u16 = 3306;

/// The DNS server's port; 53 would need rights.
const DNS_PORT: u16 = 5353;

/// The port of the stand-in for the API server: the one that kubectl proxy takes.
const API_PORT: u16 = 8001;

/// The addresses `127.A.B.*`. Nobody else has them while this or a clone of it lives.
#[derive(Clone, Debug)]
pub struct Network {
    numbers: [u8; 2],
    /// A port on an address that is used for nothing else: whoever holds it, holds the network.
    _claim: Arc<TcpListener>,
}

impl Network {
    /// The network `127.A.B.*`.
    ///
    /// # Errors
    ///
    /// Where somebody has it.
    pub fn claim(numbers: [u8; 2]) -> anyhow::Result<Self> {
        let address = SocketAddr::from((host(numbers, 1), MYSQL_PORT));
        let claim = TcpListener::bind(address).with_context(|| taken(address))?;
        let network = Self { numbers, _claim: Arc::new(claim) };
        // What an earlier local cluster had may still be stopping.
        let pods = [0, 1].map(|ordinal| (network.pod(ordinal), MYSQL_PORT).into());
        let services = [network.read_service(), network.kubernetes_api()].map(SocketAddr::from);
        pods.into_iter().chain(services).try_for_each(check_free)?;
        Ok(network)
    }

    /// The first network `127.A.*.*` that nobody has.
    ///
    /// # Errors
    ///
    /// Where somebody has each of them.
    pub fn claim_any(a: u8) -> anyhow::Result<Self> {
        let mut networks = (0..=u8::MAX).map(|b| Self::claim([a, b]));
        networks.find_map(Result::ok).with_context(|| {
            format!("port {MYSQL_PORT} is taken on every address: does a MySQL listen on all of them? Stop it and try again")
        })
    }

    /// `[A, B]`.
    #[must_use]
    pub fn numbers(&self) -> [u8; 2] {
        self.numbers
    }

    /// The address of a pod.
    #[must_use]
    pub fn pod(&self, ordinal: u8) -> Ipv4Addr {
        host(self.numbers, 10 + ordinal)
    }

    /// Where the DNS server answers.
    #[must_use]
    pub fn dns(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 2), DNS_PORT)
    }

    /// Where the stand-in for the API server answers.
    #[must_use]
    pub fn kubernetes_api(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 4), API_PORT)
    }

    /// Where `mysql-read` accepts connections.
    #[must_use]
    pub fn read_service(&self) -> SocketAddrV4 {
        SocketAddrV4::new(host(self.numbers, 3), MYSQL_PORT)
    }
}

/// Whether a server could listen there.
///
/// # Errors
///
/// Where somebody does already.
pub fn check_free(address: SocketAddr) -> anyhow::Result<()> {
    TcpListener::bind(address).map(drop).with_context(|| taken(address))
}

fn host([a, b]: [u8; 2], number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, a, b, number)
}

fn taken(address: SocketAddr) -> String {
    format!(
        "{address} is taken: is another demo running, or a MySQL that listens on every address? Stop it and try again"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    #[test]
    fn a_network_has_one_owner_at_a_time() {
        let first = Network::claim_any(60).unwrap();
        let second = Network::claim_any(60).unwrap();
        assert_ne!(first.numbers(), second.numbers());

        let refusal = Network::claim(first.numbers()).unwrap_err();
        assert!(refusal.to_string().contains("is another demo running"), "{refusal}");

        let numbers = first.numbers();
        drop(first);
        Network::claim(numbers).unwrap();
    }
}

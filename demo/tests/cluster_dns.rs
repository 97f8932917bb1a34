//! The stand-in for the cluster's DNS answers as the specification of DNS in Kubernetes says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{net::Ipv4Addr, net::SocketAddrV4};

use app_core::{
    config::DnsConfig,
    dns::{DnsError, Resolver},
};
use demo::{cluster_dns, endpoints::Endpoints};

const READ_SERVICE: Ipv4Addr = Ipv4Addr::new(127, 9, 9, 3);

/// A DNS server on this port, and a resolver that asks it with the search domains of a pod.
async fn resolver(port: u16, endpoints: &Endpoints) -> (cluster_dns::DnsServer, Resolver) {
    let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let running = cluster_dns::serve(server, endpoints.clone(), READ_SERVICE).await.unwrap();
    let search = cluster_dns::SEARCH.split(' ').map(str::to_owned).collect();
    (running, Resolver::new(Some(&DnsConfig { server: server.into(), search })).unwrap())
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 9, 9, number)
}

#[tokio::test]
async fn the_search_domains_complete_short_names_even_of_pods_that_are_not_ready() {
    let endpoints = Endpoints::default();
    endpoints.add("mysql-0", address(10));
    let (_running, resolver) = resolver(15301, &endpoints).await;

    assert_eq!(resolver.address("mysql-0.mysql").await.unwrap(), address(10));
    assert_eq!(resolver.address("mysql.default.svc.cluster.local").await.unwrap(), address(10));
    assert_eq!(resolver.address("mysql-read").await.unwrap(), READ_SERVICE);
}

#[tokio::test]
async fn a_missing_pod_has_no_address_and_a_new_pod_has_one_within_five_seconds() {
    let endpoints = Endpoints::default();
    let (_running, resolver) = resolver(15302, &endpoints).await;
    let missing = resolver.address("mysql-1.mysql").await.unwrap_err();
    assert!(matches!(missing, DnsError::NoAddress(_)), "{missing}");

    endpoints.add("mysql-1", address(11));

    let start = std::time::Instant::now();
    while resolver.address("mysql-1.mysql").await.is_err() {
        assert!(start.elapsed().as_secs() < 5, "the resolver caches the missing name for too long");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_silent_dns_server_is_another_error_than_a_missing_name() {
    let silent = DnsConfig { server: "127.9.9.9:15303".parse().unwrap(), search: Vec::new() };
    let resolver = Resolver::new(Some(&silent)).unwrap();

    let error = resolver.address("mysql-0.mysql").await.unwrap_err();

    assert!(matches!(error, DnsError::NoAnswer { .. }), "{error}");
}

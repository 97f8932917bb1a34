//! What the resolver makes of a DNS server's replies, beside a server that replies as a test tells it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use app_core::{
    config::DnsConfig,
    dns::{DnsError, Question, Resolver},
};
use demo::scripted_dns::{Reply, ScriptedDns};

/// The search domains of a pod: three of the cluster, and one of the node.
const SEARCH: [&str; 4] =
    ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example.com"];

async fn server_and_resolver() -> (ScriptedDns, Resolver) {
    let server = ScriptedDns::start().await.unwrap();
    let search = SEARCH.map(str::to_owned).to_vec();
    let config = DnsConfig { server: server.address(), search };
    let resolver = Resolver::new(Some(&config)).unwrap();
    (server, resolver)
}

fn addresses(addresses: &[&str]) -> Reply {
    Reply::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect())
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// Asserts that there is no answer, and that the error names the server.
async fn assert_no_answer(resolver: &Resolver, name: &str, server: &ScriptedDns) {
    let error = resolver.addresses(name).await.unwrap_err();
    assert!(matches!(error, DnsError::NoAnswer { .. }), "{name}: {error:?}");
    let text = error.to_string();
    assert!(text.contains(&server.address().ip().to_string()) && text.contains(name), "{text}");
    assert!(resolver.ask(name, Question::Addresses).await.is_err(), "{name}");
}

#[tokio::test]
async fn a_wildcard_outside_the_clusters_domains_is_not_taken_for_a_pod() {
    let (server, resolver) = server_and_resolver().await;
    for wildcard in ["*.corp.example.com.", "*.com.", "*.mysql."] {
        server.reply(wildcard, addresses(&["192.0.2.7"]));
        for name in ["mysql", "mysql-1.mysql", "_mysql._tcp.mysql"] {
            let error = resolver.addresses(name).await.unwrap_err();
            assert!(matches!(error, DnsError::NoAddress(_)), "{wildcard}: {name}: {error:?}");
        }
    }
    // The wildcard is there for a name that is meant for it.
    assert_eq!(resolver.addresses("db.corp.example.com").await.unwrap(), [ip("192.0.2.7")]);
}

#[tokio::test]
async fn a_failure_in_any_domain_that_counts_is_no_answer_and_not_a_missing_name() {
    for reply in [Reply::Failure, Reply::Silence] {
        for domain in &SEARCH[..3] {
            let (server, resolver) = server_and_resolver().await;
            server.reply(&format!("mysql.{domain}."), reply.clone());
            assert_no_answer(&resolver, "mysql", &server).await;
        }
    }
    // The node's domain is not asked, so its failure is of no matter.
    let (server, resolver) = server_and_resolver().await;
    server.reply("mysql.corp.example.com.", Reply::Failure);
    server.reply("mysql.", Reply::Failure);
    let error = resolver.addresses("mysql").await.unwrap_err();
    assert!(matches!(error, DnsError::NoAddress(_)), "{error:?}");
}

#[tokio::test]
async fn a_name_is_found_although_the_server_fails_for_another_domain() {
    let (server, resolver) = server_and_resolver().await;
    server.reply("mysql.other.shop.svc.cluster.local.", Reply::Failure);
    server.reply("mysql.other.svc.cluster.local.", addresses(&["10.0.0.1"]));

    assert_eq!(resolver.addresses("mysql.other").await.unwrap(), [ip("10.0.0.1")]);
}

#[tokio::test]
async fn a_silent_server_costs_two_seconds_however_many_domains_there_are() {
    for name in ["mysql", "mysql-0.mysql.other.namespace", "_mysql._tcp.mysql"] {
        let (server, resolver) = server_and_resolver().await;
        server.reply("*.", Reply::Silence);
        let start = Instant::now();

        assert!(resolver.addresses(name).await.is_err());

        let took = start.elapsed();
        // Another domain would cost another second.
        assert!(took < Duration::from_millis(2900), "{name}: {took:?}");
    }
}

#[tokio::test]
async fn ipv6_counts_where_there_is_no_ipv4_and_an_answer_shows_both() {
    let (server, resolver) = server_and_resolver().await;
    server.reply("six.shop.svc.cluster.local.", addresses(&["fd00::1", "fd00::2"]));
    server.reply("both.shop.svc.cluster.local.", addresses(&["fd00::1", "10.0.0.1"]));

    assert_eq!(resolver.addresses("six").await.unwrap(), [ip("fd00::1"), ip("fd00::2")]);
    assert_eq!(resolver.addresses("both").await.unwrap(), [ip("10.0.0.1")]);
    let shown = async |name| {
        let answer = resolver.ask(name, Question::Addresses).await.unwrap();
        assert_eq!(answer.full_name, format!("{name}.shop.svc.cluster.local."));
        answer.records.into_iter().map(|record| (record.kind, record.value)).collect::<Vec<_>>()
    };
    let record = |kind, value: &str| (kind, value.to_owned());
    assert_eq!(shown("six").await, [record("AAAA", "fd00::1"), record("AAAA", "fd00::2")]);
    assert_eq!(shown("both").await, [record("A", "10.0.0.1"), record("AAAA", "fd00::1")]);
}

#[tokio::test]
async fn what_is_not_a_name_has_no_address() {
    let (_server, resolver) = server_and_resolver().await;
    for name in ["", "mysql..mysql", &"m".repeat(64), ".mysql"] {
        let error = resolver.addresses(name).await.unwrap_err();
        assert!(matches!(error, DnsError::NoAddress(_)), "{name}: {error:?}");
    }
}

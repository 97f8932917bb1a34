//! Names become addresses: the apps ask the cluster's DNS server directly.
//!
//! The operating system could ask too, but it would not show the answer. The apps connect to the addresses that
//! this resolver gives, and the pages show its answers.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, Record, RecordType},
    system_conf::read_system_conf,
};

use crate::config::DnsConfig;

/// How long the app caches an answer. This saves a DNS query for each request. For how long the cluster's DNS
/// remembers it depends on the cluster: docs/lessons/4-discovery.md.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// Asks the cluster's DNS. Cheap to clone.
#[derive(Clone)]
pub struct Resolver(Arc<Resolvers>);

struct Resolvers {
    /// For connections.
    caching: TokioResolver,
    /// For what the DNS server answers at this moment.
    uncached: TokioResolver,
    search_path: Vec<String>,
}

/// What the DNS server answers for a name at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The whole name that has an answer, such as `mysql.default.svc.cluster.local.`
    pub full_name: String,
    /// The records, in the order of the answer. None where there is no such name.
    pub records: Vec<DnsRecord>,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// An address, or for SRV the target's name with its port.
    pub value: String,
    /// For how many more seconds a client may cache it.
    pub ttl: u32,
}

/// One server of a service, from its SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its whole name, such as `mysql-1.mysql.default.svc.cluster.local.`
    pub host: String,
    /// The port of the service there.
    pub port: u16,
}

/// The types of record that the pages show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// Names and ports of the servers of a service.
    Srv,
}

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The DNS server answers that there is no such name, or that the name has no address.
    #[error("the DNS server has no address for {0}")]
    NoAddress(String),
    /// The DNS server did not give an answer.
    #[error("the DNS server did not answer for {0}")]
    NoAnswer(String, #[source] NetError),
}

impl Resolver {
    /// A resolver that asks the given server, or without one those in `/etc/resolv.conf`.
    ///
    /// # Errors
    ///
    /// Where `/etc/resolv.conf` cannot be read or a search domain is not a name.
    pub fn new(config: Option<&DnsConfig>) -> Result<Self, NetError> {
        let (servers, mut options) = match config {
            None => read_system_conf()?,
            // As in a pod's resolv.conf: the search domains come first for a name with fewer dots.
            // https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
            Some(config) => {
                let mut options = ResolverOpts::default();
                options.ndots = 5;
                (resolver_config(config)?, options)
            }
        };
        options.timeout = Duration::from_secs(1);
        options.attempts = 1;
        options.positive_max_ttl = Some(CACHE_TTL);
        options.negative_max_ttl = Some(CACHE_TTL);
        let search_path = servers.search().iter().map(ToString::to_string).collect();
        let caching = build(servers.clone(), options.clone())?;
        options.positive_max_ttl = None;
        options.cache_size = 0;
        let uncached = build(servers, options)?;
        Ok(Self(Arc::new(Resolvers { caching, uncached, search_path })))
    }

    /// The domains to try after a short name, in order.
    #[must_use]
    pub fn search_path(&self) -> &[String] {
        &self.0.search_path
    }

    /// The address of `host`, which may be an address already. Where a name has several addresses, this is
    /// the first in the answer. CoreDNS shuffles them with its plugin `loadbalance`, which kubeadm sets up.
    ///
    /// # Errors
    ///
    /// Where the name has no address, or the DNS server does not answer within two seconds.
    pub async fn address(&self, host: &str) -> Result<IpAddr, DnsError> {
        let addresses = self.addresses(host).await?;
        addresses.first().copied().ok_or_else(|| DnsError::NoAddress(host.to_owned()))
    }

    /// All addresses of `host`, in the order of the answer.
    ///
    /// # Errors
    ///
    /// As for one address.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        // On the heap: the state of a lookup is large, and most requests need none.
        match Box::pin(self.0.caching.lookup_ip(host)).await {
            Ok(addresses) => Ok(addresses.iter().collect()),
            Err(error) => Err(no_address(host, error)),
        }
    }

    /// The servers of a service, sorted by name. A headless Service gives each of its ports such a name,
    /// for example `_mysql._tcp.mysql`, with one SRV record for each pod.
    ///
    /// # Errors
    ///
    /// Where there is no such name, or the DNS server does not answer.
    pub async fn members(&self, service: &str) -> Result<Vec<Member>, DnsError> {
        let found = self.0.caching.srv_lookup(service).await;
        let found = found.map_err(|error| no_address(service, error))?;
        let mut members: Vec<_> = found.answers().iter().filter_map(member).collect();
        members.sort_by(|one, other| one.host.cmp(&other.host));
        Ok(members)
    }

    /// What the DNS server answers for a name now, without the app's cache.
    ///
    /// # Errors
    ///
    /// Where the DNS server does not answer. That there is no such name is an answer.
    pub async fn ask(&self, name: &str, kind: RecordKind) -> Result<DnsAnswer, DnsError> {
        let kind = match kind {
            RecordKind::A => RecordType::A,
            RecordKind::Srv => RecordType::SRV,
        };
        match self.0.uncached.lookup(name, kind).await {
            Ok(found) => Ok(DnsAnswer {
                full_name: found.query().name().to_string(),
                records: found.answers().iter().filter_map(dns_record).collect(),
            }),
            Err(error) => match no_address(name, error) {
                DnsError::NoAddress(_) => Ok(DnsAnswer::default()),
                error => Err(error),
            },
        }
    }
}

fn build(servers: ResolverConfig, options: ResolverOpts) -> Result<TokioResolver, NetError> {
    let builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
    builder.with_options(options).build()
}

/// A DNS server may also fail for a name outside its domains. It then has no address for the name.
fn no_address(host: &str, error: NetError) -> DnsError {
    match error {
        NetError::Dns(_) => DnsError::NoAddress(host.to_owned()),
        error => DnsError::NoAnswer(host.to_owned(), error),
    }
}

fn member(record: &Record) -> Option<Member> {
    match &record.data {
        RData::SRV(service) => {
            Some(Member { host: service.target.to_string(), port: service.port })
        }
        _ => None,
    }
}

fn dns_record(record: &Record) -> Option<DnsRecord> {
    let value = match &record.data {
        RData::A(address) => address.to_string(),
        RData::SRV(service) => format!("{} {}", service.target, service.port),
        _ => return None,
    };
    Some(DnsRecord { value, ttl: record.ttl })
}

fn resolver_config(config: &DnsConfig) -> Result<ResolverConfig, NetError> {
    let search = config.search.iter().map(Name::from_utf8).collect::<Result<_, _>>()?;
    Ok(ResolverConfig::from_parts(None, search, vec![name_server(config.server)]))
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.into())
}

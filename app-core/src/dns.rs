//! Names become addresses by asking the cluster's DNS server directly.
//!
//! The operating system could do this too, but it would not say what the answer was. One resolver
//! for connecting and for showing means that what a page shows is what the connection used.

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

/// How long an answer is remembered here. The cluster's DNS caches for up to 30 s already; a second
/// more saves a query for each request and delays nothing that a person could notice.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Asks the cluster's DNS. Cheap to clone.
#[derive(Clone)]
pub struct Resolver(Arc<Resolvers>);

struct Resolvers {
    /// For connecting.
    remembering: TokioResolver,
    /// For showing what the server says at this moment.
    asking: TokioResolver,
    search_path: Vec<String>,
}

/// What the DNS server says of a name at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The whole name that had an answer, such as `mysql.default.svc.cluster.local.`
    pub full_name: String,
    /// The records, in the order in which they came. None where there is no such name.
    pub records: Vec<DnsRecord>,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// An address, or for SRV the target's name with its port.
    pub value: String,
    /// For how many more seconds others may keep it.
    pub ttl: u32,
}

/// One of those that offer a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its whole name, such as `mysql-1.mysql.default.svc.cluster.local.`
    pub host: String,
    /// The port that it offers the service at.
    pub port: u16,
}

/// The types of record that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// Names and ports of those that offer a service.
    Srv,
}

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The DNS server says that there is no such name, or that it has no address.
    #[error("the DNS server has no address for {0}")]
    NoAddress(String),
    /// The DNS server did not give an answer.
    #[error("the DNS server did not answer for {0}")]
    NoAnswer(String, #[source] NetError),
}

impl Resolver {
    /// A resolver that asks the given server, or else those in `/etc/resolv.conf`.
    ///
    /// # Errors
    ///
    /// Where `/etc/resolv.conf` cannot be read or a search domain is not a name.
    pub fn new(config: Option<&DnsConfig>) -> Result<Self, NetError> {
        let (servers, mut options) = match config {
            None => read_system_conf()?,
            // As in a pod's resolv.conf: a name with fewer dots is tried in the search domains first.
            // https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
            Some(config) => {
                let mut options = ResolverOpts::default();
                options.ndots = 5;
                (resolver_config(config)?, options)
            }
        };
        options.timeout = Duration::from_secs(1);
        options.attempts = 1;
        options.positive_max_ttl = Some(REMEMBERED);
        options.negative_max_ttl = Some(REMEMBERED);
        let search_path = servers.search().iter().map(ToString::to_string).collect();
        let remembering = build(servers.clone(), options.clone())?;
        options.positive_max_ttl = None;
        options.cache_size = 0;
        let asking = build(servers, options)?;
        Ok(Self(Arc::new(Resolvers { remembering, asking, search_path })))
    }

    /// The domains that a short name is tried in, in order.
    #[must_use]
    pub fn search_path(&self) -> &[String] {
        &self.0.search_path
    }

    /// The address of `host`, which may be an address already. Where a name has several, the first
    /// that the DNS server gave: it shuffles them.
    ///
    /// # Errors
    ///
    /// Where the name has no address, or the DNS server gave no answer within two seconds.
    pub async fn address(&self, host: &str) -> Result<IpAddr, DnsError> {
        let addresses = self.addresses(host).await?;
        addresses.first().copied().ok_or_else(|| DnsError::NoAddress(host.to_owned()))
    }

    /// All addresses of `host`, in the order in which the DNS server gave them.
    ///
    /// # Errors
    ///
    /// As for one address.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        // On the heap: the state of a lookup is large, and seldom needed.
        match Box::pin(self.0.remembering.lookup_ip(host)).await {
            Ok(addresses) => Ok(addresses.iter().collect()),
            Err(error) => Err(no_address(host, error)),
        }
    }

    /// Those that offer a service, in the order of their names. A headless Service gives each of its
    /// ports a name of this kind, such as `_mysql._tcp.mysql`, with one SRV record a pod.
    ///
    /// # Errors
    ///
    /// Where there is no such name, or the DNS server gave no answer.
    pub async fn members(&self, service: &str) -> Result<Vec<Member>, DnsError> {
        let found = self.0.remembering.srv_lookup(service).await;
        let found = found.map_err(|error| no_address(service, error))?;
        let mut members: Vec<_> = found.answers().iter().filter_map(member).collect();
        members.sort_by(|one, other| one.host.cmp(&other.host));
        Ok(members)
    }

    /// What the DNS server says of a name now, and not a second ago.
    ///
    /// # Errors
    ///
    /// Where the DNS server gave no answer. That there is no such name is an answer.
    pub async fn ask(&self, name: &str, kind: RecordKind) -> Result<DnsAnswer, DnsError> {
        let kind = match kind {
            RecordKind::A => RecordType::A,
            RecordKind::Srv => RecordType::SRV,
        };
        match self.0.asking.lookup(name, kind).await {
            Ok(found) => Ok(DnsAnswer {
                full_name: found.query().name().to_string(),
                records: found.answers().iter().filter_map(shown).collect(),
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

/// Also a server that fails for a name outside of its domains has no address for it.
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

fn shown(record: &Record) -> Option<DnsRecord> {
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

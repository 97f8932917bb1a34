//! Names become addresses: the apps ask the cluster's DNS server directly.
//!
//! The operating system could ask too, but it would not show the answer. The apps connect to the addresses that
//! this resolver gives, and the pages show its answers. [`search`] says which full names a short name may stand for.
//!
//! "There is no such name" is an answer. A server that is silent, or that fails for one of the full names, gives no
//! answer: this says nothing of the pods.

mod search;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError as ResponseError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType},
    },
    system_conf::read_system_conf,
};
use tokio::time::timeout;

use self::search::Search;
use crate::config::DnsConfig;

/// How long a lookup may take, all full names together.
const DEADLINE: Duration = Duration::from_secs(2);

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
    search: Search,
    /// The addresses of the DNS servers, for messages.
    servers: String,
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
    /// `A`, `AAAA` or `SRV`.
    pub kind: &'static str,
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

/// What to ask for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Its IPv4 and IPv6 addresses.
    Addresses,
    /// The names and ports of the servers of a service.
    Servers,
}

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The DNS server answers that there is no such name, or that the name has no address.
    #[error("the DNS server has no address for {0}")]
    NoAddress(String),
    /// The DNS server is silent, or fails.
    #[error("the DNS server {server} gave no answer for {host}")]
    NoAnswer {
        /// The name that was looked up.
        host: String,
        /// The address of the DNS server.
        server: String,
        /// What went wrong.
        source: Box<NetError>,
    },
}

/// IPv6 counts where a name has no IPv4 address, so a pod with both is listed once.
const ADDRESSES: &[RecordType] = &[RecordType::A, RecordType::AAAA];

impl Resolver {
    /// A resolver that asks the given server, or without one those in `/etc/resolv.conf`.
    ///
    /// # Errors
    ///
    /// Where `/etc/resolv.conf` cannot be read or a search domain is not a name.
    pub fn new(config: Option<&DnsConfig>) -> Result<Self, NetError> {
        let (config, mut options) = match config {
            None => read_system_conf()?,
            // As in a pod's resolv.conf: the search domains come first for a name with fewer dots.
            // https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
            Some(config) => {
                let mut options = ResolverOpts::default();
                options.ndots = 5;
                (resolver_config(config)?, options)
            }
        };
        let search = Search::new(&config, &options);
        let servers = config.name_servers().to_vec();
        let addresses: Vec<_> = servers.iter().map(|server| server.ip.to_string()).collect();
        options.timeout = DEADLINE / 2;
        options.attempts = 1;
        options.positive_max_ttl = Some(CACHE_TTL);
        options.negative_max_ttl = Some(CACHE_TTL);
        let caching = build(&servers, options.clone())?;
        options.positive_max_ttl = None;
        options.cache_size = 0;
        let uncached = build(&servers, options)?;
        Ok(Self(Arc::new(Resolvers { caching, uncached, search, servers: addresses.join(", ") })))
    }

    /// The domains to try after a short name, in order.
    #[must_use]
    pub fn search_path(&self) -> Vec<String> {
        self.0.search.domains().collect()
    }

    /// The address of `host`, which may be an address already. Where a name has several addresses, this is
    /// the first in the answer. CoreDNS shuffles them with its plugin `loadbalance`, which kubeadm sets up:
    /// <https://coredns.io/plugins/loadbalance/>.
    ///
    /// # Errors
    ///
    /// Where the name has no address, or the DNS server gives no answer within two seconds.
    pub async fn address(&self, host: &str) -> Result<IpAddr, DnsError> {
        let addresses = self.addresses(host).await?;
        addresses.first().copied().ok_or_else(|| DnsError::NoAddress(host.to_owned()))
    }

    /// The addresses of `host`, in the order of the answer: those of IPv4, or where it has none those of IPv6.
    ///
    /// # Errors
    ///
    /// As for one address.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        // On the heap: the state of a lookup is large, and most requests need none.
        let found = Box::pin(self.find(&self.0.caching, host, ADDRESSES)).await?;
        let found = found.ok_or_else(|| DnsError::NoAddress(host.to_owned()))?;
        Ok(found.answers().iter().filter_map(|record| record.data.ip_addr()).collect())
    }

    /// The servers of a service, sorted by name. A headless Service gives each of its ports such a name,
    /// for example `_mysql._tcp.mysql`, with one SRV record for each pod.
    ///
    /// # Errors
    ///
    /// Where there is no such name, or the DNS server gives no answer.
    pub async fn members(&self, service: &str) -> Result<Vec<Member>, DnsError> {
        let found = self.find(&self.0.caching, service, &[RecordType::SRV]).await?;
        let found = found.ok_or_else(|| DnsError::NoAddress(service.to_owned()))?;
        let mut members: Vec<_> = found.answers().iter().filter_map(member).collect();
        members.sort_by(|one, other| one.host.cmp(&other.host));
        Ok(members)
    }

    /// What the DNS server answers for a name now, without the app's cache.
    ///
    /// # Errors
    ///
    /// Where the DNS server gives no answer. That there is no such name is an answer.
    pub async fn ask(&self, name: &str, question: Question) -> Result<DnsAnswer, DnsError> {
        let kinds = match question {
            Question::Addresses => ADDRESSES,
            Question::Servers => &[RecordType::SRV],
        };
        let Ok(full_names) = self.0.search.full_names(name) else {
            return Ok(DnsAnswer::default());
        };
        self.in_time(name, answer(&self.0.uncached, full_names, kinds)).await
    }

    /// The records of the first full name that has some, of the first of these kinds that it has.
    async fn find(
        &self,
        resolver: &TokioResolver,
        name: &str,
        kinds: &[RecordType],
    ) -> Result<Option<Lookup>, DnsError> {
        let Ok(full_names) = self.0.search.full_names(name) else {
            return Ok(None);
        };
        self.in_time(name, first_with_records(resolver, full_names, kinds)).await
    }

    /// Everything that is asked for one name has one deadline.
    async fn in_time<T>(
        &self,
        name: &str,
        asking: impl Future<Output = Result<T, NetError>>,
    ) -> Result<T, DnsError> {
        let answered = timeout(DEADLINE, asking).await;
        answered.unwrap_or(Err(NetError::Timeout)).map_err(|source| {
            let (host, server) = (name.to_owned(), self.0.servers.clone());
            DnsError::NoAnswer { host, server, source: Box::new(source) }
        })
    }
}

/// The records of the first full name that has some; for addresses, those of IPv4 and of IPv6.
async fn answer(
    resolver: &TokioResolver,
    full_names: Vec<Name>,
    kinds: &[RecordType],
) -> Result<DnsAnswer, NetError> {
    let Some(found) = first_with_records(resolver, full_names, kinds).await? else {
        return Ok(DnsAnswer::default());
    };
    let full_name = found.query().name();
    let mut records: Vec<_> = found.answers().iter().filter_map(dns_record).collect();
    if found.query().query_type() == RecordType::A {
        let more =
            first_with_records(resolver, vec![full_name.clone()], &[RecordType::AAAA]).await?;
        records.extend(more.iter().flat_map(Lookup::answers).filter_map(dns_record));
    }
    Ok(DnsAnswer { full_name: full_name.to_string(), records })
}

/// A server may fail for one full name, and know the next. Without a record anywhere, the failure counts.
async fn first_with_records(
    resolver: &TokioResolver,
    full_names: Vec<Name>,
    kinds: &[RecordType],
) -> Result<Option<Lookup>, NetError> {
    let mut failure = None;
    for name in full_names {
        for kind in kinds {
            match resolver.lookup(name.clone(), *kind).await {
                Ok(found) => return Ok(Some(found)),
                Err(error) => match response_code(&error) {
                    // The name exists, and may have records of another kind.
                    Some(ResponseCode::NoError) => continue,
                    Some(ResponseCode::NXDomain) => {}
                    _ => failure = Some(error),
                },
            }
            break;
        }
    }
    failure.map_or(Ok(None), Err)
}

/// What a server says that has no records. None where it is silent or fails.
fn response_code(error: &NetError) -> Option<ResponseCode> {
    match error {
        NetError::Dns(ResponseError::NoRecordsFound(no)) => Some(no.response_code),
        _ => None,
    }
}

/// Without search domains: [`Search`] has them.
fn build(servers: &[NameServerConfig], options: ResolverOpts) -> Result<TokioResolver, NetError> {
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.to_vec());
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.with_options(options).build()
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
    let (kind, value) = match &record.data {
        RData::A(address) => ("A", address.to_string()),
        RData::AAAA(address) => ("AAAA", address.to_string()),
        RData::SRV(service) => ("SRV", format!("{} {}", service.target, service.port)),
        _ => return None,
    };
    Some(DnsRecord { kind, value, ttl: record.ttl })
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

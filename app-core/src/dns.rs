//! Names become addresses by asking the cluster's DNS server directly.
//!
//! The operating system could do this too, but it would not say what the answer was. One resolver
//! for connecting and for showing means that what a page shows is what the connection used.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::Name,
};

use crate::config::DnsConfig;

/// How long an answer is remembered here. The cluster's DNS caches for up to 30 s already; a second
/// more saves a query for each request and delays nothing that a person could notice.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Asks the cluster's DNS. Cheap to clone.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

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
        let mut builder = match config {
            None => TokioResolver::builder_tokio()?,
            Some(config) => TokioResolver::builder_with_config(
                resolver_config(config)?,
                TokioRuntimeProvider::default(),
            ),
        };
        let options = builder.options_mut();
        options.timeout = Duration::from_secs(1);
        options.attempts = 1;
        options.positive_max_ttl = Some(REMEMBERED);
        options.negative_max_ttl = Some(REMEMBERED);
        if config.is_some() {
            // As in a pod's resolv.conf: a name with fewer dots is tried in the search domains first.
            // https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
            options.ndots = 5;
        }
        Ok(Self(builder.build()?))
    }

    /// The address of `host`, which may be an address already. Where a name has several, the first
    /// that the DNS server gave: it shuffles them.
    ///
    /// # Errors
    ///
    /// Where the name has no address, or the DNS server gave no answer within two seconds.
    pub async fn address(&self, host: &str) -> Result<IpAddr, DnsError> {
        if let Ok(address) = host.parse() {
            return Ok(address);
        }
        match self.0.lookup_ip(host).await {
            Ok(addresses) => {
                addresses.iter().next().ok_or_else(|| DnsError::NoAddress(host.to_owned()))
            }
            // Also a server that fails for a name outside of its domains has no address for it.
            Err(NetError::Dns(_)) => Err(DnsError::NoAddress(host.to_owned())),
            Err(error) => Err(DnsError::NoAnswer(host.to_owned(), error)),
        }
    }
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

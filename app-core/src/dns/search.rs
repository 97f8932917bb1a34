//! The full names that a short name may stand for.

use hickory_resolver::{
    Hosts,
    config::{ResolverConfig, ResolverOpts},
    proto::{
        ProtoError,
        op::Query,
        rr::{Name, RecordType},
    },
};

/// How a short name becomes full names, in the order in which they are asked for.
///
/// A pod's search domains are those of the cluster, and after them those of its node. The domains of the node are
/// left out: one of them may have a wildcard, which gives every missing pod an address.
pub(super) struct Search {
    domains: Vec<Name>,
    /// A name with this many dots is asked for as it is first: `ndots` in `/etc/resolv.conf`.
    ndots: usize,
    in_pod: bool,
    hosts: Hosts,
}

/// In a pod, a name with fewer dots is the cluster's: `mysql`, or `mysql-0.mysql`. Outside the cluster it does not
/// exist, and a server there may fail, or answer for any name.
const DOTS_OF_AN_OUTSIDE_NAME: usize = 2;

impl Search {
    pub(super) fn new(servers: &ResolverConfig, options: &ResolverOpts) -> Self {
        let mut domains = servers.search().to_vec();
        let cluster = domains.first().and_then(cluster_domain);
        if let Some(cluster) = &cluster {
            domains.retain(|domain| cluster.zone_of(domain));
        }
        let hosts = Hosts::from_system().unwrap_or_default();
        Self { domains, ndots: options.ndots, in_pod: cluster.is_some(), hosts }
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = String> {
        self.domains.iter().map(ToString::to_string)
    }

    /// The full names to ask for, in order.
    ///
    /// # Errors
    ///
    /// Where `name` is not a name, such as one with an empty label.
    pub(super) fn full_names(&self, name: &str) -> Result<Vec<Name>, ProtoError> {
        let relative = Name::from_utf8(name)?;
        let mut as_given = relative.clone();
        as_given.set_fqdn(true);
        if name.ends_with('.') || self.is_in_hosts(&as_given) {
            return Ok(vec![as_given]);
        }
        let domains =
            self.domains.iter().filter_map(|domain| relative.clone().append_domain(domain).ok());
        let mut names: Vec<_> = domains.collect();
        let dots = dots(name);
        if dots >= self.ndots {
            names.insert(0, as_given);
        } else if !self.in_pod || dots >= DOTS_OF_AN_OUTSIDE_NAME {
            names.push(as_given);
        }
        Ok(names)
    }

    /// Whether `/etc/hosts` has the name: `localhost`, or an alias from a pod's `hostAliases`.
    fn is_in_hosts(&self, name: &Name) -> bool {
        let has = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)).is_some();
        has(RecordType::A) || has(RecordType::AAAA)
    }
}

/// `cluster.local` of `default.svc.cluster.local`, the first search domain of a pod.
/// <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>
fn cluster_domain(first: &Name) -> Option<Name> {
    let is_of_a_pod = first.iter().nth(1) == Some(b"svc") && first.num_labels() > 2;
    is_of_a_pod.then(|| first.trim_to(usize::from(first.num_labels()) - 2))
}

/// The dots of a host's name. The labels of a port, as in `_mysql._tcp.mysql`, do not count.
fn dots(name: &str) -> usize {
    let labels = name.split('.').filter(|label| !label.starts_with('_'));
    labels.count().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_names(domains: &str, name: &str) -> Vec<String> {
        let domains = domains.split_whitespace().map(|domain| Name::from_utf8(domain).unwrap());
        let servers = ResolverConfig::from_parts(None, domains.collect(), Vec::new());
        let mut options = ResolverOpts::default();
        options.ndots = 5;
        let names = Search::new(&servers, &options).full_names(name).unwrap();
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn in_a_pod_a_short_name_is_asked_for_in_the_domains_of_the_cluster_alone() {
        for domain in ["cluster.local", "k8s.corp.example.com"] {
            let domains = format!("shop.svc.{domain} svc.{domain} {domain} corp.example.com local");
            let inside = |name: &str| {
                ["shop.svc.", "svc.", ""].map(|first| format!("{name}.{first}{domain}.")).to_vec()
            };
            for name in ["mysql", "mysql-0.mysql", "_mysql._tcp.mysql"] {
                assert_eq!(full_names(&domains, name), inside(name));
            }
            // It may be a name outside the cluster too.
            for name in ["mysql-0.mysql.shop", "db.example.com"] {
                let with_outside = [inside(name), vec![format!("{name}.")]].concat();
                assert_eq!(full_names(&domains, name), with_outside);
            }
        }
    }

    #[test]
    fn outside_a_cluster_every_search_domain_counts_and_then_the_name_itself() {
        assert_eq!(full_names("", "mysql"), ["mysql."]);
        assert_eq!(full_names("corp.example.com", "db"), ["db.corp.example.com.", "db."]);
    }

    #[test]
    fn a_name_that_ends_with_a_dot_or_stands_in_the_hosts_file_is_whole() {
        let domains = "default.svc.cluster.local svc.cluster.local cluster.local";
        assert_eq!(full_names(domains, "db.internal."), ["db.internal."]);
        assert_eq!(full_names(domains, "localhost"), ["localhost."]);
        let full = "mysql-0.mysql.default.svc.cluster.local";
        assert_eq!(full_names(domains, full)[0], format!("{full}."));
    }
}

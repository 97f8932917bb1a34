//! How long the cluster's DNS remembers an answer about the cluster's own names. What some steps print, and how long
//! they wait, depends on that.

use std::sync::LazyLock;

use regex::Regex;

use crate::lesson::bash;

/// How the cluster's CoreDNS answers about the cluster's own names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DnsCache {
    /// The TTL of a new answer, in seconds.
    pub(crate) ttl: u32,
    /// For how many seconds CoreDNS repeats an answer; 0 where each answer is new.
    pub(crate) remembers: u32,
}

/// The TTL in CoreDNS's plugin `kubernetes`; without one it is 5 s.
static TTL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bkubernetes [^}]*?\bttl (\d+)").unwrap());

/// CoreDNS's plugin `cache`: the most seconds, and its options.
static CACHE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*cache(?: (\d+))?[^\n{]*(\{[^}]*\})?").unwrap());

/// The TTL that `--lookup` prints.
static SHOWN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bmay be kept for (\d+) s\b").unwrap());

impl DnsCache {
    /// That of the cluster, as a person would look it up: in CoreDNS's ConfigMap.
    pub(crate) fn of_the_cluster() -> Self {
        let command = "kubectl -n kube-system get configmap coredns -o jsonpath='{.data.Corefile}'";
        Self::in_corefile(&bash(command).unwrap())
    }

    fn in_corefile(corefile: &str) -> Self {
        let number = |text: &str| text.parse::<u32>().unwrap();
        let ttl = TTL.captures(corefile).map_or(5, |found| number(&found[1]));
        let remembers = CACHE.captures(corefile).map_or(0, |found| {
            let is_off = found.get(2).is_some_and(|options| {
                options.as_str().contains("disable success")
                    && options.as_str().contains("disable denial")
            });
            let most = found.get(1).map_or(ttl, |most| number(most.as_str()));
            if is_off { 0 } else { most.min(ttl) }
        });
        Self { ttl, remembers }
    }

    /// An error where the TTLs in an output are not those of this DNS. Each new answer has the whole TTL, and an
    /// answer from the cache has less. One that was just stored has the whole one too, so several are needed.
    pub(crate) fn gives_the_ttls_of(&self, output: &str) -> Result<(), String> {
        let ttls: Vec<u32> =
            SHOWN.captures_iter(output).map(|found| found[1].parse().unwrap()).collect();
        let are_whole = ttls.iter().all(|ttl| *ttl == self.ttl);
        let is_well = match self.remembers {
            0 => are_whole,
            _ => ttls.iter().all(|ttl| *ttl <= self.ttl) && (ttls.len() < 2 || !are_whole),
        };
        if is_well { Ok(()) } else { Err(format!("TTLs of {ttls:?} s")) }
    }
}

#[test]
fn kubeadm_has_switched_the_cache_off_for_the_clusters_own_names() {
    let corefile =
        "kubernetes cluster.local in-addr.arpa ip6.arpa {\n   pods insecure\n   ttl 30\n}\n";
    let since = format!(
        "{corefile}cache 30 {{\n   disable success cluster.local\n   disable denial cluster.local\n}}\n"
    );
    let before = format!("{corefile}cache 30\nloop\n");

    assert_eq!(DnsCache::in_corefile(&since), DnsCache { ttl: 30, remembers: 0 });
    assert_eq!(DnsCache::in_corefile(&before), DnsCache { ttl: 30, remembers: 30 });
    assert_eq!(DnsCache::in_corefile(corefile), DnsCache { ttl: 30, remembers: 0 });
}

#[test]
fn without_a_ttl_coredns_remembers_for_five_seconds() {
    let corefile =
        "kubernetes cluster.local {\n  pods insecure\n}\nhosts {\n  ttl 60\n}\ncache 30\n";

    assert_eq!(DnsCache::in_corefile(corefile), DnsCache { ttl: 5, remembers: 5 });
}

#[test]
fn only_an_answer_from_the_cache_has_less_than_the_whole_ttl() {
    let [off, on] = [0, 30].map(|remembers| DnsCache { ttl: 30, remembers });
    let [whole, counting] =
        ["30", "27"].map(|ttl| format!("may be kept for 30 s\nmay be kept for {ttl} s"));

    assert_eq!(off.gives_the_ttls_of(&whole), Ok(()));
    assert_eq!(on.gives_the_ttls_of(&counting), Ok(()));
    assert!(off.gives_the_ttls_of(&counting).is_err());
    assert!(on.gives_the_ttls_of(&whole).is_err());
}

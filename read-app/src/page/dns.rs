//! What the names answer, with the pods that the addresses belong to.

use crate::{
    api::{
        dns::{NameView, NamesView, RecordView},
        pods::PodView,
    },
    page::dots::{Dots, pod_name},
};

/// The lookups of all names, in two columns.
pub(super) struct Lookups<'a> {
    pub(super) left: Vec<Lookup<'a>>,
    pub(super) right: Vec<Lookup<'a>>,
}

/// The lookup of one name, and what it teaches.
pub(super) struct Lookup<'a> {
    pub(super) name: &'a NameView,
    pub(super) lesson: Lesson,
    pods: &'a [PodView],
}

/// What a name is for.
#[derive(Clone, Copy)]
pub(super) struct Lesson {
    /// What has this name.
    pub(super) what: &'static str,
    /// Its entry in the glossary.
    pub(super) term: Option<&'static str>,
    pub(super) sentence: &'static str,
}

/// In the order in which the names are looked up.
const LESSONS: [Lesson; 5] = [
    Lesson {
        what: "headless Service",
        term: Some("headless-service"),
        sentence: "DNS gives the address of every pod. The client picks one. It must look the name up regularly, and \
                   ask another pod when one does not answer. read-app looks it up twice a second.",
    },
    Lesson {
        what: "SRV record: the port named mysql, over TCP",
        term: None,
        sentence: "One record for each pod of mysql, with its name and port: a program finds all pods in one lookup.",
    },
    Lesson {
        what: "one pod, by its own name",
        term: None,
        sentence: "Only a headless Service gives each pod a name. A replaced pod keeps it, and usually gets a new \
                   address. write-app writes to this pod, the primary.",
    },
    Lesson {
        what: "ClusterIP Service",
        term: Some("clusterip"),
        sentence: "One address for all pods. It stays the same when pods come and go, so one lookup is enough.",
    },
    Lesson {
        what: "the name of a pod that does not answer",
        term: None,
        sentence: "When the pod is back, this name leads to it again, usually at a new address.",
    },
];

impl<'a> Lookups<'a> {
    pub(super) fn new(names: &'a NamesView, pods: &'a [PodView]) -> Self {
        let names = names.answers.iter().zip(LESSONS);
        let mut left: Vec<_> = names.map(|(name, lesson)| Lookup { name, lesson, pods }).collect();
        let right = left.split_off(left.len().min(2));
        Self { left, right }
    }
}

impl Lookup<'_> {
    /// The glossary's entry for the type of a record.
    pub(super) fn record_term(&self, record: &RecordView) -> &'static str {
        if record.kind == "SRV" { "srv-record" } else { "a-record" }
    }

    /// The pod that a record leads to.
    pub(super) fn pod(&self, record: &RecordView) -> Option<&PodView> {
        let is_named = |name: &str| record.pod.as_ref().is_some_and(|pod| pod.to_string() == name);
        self.pods.iter().find(|pod| pod.address == record.value || is_named(&pod.name))
    }
}

/// Whether DNS lists a pod, by the SRV records. None where that is not known: DNS gave no answer, or has no such
/// records for addresses that it does have.
pub(super) fn lists(names: &NamesView, ordinal: u8) -> Option<bool> {
    let [addresses, servers, ..] = &names.answers[..] else { return None };
    let own_name = format!("{}.", pod_name(ordinal));
    let is_listed = servers.records.iter().any(|record| record.value.starts_with(&own_name));
    let has_none = addresses.answered && addresses.records.is_empty();
    let tells = servers.answered && (has_none || !servers.records.is_empty());
    tells.then_some(is_listed)
}

/// What the TTLs tell about a cache: all three sentences, and which of them is true now. The page keeps room for the
/// longest, so that nothing moves when another becomes true.
pub(super) fn about_cache(names: &NamesView) -> [(bool, String); 3] {
    let ttl = names.headless_ttl().unwrap_or(30);
    let is = |from_cache| names.from_cache == from_cache;
    [
        (
            is(None),
            "read-app compares the TTLs of several answers. In a few seconds it says here whether the cluster’s DNS has a \
             cache, which shows changes late."
                .to_owned(),
        ),
        (
            is(Some(false)),
            format!(
                "The TTL of a cached answer counts down. Here it stays at {ttl} s, so the cluster’s DNS seems to have \
                 no cache, and changes show soon."
            ),
        ),
        (
            is(Some(true)),
            "The TTL counts down from answer to answer, so the cluster’s DNS has a cache. The cache repeats an answer \
             until the TTL is over, even when a pod comes or goes."
                .to_owned(),
        ),
    ]
}

/// A record's TTL in seconds, as wide as two figures.
pub(super) fn ttl(record: &RecordView) -> String {
    format!("{:\u{2007}>2}", record.ttl)
}

/// A pod that has answered some of these queries and does not answer now. Never the primary: a lookup of its name
/// while it is away would make DNS remember that the name is missing, for write-app too.
pub(super) fn missing_pod(dots: &Dots, pods: &[PodView]) -> Option<u8> {
    let answers = |ordinal: u8| pods.iter().any(|pod| pod.ordinal == ordinal && pod.answers());
    dots.counts().into_keys().find(|ordinal| *ordinal != 0 && !answers(*ordinal))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What the headless name and its port answer. None where DNS gives no answer.
    pub(in crate::page) fn names(addresses: Option<&[&str]>, pods: Option<&[u8]>) -> NamesView {
        let server =
            |ordinal: &u8| format!("mysql-{ordinal}.mysql.default.svc.cluster.local. 3306");
        let servers: Option<Vec<_>> = pods.map(|pods| pods.iter().map(server).collect());
        let addresses = addresses.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        let view = |name: &str, kind, values: Option<Vec<String>>| NameView {
            name: name.to_owned(),
            answered: values.is_some(),
            full_name: String::new(),
            records: values.into_iter().flatten().map(|value| record(kind, value)).collect(),
            problem: None,
        };
        let answers =
            vec![view("mysql", "A", addresses), view("_mysql._tcp.mysql", "SRV", servers)];
        NamesView { answers, from_cache: Some(true), ..NamesView::default() }
    }

    fn record(kind: &'static str, value: String) -> RecordView {
        RecordView { kind, value, ttl: 24, pod: None }
    }

    #[test]
    fn a_pod_has_left_dns_only_where_dns_says_so() {
        let address = Some(&["192.0.2.1"][..]);
        for (addresses, pods, is_listed) in [
            (address, Some(&[0, 1][..]), Some(true)),
            (address, Some(&[0]), Some(false)),
            (address, Some(&[11]), Some(false)),
            (Some(&[]), Some(&[]), Some(false)),
            (address, Some(&[]), None),
            (None, Some(&[]), None),
            (address, None, None),
            (None, None, None),
        ] {
            assert_eq!(lists(&names(addresses, pods), 1), is_listed, "{addresses:?} {pods:?}");
        }
        assert_eq!(lists(&NamesView::default(), 1), None);
    }

    #[test]
    fn the_page_says_what_the_ttls_tell_about_a_cache() {
        let true_now = |from_cache| {
            let names = NamesView { from_cache, ..names(Some(&["192.0.2.1"]), None) };
            let all = about_cache(&names).into_iter().filter(|(is_true, _)| *is_true);
            all.map(|(_, sentence)| sentence).collect::<Vec<_>>().concat()
        };
        assert!(true_now(Some(true)).contains("has a cache. The cache repeats"));
        assert!(true_now(Some(false)).contains("stays at 24 s"));
        assert!(true_now(None).contains("In a few seconds it says here"));
    }
}

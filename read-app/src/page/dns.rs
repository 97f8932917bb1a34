//! What the names answer, with the pods that the addresses belong to.

use crate::{
    api::{
        dns::{NameView, NamesView, RecordView},
        pods::PodView,
    },
    page::dots::Dots,
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
        sentence: "One address for each pod: the client sees them all, and chooses.",
    },
    Lesson {
        what: "its named port",
        term: None,
        sentence: "The pods’ names and ports at once: how a program finds all members.",
    },
    Lesson {
        what: "one pod, by its own name",
        term: None,
        sentence: "Only a headless Service gives this. write-app writes here, to the primary.",
    },
    Lesson {
        what: "ClusterIP Service",
        term: Some("clusterip"),
        sentence: "One address for all: DNS never sees the pods behind it.",
    },
    Lesson {
        what: "the own name of the pod that is missing",
        term: None,
        sentence: "It stays the pod’s. When the pod is back, it answers with the pod’s new address.",
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

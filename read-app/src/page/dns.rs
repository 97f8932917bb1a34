//! What the names answer, with the pods that the addresses belong to.

use crate::api::{
    dns::{NameView, NamesView},
    pods::PodView,
};

/// Both columns.
pub(super) struct Answers<'a> {
    pub(super) left: Vec<NameSection<'a>>,
    pub(super) right: Vec<NameSection<'a>>,
}

/// One name.
pub(super) struct NameSection<'a> {
    pub(super) name: &'a str,
    /// The type of its records, and where the glossary explains that.
    pub(super) kind: &'static str,
    pub(super) record_term: &'static str,
    /// What has this name, and where the glossary explains that.
    pub(super) what: &'static str,
    pub(super) term: Option<&'static str>,
    pub(super) sentence: &'static str,
    pub(super) records: Vec<Record<'a>>,
    /// In place of records.
    pub(super) silence: &'static str,
}

/// One record.
pub(super) struct Record<'a> {
    pub(super) value: &'a str,
    /// In seconds, as wide as two figures.
    pub(super) ttl: String,
    pub(super) pod: Option<&'a PodView>,
}

/// What has the name, its place in the glossary, and what it is good for.
type Lesson = (&'static str, Option<&'static str>, &'static str);

/// In the order in which the names are asked.
const LESSONS: [Lesson; 5] = [
    (
        "headless Service",
        Some("headless-service"),
        "One address for each pod: the client sees them all, and chooses.",
    ),
    ("its named port", None, "The pods’ names and ports at once: how a program finds all members."),
    (
        "one pod, by its own name",
        None,
        "Only a headless Service gives this. write-app writes here, to the primary.",
    ),
    (
        "ClusterIP Service",
        Some("clusterip"),
        "One address for all: DNS never sees the pods behind it.",
    ),
    (
        "the own name of the pod that is missing",
        None,
        "It stays the pod’s. When the pod is back, it answers with the pod’s new address.",
    ),
];

impl<'a> Answers<'a> {
    pub(super) fn new(names: &'a NamesView, pods: &'a [PodView]) -> Self {
        let sections = names.answers.iter().zip(LESSONS);
        let mut left: Vec<_> =
            sections.map(|(view, lesson)| NameSection::new(view, lesson, pods)).collect();
        let right = left.split_off(left.len().min(2));
        Self { left, right }
    }
}

impl<'a> NameSection<'a> {
    fn new(view: &'a NameView, (what, term, sentence): Lesson, pods: &'a [PodView]) -> Self {
        let record = |record: &'a crate::api::dns::RecordView| Record {
            value: &record.value,
            ttl: format!("{:\u{2007}>2}", record.ttl),
            pod: pods.iter().find(|pod| pod.address == record.value),
        };
        Self {
            name: &view.name,
            kind: view.kind,
            record_term: if view.kind == "A" { "a-record" } else { "srv-record" },
            what,
            term,
            sentence,
            records: view.records.iter().map(record).collect(),
            silence: view.problem.unwrap_or_default(),
        }
    }
}

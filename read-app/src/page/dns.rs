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

/// What the TTLs tell about a cache: all three sentences, and which of them is true now. The page keeps room for the
/// longest, so that nothing moves when another becomes true.
pub(super) fn about_cache(names: &NamesView) -> [(bool, String); 3] {
    let ttl = names.headless_ttl().unwrap_or(30);
    let is = |from_cache| names.from_cache == from_cache;
    [
        (
            is(None),
            "The TTL tells whether the cluster’s DNS has a cache, once read-app has seen it for some seconds.".to_owned(),
        ),
        (
            is(Some(false)),
            format!(
                "The TTL is {ttl} s in each answer, so the cluster’s DNS has no cache for these names: each answer is new."
            ),
        ),
        (
            is(Some(true)),
            "The TTL counts down from one answer to the next, so the cluster’s DNS has a cache. It repeats an answer \
             until its TTL is over, even where a pod has come or gone meanwhile."
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

#[test]
fn the_page_says_what_the_ttls_tell_about_a_cache() {
    let record = RecordView { kind: "A", value: "10.0.0.1".into(), ttl: 30, pod: None };
    let answer = NameView {
        name: "mysql".into(),
        answered: true,
        full_name: "mysql.default.svc.cluster.local.".into(),
        records: vec![record],
        problem: None,
    };
    let names = |from_cache| NamesView {
        answers: vec![answer.clone()],
        from_cache,
        ..NamesView::default()
    };

    let true_now = |from_cache| {
        let sentences = about_cache(&names(from_cache)).into_iter().filter(|(is_true, _)| *is_true);
        sentences.map(|(_, sentence)| sentence).collect::<Vec<_>>().concat()
    };
    assert!(true_now(Some(true)).contains("has a cache. It repeats"));
    assert!(true_now(Some(false)).contains("is 30 s in each answer"));
    assert!(true_now(None).contains("for some seconds"));
}

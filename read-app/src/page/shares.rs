//! The table of shares: the lanes of dots as figures.

use std::collections::BTreeSet;

use crate::{
    api::pods::PodView,
    page::{dns::lists, dots::pod_name, lanes::Lane},
    routing::mode::{Strategy, Via, With},
};

/// A row for each pod, and one for the attempts that failed. Each row has a share for each lane.
pub(super) struct ShareTable {
    pub(super) pods: Vec<PodRow>,
    pub(super) failed: Vec<Share>,
}

/// The shares of one pod.
pub(super) struct PodRow {
    pub(super) ordinal: u8,
    pub(super) name: String,
    pub(super) shares: Vec<Share>,
    pub(super) lag: String,
    pub(super) answers: bool,
}

/// How many of a lane's dots.
pub(super) struct Share {
    dots: usize,
    of: usize,
    /// From 0 to 1.
    expected: Option<f64>,
}

impl ShareTable {
    /// Every pod whose server has said its name at an address in the DNS answer, or that has answered a query, has a row.
    pub(super) fn new(lanes: &[Lane], pods: &[PodView]) -> Self {
        let answered = lanes.iter().flat_map(|lane| lane.dots.counts().into_keys());
        let ordinals: BTreeSet<u8> = pods.iter().map(|pod| pod.ordinal).chain(answered).collect();
        let row = |ordinal| {
            let pod = pods.iter().find(|pod| pod.ordinal == ordinal);
            PodRow {
                ordinal,
                name: pod_name(ordinal),
                shares: lanes.iter().map(|lane| Share::of_pod(lane, ordinal)).collect(),
                lag: lag(pod, lanes.first().and_then(|lane| lists(lane.names, ordinal))),
                answers: pod.is_some_and(PodView::answers),
            }
        };
        Self {
            pods: ordinals.into_iter().map(row).collect(),
            failed: lanes.iter().map(Share::of_failed).collect(),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.iter().any(|share| share.dots > 0)
    }
}

/// The replication lag, or why there is none.
fn lag(pod: Option<&PodView>, is_listed: Option<bool>) -> String {
    match pod {
        None if is_listed == Some(false) => "gone".to_owned(),
        Some(pod) if !pod.answers() && !pod.answered_since => "silent".to_owned(),
        pod => pod.and_then(PodView::behind).unwrap_or_else(|| "–".to_owned()),
    }
}

impl Lane<'_> {
    /// What the column "expected" means for these dots.
    pub(super) fn what_is_expected(&self) -> &'static str {
        match (self.mode.via, self.mode.with, self.mode.strategy) {
            (Via::MysqlRead, With::Pool, _) => {
                "All queries go to the pod that the open connection leads to."
            }
            (Via::Mysql, _, Strategy::Sticky) => "All queries of one user go to one pod.",
            (Via::Mysql, _, Strategy::LeastConnections) => {
                "No figure: it depends on how fast each pod answers."
            }
            _ => {
                "The share if all pods with a dot were asked equally often: the tick at the bar, from 20 answers on. With few dots, the real shares differ more, by chance."
            }
        }
    }
}

impl Share {
    fn of_pod(lane: &Lane, ordinal: u8) -> Self {
        let dots = lane.dots;
        let answered = dots.counts().get(&ordinal).copied().unwrap_or_default();
        Self { dots: answered, of: dots.len(), expected: lane.expected(ordinal) }
    }

    fn of_failed(lane: &Lane) -> Self {
        let dots = lane.dots;
        Self { dots: dots.len() - dots.answered(), of: dots.len(), expected: Some(0.0) }
    }

    /// Such as `  7`.
    pub(super) fn dots(&self) -> String {
        padded(self.dots)
    }

    /// Such as ` 31 %`.
    pub(super) fn measured(&self) -> String {
        percent(self.measured_percent())
    }

    /// The same.
    pub(super) fn expected(&self) -> String {
        percent(self.expected_percent())
    }

    /// The width of the bar, in percent.
    pub(super) fn width(&self) -> usize {
        self.measured_percent().unwrap_or_default()
    }

    /// Where the bar is to end, in percent. There is no mark at 0.
    pub(super) fn tick(&self) -> Option<usize> {
        self.expected_percent().filter(|percent| *percent > 0)
    }

    fn measured_percent(&self) -> Option<usize> {
        (self.dots * 100 + self.of / 2).checked_div(self.of)
    }

    fn expected_percent(&self) -> Option<usize> {
        self.expected.map(|share| (share * 100.0).round() as usize)
    }
}

fn percent(figure: Option<usize>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{} %", padded(figure)))
}

/// With figure spaces in front, as wide as any count and percentage: columns keep their width.
fn padded(figure: impl ToString) -> String {
    format!("{:\u{2007}>3}", figure.to_string())
}

#[test]
fn a_lag_that_is_not_known_is_a_dash_and_only_a_pod_that_left_dns_is_gone() {
    let pod = crate::page::explain::tests::pod;
    let answered_since = PodView { answered_since: true, ..pod(1, false) };
    for (pod, is_listed, said) in [
        (None, Some(false), "gone"),
        (None, Some(true), "–"),
        (None, None, "–"),
        (Some(pod(1, false)), Some(true), "silent"),
        (Some(answered_since), Some(true), "–"),
        (Some(pod(1, true)), Some(true), "–"),
    ] {
        assert_eq!(lag(pod.as_ref(), is_listed), said, "{pod:?} {is_listed:?}");
    }
}

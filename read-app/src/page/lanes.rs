//! The lanes of dots, one for each kind of connection that is asked.

use crate::{
    api::{dns::NamesView, pods::PodView},
    page::{
        dots::{Dot, Dots, Reason},
        params::PageParams,
    },
    routing::mode::{Mode, Via, With},
};

/// The dots of one mode, and what explains them.
pub(super) struct Lane<'a> {
    pub(super) mode: Mode,
    pub(super) dots: &'a Dots,
    pub(super) pods: &'a [PodView],
    pub(super) names: &'a NamesView,
}

/// One lane, or two where the page compares.
pub(super) fn lanes<'a>(
    params: &'a PageParams,
    names: &'a NamesView,
    pods: &'a [PodView],
) -> Vec<Lane<'a>> {
    let lane = |mode, dots| Lane { mode, dots, pods, names };
    let mut lanes = vec![lane(params.mode.clone(), &params.dots)];
    if params.compare {
        lanes.push(lane(params.mode.other_connections(), &params.dots_beside));
    }
    lanes
}

impl Lane<'_> {
    pub(super) fn title(&self) -> String {
        format!("{}, {}", self.mode.via.name(), self.connections())
    }

    /// The connection of one query.
    pub(super) fn connection(&self) -> &'static str {
        match self.mode.with {
            With::New => "a new connection",
            With::Pool => "a connection of a pool",
        }
    }

    /// The kind of connection.
    pub(super) fn connections(&self) -> &'static str {
        match self.mode {
            Mode { with: With::New, .. } => "a new connection for each query",
            Mode { via: Via::MysqlRead, .. } => "a pool of one connection",
            Mode { via: Via::Mysql, .. } => "a pool for each pod",
        }
    }

    /// The dots in words, for a screen reader.
    pub(super) fn label(&self) -> String {
        if self.dots.len() == 0 {
            return "no query yet".to_owned();
        }
        let failed = self.dots.len() - self.dots.answered();
        let mut parts = self.dots.counts_by_name();
        parts.extend((failed > 0).then(|| format!("failed: {failed}")));
        format!("{} attempts. {}", self.dots.len(), parts.join(", "))
    }

    /// How many attempts failed, and why. The reasons stand here and not at the dots, so that no reader has to
    /// point at a dot.
    pub(super) fn failures(&self) -> Option<String> {
        let counts = Reason::ALL.map(|reason| (count(self.dots, reason), reason.clause()));
        let counts: Vec<_> = counts.into_iter().filter(|(count, _)| *count > 0).collect();
        let reasons = match &counts[..] {
            [] => return None,
            [(_, why)] => (*why).to_owned(),
            several => {
                let parts = several.iter().map(|(count, why)| format!("{why} ({count})"));
                parts.collect::<Vec<_>>().join("; ")
            }
        };
        Some(match self.dots.len() - self.dots.answered() {
            1 => format!("1 attempt failed: {reasons}."),
            failed => format!("{failed} attempts failed: {reasons}."),
        })
    }
}

fn count(dots: &Dots, reason: Reason) -> usize {
    dots.iter().filter(|dot| **dot == Dot::Failed(reason)).count()
}

#[test]
fn failed_attempts_are_counted_and_each_reason_too() {
    let (mode, names) = (Mode::default(), NamesView::default());
    let failures = |dots: &str| {
        let dots = Dots::read(dots);
        Lane { mode: mode.clone(), dots: &dots, pods: &[], names: &names }.failures()
    };
    assert_eq!(failures("01"), None);
    assert_eq!(failures("0L").unwrap(), "1 attempt failed: the connection broke.");
    assert_eq!(failures("L0L").unwrap(), "2 attempts failed: the connection broke.");
    let two_reasons =
        "3 attempts failed: read-app could not connect (1); the connection broke (2).";
    assert_eq!(failures("LUL").unwrap(), two_reasons);
}

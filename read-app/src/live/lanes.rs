//! The dots, a lane for each kind of connection, and the table of shares that is their twin.

use std::collections::BTreeSet;

use crate::{
    dots::{Dot, Dots},
    explain::Facts,
    names::NamesView,
    params::Params,
    pods::PodView,
    reads::mode::{Mode, Via, With},
    times,
};

/// One or two lanes, and the shares of all pods in them.
pub(super) struct Lanes<'a> {
    pub(super) lanes: Vec<Lane<'a>>,
    pub(super) rows: Vec<Row>,
    /// The queries that nobody answered, a share a lane.
    pub(super) unanswered: Vec<Share>,
    /// The sentences under them.
    pub(super) why: String,
}

/// The dots of one mode.
pub(super) struct Lane<'a> {
    pub(super) title: String,
    /// The kind of connection alone.
    pub(super) short: &'static str,
    pub(super) dots: &'a Dots,
    /// What they say, for those who do not see them.
    pub(super) label: String,
    /// The last reason for which nobody answered, with how many that were.
    pub(super) failures: Option<String>,
}

/// One pod's shares, a share a lane.
pub(super) struct Row {
    pub(super) ordinal: u8,
    pub(super) name: String,
    pub(super) shares: Vec<Share>,
    pub(super) lag: String,
    /// Whether the pod does not answer.
    pub(super) gone: bool,
}

/// How many of a lane's queries.
pub(super) struct Share {
    pub(super) asked: usize,
    /// In percent, such as `31 %`.
    pub(super) measured: String,
    /// For a bar.
    pub(super) width: usize,
    pub(super) expected: String,
    pub(super) tick: Option<u32>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(params: &'a Params, names: &NamesView, pods: &'a [PodView]) -> Self {
        let beside = params.mode.other_connections();
        let mut modes = vec![(&params.mode, &params.dots)];
        if params.compare {
            modes.push((&beside, &params.dots_beside));
        }
        let headless_ttl = names.headless_ttl();
        let facts: Vec<Facts> =
            modes.iter().map(|(mode, dots)| Facts { mode, dots, pods, headless_ttl }).collect();
        Self {
            rows: rows(&facts, pods),
            unanswered: facts.iter().map(unanswered).collect(),
            why: facts.iter().map(Facts::sentence).collect::<Vec<_>>().join(" "),
            lanes: modes.iter().map(|(mode, dots)| Lane::new(mode, dots)).collect(),
        }
    }
}

impl<'a> Lane<'a> {
    fn new(mode: &Mode, dots: &'a Dots) -> Self {
        let short = match mode.with {
            With::New => "a new connection for each query",
            With::Pool if mode.via == Via::MysqlRead => "a pool of one connection",
            With::Pool => "a pool for each pod",
        };
        let counts = dots.counts();
        let parts: Vec<_> =
            counts.iter().map(|(ordinal, count)| format!("mysql-{ordinal} {count}")).collect();
        let label = match dots.len() {
            0 => "no query yet".to_owned(),
            len => format!("{len} queries: {}", parts.join(", ")),
        };
        let title = format!("{}, {short}", mode.via.name());
        Self { title, short, dots, label, failures: failures(dots) }
    }
}

fn failures(dots: &Dots) -> Option<String> {
    let reason = |dot: &Dot| match dot {
        Dot::Failed(reason) => Some(*reason),
        Dot::Pod(_) => None,
    };
    let last = dots.iter().rev().find_map(reason)?;
    let count = dots.iter().filter_map(reason).count();
    Some(format!("{count} not answered; the last: {}", last.sentence()))
}

/// A row for each pod that is there or has answered.
fn rows(facts: &[Facts], pods: &[PodView]) -> Vec<Row> {
    let answered = facts.iter().flat_map(|facts| facts.dots.counts().into_keys());
    let ordinals: BTreeSet<u8> = pods.iter().map(|pod| pod.ordinal).chain(answered).collect();
    let row = |ordinal: u8| {
        let pod = pods.iter().find(|pod| pod.ordinal == ordinal);
        Row {
            ordinal,
            name: format!("mysql-{ordinal}"),
            shares: facts.iter().map(|facts| Share::of(facts, ordinal)).collect(),
            lag: lag(pod),
            gone: pod.is_none_or(|pod| !pod.answers()),
        }
    };
    ordinals.into_iter().map(row).collect()
}

fn lag(pod: Option<&PodView>) -> String {
    match pod {
        None => "gone from DNS".to_owned(),
        Some(pod) if !pod.answers() => pod.health(),
        Some(pod) => pod.lag().map_or_else(|| "–".to_owned(), |lag| times::seconds(lag.time)),
    }
}

fn unanswered(facts: &Facts) -> Share {
    let failed = facts.dots.len() - facts.dots.answered();
    Share::new(failed, facts.dots.len(), Some(0.0))
}

impl Share {
    fn of(facts: &Facts, ordinal: u8) -> Self {
        let asked = facts.dots.counts().get(&ordinal).copied().unwrap_or_default();
        Self::new(asked, facts.dots.len(), facts.expected(ordinal))
    }

    fn new(asked: usize, total: usize, expected: Option<f64>) -> Self {
        let width = (asked * 100 + total / 2).checked_div(total);
        let percent = expected.map(|share| (share * 100.0).round());
        Self {
            asked,
            measured: width.map_or_else(|| "–".to_owned(), |width| format!("{width} %")),
            width: width.unwrap_or_default(),
            expected: percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %")),
            // From 0 to 100, and where nothing is expected there is no mark.
            tick: percent.filter(|percent| *percent > 0.0).map(|percent| percent as u32),
        }
    }
}

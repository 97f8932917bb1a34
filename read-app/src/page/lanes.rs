//! The dots, a lane for each kind of connection, and the table of shares that is their twin.

use std::collections::BTreeSet;

use crate::{
    api::{dns::NamesView, params::Params, pods::PodView},
    page::{
        dots::{Dot, Dots, Reason},
        explain::Facts,
        times,
    },
    routing::mode::{Mode, Via, With},
};

/// One or two lanes, and the shares of all pods in them.
pub(super) struct Lanes<'a> {
    pub(super) lanes: Vec<Lane<'a>>,
    pub(super) rows: Vec<Row>,
    /// The queries that nobody answered, a share a lane.
    pub(super) unanswered: Vec<Share>,
    /// Whether there are any of these.
    pub(super) any_unanswered: bool,
}

/// The dots of one mode.
pub(super) struct Lane<'a> {
    pub(super) title: String,
    /// The kind of connection alone.
    pub(super) short: &'static str,
    pub(super) dots: &'a Dots,
    /// What they say, for those who do not see them.
    pub(super) label: String,
    /// How many were not answered, and why.
    pub(super) failures: Option<String>,
    /// The sentences under them.
    pub(super) why: String,
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
    pub(super) asked: String,
    /// In percent, such as ` 31 %`.
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
        let lanes = modes.iter().zip(&facts);
        Self {
            rows: rows(&facts, pods),
            unanswered: facts.iter().map(unanswered).collect(),
            any_unanswered: facts.iter().any(|facts| facts.dots.answered() < facts.dots.len()),
            lanes: lanes.map(|((mode, dots), facts)| Lane::new(mode, dots, facts)).collect(),
        }
    }
}

impl<'a> Lane<'a> {
    fn new(mode: &Mode, dots: &'a Dots, facts: &Facts) -> Self {
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
        Self { title, short, dots, label, failures: failures(dots), why: facts.sentence() }
    }
}

/// Every reason stands here, and none at its dot: so no dot has to be pointed at.
fn failures(dots: &Dots) -> Option<String> {
    let reasons = dots.iter().filter_map(|dot| match dot {
        Dot::Failed(reason) => Some(*reason),
        Dot::Pod(_) => None,
    });
    let counts: Vec<_> = Reason::ALL
        .iter()
        .map(|(_, reason)| (reasons.clone().filter(|one| one == reason).count(), reason.clause()))
        .filter(|(count, _)| *count > 0)
        .collect();
    let parts: Vec<_> = match &counts[..] {
        [] => return None,
        [(_, why)] => vec![(*why).to_owned()],
        several => several.iter().map(|(count, why)| format!("{count} times {why}")).collect(),
    };
    Some(format!("{} not answered: {}.", reasons.count(), parts.join("; ")))
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
        None => "gone".to_owned(),
        Some(pod) if pod.answers_elsewhere => "moved".to_owned(),
        Some(pod) if !pod.answers() => "silent".to_owned(),
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
        let written =
            |percent: Option<String>| format!("{} %", padded(percent.as_deref().unwrap_or("–")));
        Self {
            asked: padded(&asked.to_string()),
            measured: written(width.map(|width| width.to_string())),
            width: width.unwrap_or_default(),
            expected: written(percent.map(|percent| percent.to_string())),
            // From 0 to 100, and where nothing is expected there is no mark.
            tick: percent.filter(|percent| *percent > 0.0).map(|percent| percent as u32),
        }
    }
}

/// With figure spaces in front, as wide as any count and percentage: columns keep their width.
fn padded(figure: &str) -> String {
    format!("{figure:\u{2007}>3}")
}

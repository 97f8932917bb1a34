//! What is aimed at, and what was measured.

use crate::{
    contest::{CLIENTS, Contender, Results, Turn},
    statistics::{Sample, short},
};

/// One line of the table of goals.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) goal: String,
    pub(crate) measured: String,
    pub(crate) met: Met,
}

/// Whether it was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Yes,
    No,
    NotMeasured,
}

impl Met {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Yes => "met",
            Self::No => "**not met**",
            Self::NotMeasured => "not measured here",
        }
    }
}

impl From<bool> for Met {
    fn from(met: bool) -> Self {
        if met { Self::Yes } else { Self::No }
    }
}

impl Goal {
    /// The median must not be more than this.
    pub(crate) fn at_most(what: &str, most: f64, unit: &str, measured: &Sample) -> Self {
        let met = measured.median() <= most;
        Self::new(what, format!("at most {most}{unit}"), format!("{measured}{unit}"), met.into())
    }

    /// The median must not be less than this.
    pub(crate) fn at_least(what: &str, least: f64, unit: &str, measured: &Sample) -> Self {
        let met = measured.median() >= least;
        Self::new(what, format!("at least {least}{unit}"), format!("{measured}{unit}"), met.into())
    }

    pub(crate) fn not_measured(what: &str, goal: &str, why: &str) -> Self {
        Self::new(what, goal.to_owned(), why.to_owned(), Met::NotMeasured)
    }

    pub(crate) fn new(what: &str, goal: String, measured: String, met: Met) -> Self {
        Self { what: what.to_owned(), goal, measured, met }
    }
}

/// The goals of reads and of writes: level with mysqlslap, quick, and ahead of every peer.
pub(crate) fn of_contest(results: &Results, what: &str, p99: f64) -> Vec<Goal> {
    let [app, peers @ ..] = results.servers.as_slice() else { return Vec::new() };
    let rates: Vec<_> = app.rounds.iter().map(|turn| turn.per_second).collect();
    let limit = Sample::ratios(&rates, &results.limit.rounds);
    let mut goals = vec![
        Goal::at_least(
            &format!("{what} a second by mysqlslap's, {CLIENTS} clients"),
            1.0,
            "x",
            &limit,
        ),
        Goal::at_most(
            &format!("{what}: p99 at half of that rate"),
            p99,
            " ms",
            &app.of_paced(Turn::p99),
        ),
        Goal::at_most(
            &format!("{what}: p99 at the full rate"),
            p99,
            " ms",
            &app.of_rounds(Turn::p99),
        ),
    ];
    let more = compared(app, peers, what, "requests a second", true, |contender| {
        contender.of_rounds(|turn| turn.per_second)
    });
    let latency =
        compared(app, peers, what, "p99 at half of each one's rate", false, |contender| {
            contender.of_paced(Turn::p99)
        });
    let processor = compared(app, peers, what, "processor time a request", false, |contender| {
        contender.of_rounds(|turn| turn.server)
    });
    let memory = compared(app, peers, what, "memory", false, |contender| {
        contender.of_rounds(|turn| turn.memory)
    });
    goals.extend([more, latency, processor, memory].into_iter().flatten());
    goals
}

/// The app against that peer which does best in this.
fn compared(
    app: &Contender,
    peers: &[Contender],
    what: &str,
    figure_name: &str,
    more_is_better: bool,
    figure: impl Fn(&Contender) -> Sample,
) -> Option<Goal> {
    let better = |a: &&Contender, b: &&Contender| {
        let order = figure(a).median().total_cmp(&figure(b).median());
        if more_is_better { order } else { order.reverse() }
    };
    let best = peers.iter().max_by(better)?;
    let ratio = figure(app).median() / figure(best).median();
    let (goal, met) =
        if more_is_better { ("more than 1x", ratio > 1.0) } else { ("less than 1x", ratio < 1.0) };
    let what = format!("{what}: {figure_name}, by the best peer's");
    let measured = format!("{}x of {}", short(ratio), best.name);
    Some(Goal::new(&what, goal.to_owned(), measured, met.into()))
}

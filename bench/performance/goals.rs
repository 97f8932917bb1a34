//! The goals, and whether the figures meet them.

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

/// Whether the figure meets the goal.
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
    /// The median must not exceed `most`.
    pub(crate) fn at_most(what: &str, most: f64, unit: &str, measured: &Sample) -> Self {
        let met = measured.median() <= most;
        Self::new(what, format!("at most {most}{unit}"), format!("{measured}{unit}"), met.into())
    }

    /// The median must not be below `least`.
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

/// The goals of reads and of writes: as many as mysqlslap, a low p99, and better than every peer.
pub(crate) fn of_contest(results: &Results, what: &str, p99: f64) -> Vec<Goal> {
    let [app, peers @ ..] = results.servers.as_slice() else { return Vec::new() };
    let rates: Vec<_> = app.rounds.iter().map(|turn| turn.per_second).collect();
    let limit = Sample::ratios(&rates, &results.limit.rounds);
    let paced = app.of_paced(Turn::p99);
    let rate = format!("{what} a second, ratio to mysqlslap, {CLIENTS} clients");
    let mut goals = vec![
        Goal::at_least(&rate, 1.0, "x", &limit),
        Goal::at_most(&format!("{what}: p99 at half of the app's rate"), p99, " ms", &paced),
    ];
    let figures = FIGURES.iter().filter_map(|figure| figure.compared(app, peers, what));
    goals.extend(figures);
    goals
}

/// A figure in which the app should be better than every peer.
struct Figure {
    name: &'static str,
    more_is_better: bool,
    of: fn(&Contender) -> Sample,
}

const FIGURES: [Figure; 4] = [
    Figure {
        name: "requests a second",
        more_is_better: true,
        of: |contender| contender.per_second(),
    },
    Figure {
        name: "p99 at half of each server's rate",
        more_is_better: false,
        of: |contender| contender.of_paced(Turn::p99),
    },
    Figure {
        name: "processor time for each request",
        more_is_better: false,
        of: |contender| contender.of_rounds(|turn| turn.server),
    },
    Figure {
        name: "memory",
        more_is_better: false,
        of: |contender| contender.of_rounds(|turn| turn.memory),
    },
];

impl Figure {
    /// Compares the app with the peer that is best in this figure.
    fn compared(&self, app: &Contender, peers: &[Contender], what: &str) -> Option<Goal> {
        let of = |contender: &Contender| (self.of)(contender).median();
        let better = |a: &&Contender, b: &&Contender| {
            let order = of(a).total_cmp(&of(b));
            if self.more_is_better { order } else { order.reverse() }
        };
        let best = peers.iter().max_by(better)?;
        let ratio = of(app) / of(best);
        let (goal, is_ahead) = match self.more_is_better {
            true => ("more than 1x", ratio > 1.0),
            false => ("less than 1x", ratio < 1.0),
        };
        let what = format!("{what}: {}, ratio to the best peer", self.name);
        let measured = format!("{}x of {}", short(ratio), best.name);
        Some(Goal::new(&what, goal.to_owned(), measured, is_ahead.into()))
    }
}

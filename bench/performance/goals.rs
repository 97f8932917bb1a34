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
    let paced = app.of_paced(Turn::p99);
    let rate = format!("{what} a second by mysqlslap's, {CLIENTS} clients");
    let mut goals = vec![
        Goal::at_least(&rate, 1.0, "x", &limit),
        Goal::at_most(&format!("{what}: p99 at half of that rate"), p99, " ms", &paced),
    ];
    let figures = FIGURES.iter().filter_map(|figure| figure.compared(app, peers, what));
    goals.extend(figures);
    goals
}

/// Something in which the app is to be ahead of every peer.
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
        name: "p99 at half of each one's rate",
        more_is_better: false,
        of: |contender| contender.of_paced(Turn::p99),
    },
    Figure {
        name: "processor time a request",
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
    /// The app against that peer which does best in this.
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
        let what = format!("{what}: {}, by the best peer's", self.name);
        let measured = format!("{}x of {}", short(ratio), best.name);
        Some(Goal::new(&what, goal.to_owned(), measured, is_ahead.into()))
    }
}

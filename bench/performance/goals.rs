//! The goals, and whether the figures meet them.

use crate::{
    contest::{CLIENTS, Contender, Results, Turn},
    peers,
    report::{row, table},
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
    fn name(self) -> &'static str {
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

/// The table of goals.
pub(crate) fn goals_table<'a>(goals: impl IntoIterator<Item = &'a Goal>) -> String {
    let cells = |goal: &Goal| row(&[&goal.what, &goal.goal, &goal.measured, goal.met.name()]);
    let rows: Vec<_> = goals.into_iter().map(cells).collect();
    table(&["what", "goal", "measured", ""], &rows)
}

/// Requests a second, by mysqlslap's.
pub(crate) fn by_mysqlslap(results: &Results, what: &str) -> Goal {
    let rates = results.servers.first().map(per_second).unwrap_or_default();
    let ratio = Sample::ratios(&rates, &results.limit.rounds);
    Goal::at_least(
        &format!("{what} a second, ratio to mysqlslap, {CLIENTS} clients"),
        1.0,
        "x",
        &ratio,
    )
}

/// The app's figure in each round, by that of the peer in Go.
pub(crate) struct Figure {
    what: &'static str,
    goal: f64,
    more_is_better: bool,
    of: fn(&Contender) -> Vec<f64>,
}

pub(crate) const READS: [Figure; 4] = [
    Figure { what: "reads a second", goal: 1.3, more_is_better: true, of: per_second },
    Figure { what: "reads: processor time", goal: 0.75, more_is_better: false, of: processor },
    Figure { what: "reads: p99 at the same rate", goal: 0.9, more_is_better: false, of: p99 },
    Figure { what: "reads: memory", goal: 0.7, more_is_better: false, of: memory },
];

pub(crate) const WRITES: [Figure; 2] = [
    Figure { what: "writes: processor time", goal: 1.0, more_is_better: false, of: processor },
    Figure { what: "writes: p99 at the same rate", goal: 1.0, more_is_better: false, of: p99 },
];

fn per_second(contender: &Contender) -> Vec<f64> {
    contender.rounds.iter().map(|turn| turn.per_second).collect()
}

fn processor(contender: &Contender) -> Vec<f64> {
    contender.rounds.iter().map(|turn| turn.server).collect()
}

fn p99(contender: &Contender) -> Vec<f64> {
    contender.paced.iter().map(Turn::p99).collect()
}

fn memory(contender: &Contender) -> Vec<f64> {
    contender.rounds.iter().map(|turn| turn.memory).collect()
}

/// The goals of these figures. The peer does the same work; its bare form is shown beside it.
pub(crate) fn by_go(results: &Results, figures: &[Figure]) -> Vec<Goal> {
    let named = |name| results.servers.iter().find(|server| server.name == name);
    let (Some(app), Some(same), Some(bare)) =
        (results.servers.first(), named(peers::GO), named(peers::BARE_GO))
    else {
        return Vec::new();
    };
    figures.iter().map(|figure| figure.compared(app, same, bare)).collect()
}

impl Figure {
    fn compared(&self, app: &Contender, same: &Contender, bare: &Contender) -> Goal {
        let ratio = |peer| Sample::ratios(&(self.of)(app), &(self.of)(peer));
        let what = format!("{}, ratio to Go, {CLIENTS} connections", self.what);
        let mut goal = match self.more_is_better {
            true => Goal::at_least(&what, self.goal, "x", &ratio(same)),
            false => Goal::at_most(&what, self.goal, "x", &ratio(same)),
        };
        goal.measured += &format!("; to bare Go: {}x", short(ratio(bare).median()));
        goal
    }
}

//! `docs/performance.md`: this program writes the figures, and people and two other commands write the last sections.

use std::{fs, path::Path};

use crate::{
    contest::{CLIENTS, Contender, Results, Turn},
    goals::{Goal, goals_table},
    plot,
    statistics::{Sample, short},
};

/// The program keeps the text after this line.
const BY_HAND: &str =
    "<!-- The text below is written by hand; `cargo bench -p bench` keeps it. -->";

const HEAD: &str = include_str!("head.txt");

/// A section of the report, and the goals that its figures meet or miss.
pub(crate) struct Part {
    pub(crate) title: &'static str,
    pub(crate) goals: Vec<Goal>,
    pub(crate) text: String,
}

/// All figures.
pub(crate) struct Report {
    pub(crate) facts: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) reads: Results,
    pub(crate) writes: Results,
}

impl Report {
    /// Writes `performance.md` and `performance.svg`.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let file = folder.join("performance.md");
        let before = fs::read_to_string(&file).unwrap_or_default();
        let by_hand = before.split_once(BY_HAND).map_or("\n", |(_, text)| text);
        fs::write(&file, format!("{}{BY_HAND}{by_hand}", self.text()))?;
        let panels = [("GET /users", &self.reads), ("POST /submit", &self.writes)];
        Ok(fs::write(folder.join("performance.svg"), plot::svg(panels))?)
    }

    fn text(&self) -> String {
        let parts = self.parts.iter().map(|part| format!("## {}\n\n{}\n", part.title, part.text));
        let parts = parts.collect::<Vec<_>>().join("");
        format!("{HEAD}\n{}\n## Goals\n\n{}\n{parts}", self.facts, self.goals())
    }

    /// The table of goals.
    pub(crate) fn goals(&self) -> String {
        goals_table(self.parts.iter().flat_map(|part| &part.goals))
    }
}

/// The figures of mysqlslap and all servers in a contest.
pub(crate) fn contest_table(results: &Results, unit: &str) -> String {
    let limit: Sample = results.limit.rounds.iter().copied().collect();
    let mut rows =
        vec![row(&["mysqlslap", &format!("{limit} {unit}"), "1", "", "", "", "", "", "", ""])];
    rows.extend(results.servers.iter().map(|contender| contender_row(contender, results)));
    let with = format!("with {CLIENTS} connections");
    let head = [
        with.as_str(),
        "requests/s",
        "ratio to mysqlslap",
        "p50 / p99, ms",
        "p50 / p99 at half the app's rate, ms",
        "server, µs a request",
        "both mysqlds, µs a request",
        "load generator, µs a request",
        "memory, MiB",
        "not 200",
    ];
    format!("{}\n{}", table(&head, &rows), by_connections(results))
}

fn contender_row(contender: &Contender, results: &Results) -> String {
    let rates: Vec<_> = contender.rounds.iter().map(|turn| turn.per_second).collect();
    let ratio = Sample::ratios(&rates, &results.limit.rounds).to_string();
    let p50 = |turn: &Turn| turn.latencies.percentile(50);
    let median = |sample: Sample| short(sample.median());
    let latencies = |p50: Sample, p99: Sample| format!("{} / {}", median(p50), median(p99));
    row(&[
        contender.name,
        &contender.per_second().to_string(),
        &ratio,
        &latencies(contender.of_rounds(p50), contender.of_rounds(Turn::p99)),
        &latencies(contender.of_paced(p50), contender.of_paced(Turn::p99)),
        &median(contender.of_rounds(|turn| turn.server)),
        &median(contender.of_rounds(|turn| turn.mysqld)),
        &median(contender.of_rounds(|turn| turn.generator)),
        &median(contender.of_rounds(|turn| turn.memory)),
        &format!("{:.1} %", contender.of_rounds(|turn| turn.failed_share).most() * 100.0),
    ])
}

/// Requests a second by the number of connections: the figures of the plot, and refusals.
fn by_connections(results: &Results) -> String {
    let mut columns: Vec<_> =
        results.curve(0).iter().map(|(connections, _)| *connections).collect();
    columns.dedup();
    let mut rows = vec![curve_row("mysqlslap", &results.limit_curve(), &[], &columns)];
    for (number, contender) in results.servers.iter().enumerate() {
        let (curve, turns) = (results.curve(number), &contender.by_connections);
        rows.push(curve_row(contender.name, &curve, turns, &columns));
    }
    let head = columns.iter().map(|connections| format!("{connections}")).collect::<Vec<_>>();
    let head: Vec<_> = ["requests/s by number of connections"]
        .into_iter()
        .chain(head.iter().map(String::as_str))
        .collect();
    table(&head, &rows)
}

/// One server's row, with the share of refused requests.
fn curve_row(
    name: &str,
    curve: &[(usize, f64)],
    turns: &[(usize, Turn)],
    columns: &[usize],
) -> String {
    let at = |connections: &usize| {
        let point = curve.iter().find(|(with, _)| with == connections);
        let rate = point.map_or("–".to_owned(), |(_, rate)| short(*rate));
        let turn = turns.iter().find(|(with, _)| with == connections);
        match turn.map(|(_, turn)| turn.failed_share * 100.0) {
            Some(failed) if failed >= 0.05 => format!("{rate}, {failed:.1} % refused"),
            _ => rate,
        }
    };
    let cells: Vec<_> = [name.to_owned()].into_iter().chain(columns.iter().map(at)).collect();
    row(&cells.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A row of a table in Markdown.
pub(crate) fn row(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.trim().replace('|', r"\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A table in Markdown: the first column is text, the others are figures.
pub(crate) fn table(head: &[&str], rows: &[String]) -> String {
    let rule = format!("|---|{}\n", "--:|".repeat(head.len().saturating_sub(1)));
    format!("{}{rule}{}", row(head), rows.concat())
}

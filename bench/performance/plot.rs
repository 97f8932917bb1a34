//! The plot: requests a second by the number of connections, in colours for light and for dark pages.

use std::fmt::Write as _;

use crate::{contest::Results, statistics::short};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;

/// Width and height of a panel between its axes, in pixels.
const PANEL: (f64, f64) = (340.0, 230.0);
const TOP: f64 = 56.0;
const LEFT: [f64; 2] = [66.0, 492.0];

/// The number of horizontal grid lines above the axis.
const STEPS: u32 = 4;

/// The lines differ in lightness, and mysqlslap's is dashed, so a reader can tell them apart without colours.
const STYLE: &str = "<style>
  svg { --card: #ffffff; --text: #24292f; --quiet: #57606a; --grid: #d8dee4;
        --app: #0550ae; --c1: #0f7b6c; --c2: #8250df; --c3: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    svg { --card: #161b22; --text: #e6edf3; --quiet: #9198a1; --grid: #30363d;
          --app: #79c0ff; --c1: #56d4b8; --c2: #d2a8ff; --c3: #ffa657; }
  }
  text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .quiet { fill: var(--quiet); }
  .title { font-weight: 600; font-size: 14px; }
  .grid { stroke: var(--grid); }
  .line { fill: none; stroke-width: 2; }
  .limit { stroke: var(--quiet); stroke-dasharray: 5 4; }
  .s0 { stroke: var(--app); stroke-width: 3.5; }
  .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); }
  .s4 { stroke: var(--c1); stroke-dasharray: 2 3; } .s5 { stroke: var(--c2); stroke-dasharray: 2 3; }
</style>
";

/// A line of the plot: its style, its name, and its points.
type Line = (String, String, Vec<(usize, f64)>);

/// The plot of two contests side by side.
pub(crate) fn svg(panels: [(&str, &Results); 2]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n\
         <title>Requests a second by the number of connections</title>\n{STYLE}\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\" style=\"fill: var(--card)\"/>\n"
    );
    for ((title, results), left) in panels.into_iter().zip(LEFT) {
        let lines = results.lines();
        svg += &panel(title, left, &lines);
    }
    let names = panels[0].1.lines().into_iter().zip(panels[1].1.lines());
    svg += &legend(&names.map(|(one, other)| named(one, &other.1)).collect::<Vec<_>>());
    svg + "</svg>\n"
}

/// The app has another name in each panel.
fn named((style, name, _): Line, other: &str) -> (String, String) {
    let name = if name == other { name } else { format!("{name}, {other}") };
    (style, name)
}

impl Results {
    fn lines(&self) -> Vec<Line> {
        let limit = ("limit".to_owned(), "mysqlslap".to_owned(), self.limit_curve());
        let servers = self.servers.iter().enumerate();
        let servers = servers.map(|(number, server)| {
            (format!("s{number}"), server.name.to_owned(), self.curve(number))
        });
        std::iter::once(limit).chain(servers).collect()
    }
}

fn panel(title: &str, left: f64, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|(_, _, points)| points);
    let most = ceiling(points().map(|(_, rate)| *rate).fold(1.0, f64::max));
    let widest = points().map(|(connections, _)| *connections).max().unwrap_or(1).max(2);
    let x =
        |connections: usize| left + (connections as f64).log2() / (widest as f64).log2() * PANEL.0;
    let y = |rate: f64| TOP + PANEL.1 * (1.0 - rate / most);
    let mut panel = text(left, TOP - 26.0, "title", "start", title);
    panel += &text(left, TOP - 10.0, "quiet", "start", "requests a second");
    for step in 0..=STEPS {
        let rate = most * f64::from(step) / f64::from(STEPS);
        let (y, right) = (y(rate), left + PANEL.0);
        _ = writeln!(panel, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
        panel += &text(left - 8.0, y + 4.0, "quiet", "end", &short(rate).replace(".00", ""));
    }
    let mut ticks: Vec<_> = points().map(|(connections, _)| *connections).collect();
    ticks.sort_unstable();
    ticks.dedup();
    for tick in ticks {
        panel += &text(x(tick), TOP + PANEL.1 + 18.0, "quiet", "middle", &tick.to_string());
    }
    panel += &text(left + PANEL.0 / 2.0, TOP + PANEL.1 + 36.0, "quiet", "middle", "connections");
    for (style, _, points) in lines {
        let points = points
            .iter()
            .map(|(connections, rate)| format!("{:.1},{:.1}", x(*connections), y(*rate)));
        let points = points.collect::<Vec<_>>().join(" ");
        _ = writeln!(panel, "<polyline class=\"line {style}\" points=\"{points}\"/>");
    }
    panel
}

/// The next round number, for the end of an axis.
fn ceiling(most: f64) -> f64 {
    let power = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= most);
    step.unwrap_or(10.0) * power
}

fn legend(names: &[(String, String)]) -> String {
    let mut legend = String::new();
    let (mut left, mut y) = (LEFT[0], HEIGHT - 42.0);
    for (style, name) in names {
        let width = 36.0 + name.len() as f64 * 6.6;
        if left + width > WIDTH {
            (left, y) = (LEFT[0], y + 20.0);
        }
        let right = left + 28.0;
        _ = writeln!(
            legend,
            "<path class=\"line {style}\" d=\"M{left:.0} {:.0}H{right:.0}\"/>",
            y - 4.0
        );
        legend += &text(right + 8.0, y, "", "start", name);
        left = right + width;
    }
    legend
}

fn text(x: f64, y: f64, class: &str, anchor: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>\n"
    )
}

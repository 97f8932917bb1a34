//! Where the instructions of a request go: by function, and by layer.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use anyhow::Context as _;
use bench::Section;

use crate::layers;

/// How many functions are printed for each handler.
const FUNCTIONS: usize = 25;

/// Where the page's table stands.
const SECTION: Section = Section {
    begin: "<!-- `cargo instructions -- --profile` writes this table. -->",
    end: "<!-- The end of that table. -->",
};

/// The instructions of each function, without those of the functions that it calls.
#[derive(Default)]
pub(crate) struct Profile(BTreeMap<String, f64>);

impl Profile {
    /// Reads what callgrind writes: <https://valgrind.org/docs/manual/cl-format.html>.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let (mut profile, mut names, mut function) = (Self::default(), HashMap::new(), "");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = named(name, &mut names);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                named(name, &mut names);
            } else if line.starts_with("calls=") {
                // The next line has what the called function and those below it take.
                lines.next();
            } else if line
                .starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            {
                let cost = line.split(' ').nth(1).with_context(|| line.to_owned())?;
                *profile.0.entry(function.to_owned()).or_default() += cost.parse::<f64>()?;
            }
        }
        Ok(profile)
    }

    pub(crate) fn total(&self) -> f64 {
        self.0.values().sum()
    }

    /// Subtracts `other`, multiplied by `times`.
    pub(crate) fn subtract(&mut self, other: &Self, times: f64) {
        for (function, cost) in &other.0 {
            *self.0.entry(function.clone()).or_default() -= cost * times;
        }
    }

    fn of_layer(&self, layer: &str) -> f64 {
        let of_layer = self.0.iter().filter(|(function, _)| layers::of(function) == layer);
        of_layer.map(|(_, cost)| cost).sum()
    }

    /// The functions that take the most, for each of so many requests.
    pub(crate) fn largest(&self, requests: u32) -> String {
        let mut functions: Vec<_> = self.0.iter().collect();
        functions.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let line = |(function, cost): (&String, &f64)| {
            let each = cost / f64::from(requests);
            format!("{each:>9.0}  {}: {function}\n", layers::of(function))
        };
        functions.into_iter().take(FUNCTIONS).map(line).collect()
    }
}

/// A name is written once, with a number, and is a number from then on.
fn named<'a>(name: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match name.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(name).copied().unwrap_or_default(),
    }
}

/// Writes the table into the page.
pub(crate) fn write(profiles: &[(&str, Profile)], requests: u32) -> anyhow::Result<()> {
    SECTION.write(&table(profiles, requests))
}

/// Thousands of instructions for each request, by layer and handler.
fn table(profiles: &[(&str, Profile)], requests: u32) -> String {
    let row = |name: &str, cell: &dyn Fn(&str, &Profile) -> String| {
        let cells = profiles.iter().map(|(handler, profile)| cell(handler, profile));
        format!("| {name} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let thousands = |cost: f64| format!("{:.1}", cost / f64::from(requests) / 1000.0);
    let rows = layers::all().into_iter().map(|layer| {
        row(layer, &|_, profile| {
            let (cost, all) = (profile.of_layer(layer), profile.total());
            format!("{} ({:.0} %)", thousands(cost), cost / all * 100.0)
        })
    });
    let head = row("thousands of instructions", &|handler, _| handler.to_owned());
    let rule = format!("|---|{}\n", "--:|".repeat(profiles.len()));
    let all = row("**all**", &|_, profile| thousands(profile.total()));
    [head, rule].into_iter().chain(rows).chain([all]).collect()
}

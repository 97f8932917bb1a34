//! The machine of the measurement, without its name and paths, which mean nothing to other people.

use std::{fs, process::Command};

use crate::{
    report::{row, table},
    setup::Setup,
};

/// Programs whose versions matter, and how to ask for the version.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("Rust", "rustc", "--version"),
    ("Go", "go", "version"),
    ("Node", "node", "--version"),
    ("Python", "python3", "--version"),
];

/// The load average. Call it before the benchmark loads the machine.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// The table of facts.
pub(crate) async fn facts(setup: &Setup, load_before: &str) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?.to_string();
    let mysql = setup.primary("SELECT VERSION()").await?;
    // After the number comes the name of a build, which is left out.
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut rows = vec![
        row(&["processor", &value("/proc/cpuinfo", "model name")]),
        row(&["cores, for everything", &cores]),
        row(&["memory", &value("/proc/meminfo", "MemTotal")]),
        row(&["Linux", kernel.split('-').next().unwrap_or_default()]),
        row(&["load average before the run", load_before]),
        row(&["MySQL", &mysql]),
    ];
    rows.extend(PROGRAMS.iter().filter_map(|(name, program, argument)| {
        let output = Command::new(program).arg(argument).output().ok()?;
        Some(row(&[name, String::from_utf8_lossy(&output.stdout).trim()]))
    }));
    Ok(table(&["", ""], &rows))
}

fn value(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_once(':'))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

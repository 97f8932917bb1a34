//! What each scenario measured: a row of one table, printed and kept in a file.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The row of one scenario.
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) failed_reads: usize,
    pub(crate) longest_read_outage: Duration,
    pub(crate) longest_write_outage: Duration,
    pub(crate) time_to_heal: Duration,
}

impl Row {
    /// Prints the row, and keeps it as `figures/<scenario>.md` in the folder for tests' files.
    pub(crate) fn keep(&self) {
        let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
        let row = format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.scenario,
            self.acknowledged,
            self.lost,
            self.failed_reads,
            seconds(self.longest_read_outage),
            seconds(self.longest_write_outage),
            seconds(self.time_to_heal),
        );
        println!("figure: {row}");
        let file = folder().join(self.scenario.replace(' ', "-")).with_added_extension("md");
        fs::create_dir_all(folder()).unwrap();
        fs::write(file, row + "\n").unwrap();
    }
}

/// Deletes the rows of earlier runs, and writes the head of the table, which sorts before its rows.
pub(crate) fn begin_table() {
    let _ = fs::remove_dir_all(folder());
    fs::create_dir_all(folder()).unwrap();
    let head = "| scenario | writes acknowledged | lost | failed reads | longest read outage \
                | longest write outage | time to heal |\n|---|--:|--:|--:|--:|--:|--:|\n";
    fs::write(folder().join("0.md"), head).unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures")
}

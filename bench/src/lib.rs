//! What both benchmarks share: `docs/performance.md`, of which each writes a part.
//!
//! - `performance`: `cargo bench -p bench` compares both apps with MySQL itself and with peers. With `-- --on-cluster`, it
//!   measures what more pods are good for.
//! - `instructions`: `cargo instructions` counts the instructions of a request.
//! - `peers`: the same two endpoints in other languages.

use std::fs;

use anyhow::Context as _;

/// The page, in the folder of the sources.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");

/// Lines of the page, between which a command writes.
#[derive(Debug)]
pub struct Section {
    /// The line before. It names the command.
    pub begin: &'static str,
    /// The line after.
    pub end: &'static str,
}

impl Section {
    /// Replaces what stands between the lines.
    ///
    /// # Errors
    ///
    /// If the page cannot be read or written, or lacks one of the lines.
    pub fn write(&self, text: &str) -> anyhow::Result<()> {
        let page = fs::read_to_string(PAGE).context(PAGE)?;
        let (before, rest) = page.split_once(self.begin).context(self.begin)?;
        let (_, after) = rest.split_once(self.end).context(self.end)?;
        let (begin, end) = (self.begin, self.end);
        Ok(fs::write(PAGE, format!("{before}{begin}\n\n{text}\n{end}{after}"))?)
    }
}

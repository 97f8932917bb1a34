//! Where log lines go: standard output, as text for a person at a terminal and as JSON otherwise,
//! a line an event, so that a cluster's log collector can read them.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Sends this process's log lines to standard output; the filter says which.
pub fn start(filter: EnvFilter) {
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    if std::io::stdout().is_terminal() {
        lines.init();
    } else {
        lines.json().flatten_event(true).init();
    }
}

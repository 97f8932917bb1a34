//! Where log lines go: standard output, as text for a person at a terminal and as JSON otherwise,
//! a line an event, so that a cluster's log collector can read them.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Sends this process's log lines to standard output. `RUST_LOG` says which; the default is `info`.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    if std::io::stdout().is_terminal() {
        lines.init();
    } else {
        lines.json().flatten_event(true).init();
    }
}

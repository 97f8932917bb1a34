//! What write-app counts besides requests and queries.

use app_core::http::metrics::Metrics;
use prometheus::IntCounterVec;

use crate::db::{Primary, Registered};

/// Registrations, by whether a replica acknowledged the commit.
#[derive(Clone)]
pub(crate) struct Registrations(IntCounterVec);

impl Registrations {
    const LABELS: [(Option<bool>, &str); 3] =
        [(Some(true), "yes"), (Some(false), "no"), (None, "unknown")];

    /// Counts a registration. A repeated one was counted the first time.
    pub(crate) fn count(&self, registered: &Registered) {
        if registered.repeated {
            return;
        }
        let acknowledged = registered.acknowledged;
        let label =
            Self::LABELS.iter().find(|(value, _)| *value == acknowledged).map(|(_, label)| *label);
        self.0.with_label_values(&[label.unwrap_or_default()]).inc();
    }
}

/// Adds the counter of registrations, and the state of the pool.
pub(crate) fn add(metrics: &Metrics, primary: &Primary) -> anyhow::Result<Registrations> {
    let primary = primary.clone();
    metrics.pools(move || vec![primary.pool_status()])?;
    let help =
        "Users registered, by whether a replica acknowledged the commit before it was answered";
    let registrations = metrics.counter("registrations_total", help, &["acknowledged"])?;
    for (_, label) in Registrations::LABELS {
        registrations.with_label_values(&[label]);
    }
    Ok(Registrations(registrations))
}

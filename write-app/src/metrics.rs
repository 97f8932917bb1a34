//! What is counted and measured here, besides requests and queries.

use app_core::http::metrics::Metrics;
use prometheus::IntCounterVec;

use crate::db::{Primary, Registered};

/// The registrations, by whether a replica had stored them before they were answered.
#[derive(Clone)]
pub(crate) struct Registrations(IntCounterVec);

impl Registrations {
    const BY: [(Option<bool>, &str); 3] =
        [(Some(true), "yes"), (Some(false), "no"), (None, "unknown")];

    /// One more, unless an earlier attempt was counted.
    pub(crate) fn count(&self, registered: &Registered) {
        if registered.is_repeated {
            return;
        }
        let acknowledged = registered.commit.acknowledged;
        let label = Self::BY.iter().find(|(by, _)| *by == acknowledged).map(|(_, label)| *label);
        self.0.with_label_values(&[label.unwrap_or_default()]).inc();
    }
}

/// Adds them, and the pool.
pub(crate) fn add(metrics: &Metrics, primary: &Primary) -> anyhow::Result<Registrations> {
    let primary = primary.clone();
    metrics.pools(move || vec![primary.pool()])?;
    let help =
        "Users registered, by whether a replica acknowledged the commit before it was answered";
    let registrations = metrics.counter("registrations_total", help, &["acknowledged"])?;
    for (_, label) in Registrations::BY {
        registrations.with_label_values(&[label]);
    }
    Ok(Registrations(registrations))
}

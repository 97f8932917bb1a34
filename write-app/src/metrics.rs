//! What write-app counts besides requests and queries.

use app_core::http::metrics::Metrics;
use prometheus::IntCounterVec;

use crate::db::{Primary, Registered};

/// Registrations, by whether a replica acknowledged the commit.
#[derive(Clone)]
pub(crate) struct Registrations(IntCounterVec);

impl Registrations {
    /// Counts a registration. A repeated one was counted the first time.
    pub(crate) fn count(&self, registered: &Registered) {
        if registered.repeated {
            return;
        }
        let acknowledged = match registered.acknowledged {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        self.0.with_label_values(&[acknowledged]).inc();
    }
}

/// Adds the counter of registrations, and the state of the pool.
pub(crate) fn add(metrics: &Metrics, primary: &Primary) -> anyhow::Result<Registrations> {
    let primary = primary.clone();
    metrics.pools(move || vec![primary.pool_status()])?;
    let help =
        "Users registered, by whether a replica acknowledged the commit before it was answered";
    let registrations = metrics.counter("registrations_total", help, &["acknowledged"])?;
    // Each series begins at zero.
    for acknowledged in ["yes", "no", "unknown"] {
        registrations.with_label_values(&[acknowledged]);
    }
    Ok(Registrations(registrations))
}

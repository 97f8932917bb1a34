//! What this app measures besides requests and queries: the pools, and the pods as their watchers see them when
//! Prometheus asks.

use app_core::http::metrics::{Metrics, gauge, pod_label};

use crate::{
    db::Role,
    routing::{Reads, headless::Pod, watch::State},
};

/// Adds the pools, the pods and their lag.
pub(crate) fn add(metrics: &Metrics, reads: &Reads) -> anyhow::Result<()> {
    let pools = reads.clone();
    metrics.pools(move || pools.pools())?;
    let answers = gauge(
        "database_pod_answers",
        "1 where the pod answers its watcher, 0 where it does not; server is its address",
        &["pod", "server"],
    )?;
    let lag = gauge(
        "database_replication_lag_seconds",
        "By how much time the pod is behind the primary, at least, while both answer",
        &["pod", "role"],
    )?;
    let reads = reads.clone();
    metrics.gauges([answers, lag], move |[answers, lag]| {
        for Pod { name, address, state, .. } in reads.headless().pods() {
            let pod = pod_label(name.as_ref());
            let is_there = matches!(state, State::Answers { .. });
            let server = address.ip().to_string();
            answers.with_label_values(&[&pod, &server]).set(f64::from(u8::from(is_there)));
            let State::Answers { role, lag: behind } = state else { continue };
            let seconds = match (role, behind) {
                (Role::Primary, _) => 0.0,
                (Role::Replica, Some(behind)) => behind.time.as_secs_f64(),
                // No primary is seen that it could be behind.
                (Role::Replica, None) => continue,
            };
            lag.with_label_values(&[pod.as_str(), role.name()]).set(seconds);
        }
    })?;
    Ok(())
}

//! A fault under traffic, from its beginning until all is healed.

use std::time::{Duration, Instant};

use crate::{
    figures::Row,
    kubectl::{until, wait_for_ready_pods},
    nothing_lost::{lost, wait_until_replicated},
    traffic::{Load, Traffic},
};

/// A fault that happens while clients register and read.
pub(crate) struct Scenario {
    name: &'static str,
    traffic: Traffic,
    fault: Instant,
}

/// What the clients met meanwhile.
pub(crate) struct Outcome {
    pub(crate) failed_reads: usize,
    pub(crate) failed_writes: usize,
    /// What the refusals were, for the message of an assertion.
    pub(crate) refused_writes: String,
    pub(crate) refused_reads: String,
}

impl Outcome {
    /// Every read was served.
    pub(crate) fn assert_reads_went_on(&self) {
        assert_eq!(self.failed_reads, 0, "{}", self.refused_reads);
    }

    /// Every read and every registration was served.
    pub(crate) fn assert_no_request_failed(&self) {
        self.assert_reads_went_on();
        self.assert_writes_went_on();
    }

    /// Every registration was served.
    pub(crate) fn assert_writes_went_on(&self) {
        assert_eq!(self.failed_writes, 0, "{}", self.refused_writes);
    }
}

impl Scenario {
    /// Starts the traffic. The fault begins when this returns.
    pub(crate) fn begin(name: &'static str) -> Self {
        Self::of(name, Traffic::start())
    }

    /// The same with more clients, or fewer.
    pub(crate) fn begin_with(name: &'static str, load: Load) -> Self {
        Self::of(name, Traffic::start_with(load))
    }

    fn of(name: &'static str, traffic: Traffic) -> Self {
        Self { name, traffic, fault: Instant::now() }
    }

    /// The traffic, to look at while it goes on.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Waits for a registration that took at least so long, and says how long it took.
    pub(crate) fn wait_for_slow_write(&self, at_least: Duration) -> Duration {
        let slow = || {
            let slowest = self.traffic.writes().slowest();
            if slowest >= at_least { Ok(slowest) } else { Err(format!("{slowest:?} at most")) }
        };
        until(&format!("a registration that takes {at_least:?}"), slow).0
    }

    /// The fault is over. Waits until this many pods are ready and alike and both apps serve, stops
    /// the traffic, and shows that nothing was lost.
    pub(crate) fn heal(self, pods: usize) -> Outcome {
        wait_for_ready_pods(pods);
        wait_until_replicated();
        self.traffic.wait_until_served();
        let time_to_heal = self.fault.elapsed();
        let (writes, reads) = self.traffic.stop();
        let acknowledged = writes.acknowledged();
        let lost = lost(&acknowledged);
        let row = Row {
            scenario: self.name,
            acknowledged: acknowledged.len(),
            lost: lost.len(),
            failed_reads: reads.failed(),
            longest_read_outage: reads.longest_outage(),
            longest_write_outage: writes.longest_outage(),
            time_to_heal,
        };
        row.keep();
        let (refused_writes, refused_reads) = (writes.failures(), reads.failures());
        println!("{}: writes refused: {refused_writes}; reads: {refused_reads}", self.name);
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        Outcome {
            failed_reads: row.failed_reads,
            failed_writes: writes.failed(),
            refused_writes,
            refused_reads,
        }
    }
}

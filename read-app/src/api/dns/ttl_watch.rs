//! Whether the cluster's DNS answers from a cache: the TTLs of its answers tell. A cache counts them down, and an
//! answer that is new has the whole TTL. So one answer says nothing, and several do.
//!
//! CoreDNS's cache can be told to hide it, by the option `keepttl`. kubeadm and k3s do not set that.

use std::time::{Duration, Instant};

/// For how long the TTL must stay the same until the answers count as new.
const STEADY: Duration = Duration::from_secs(4);

/// Answers that are further apart say nothing when they have the same TTL. A cache may have been filled anew between
/// them. Also, two DNS servers may take turns, each with a cache of another age. Their TTLs can be the same at two
/// moments, but not all the time.
const GAP: Duration = Duration::from_secs(2);

/// The TTLs of one name's answers.
#[derive(Default)]
pub(super) struct TtlWatch {
    last: Option<Seen>,
    is_cached: Option<bool>,
}

/// The last answer.
struct Seen {
    ttl: u32,
    at: Instant,
    /// Since when the answers have had this TTL.
    since: Instant,
}

impl TtlWatch {
    /// Notes the TTL of an answer.
    pub(super) fn note(&mut self, ttl: u32, at: Instant) {
        let mut since = at;
        if let Some(last) = &self.last {
            if last.ttl != ttl {
                self.is_cached = Some(true);
            } else if at.duration_since(last.at) <= GAP {
                since = last.since;
            }
        }
        if at.duration_since(since) >= STEADY {
            self.is_cached = Some(false);
        }
        self.last = Some(Seen { ttl, at, since });
    }

    /// Whether the answers come from a cache. None while too few are known.
    pub(super) fn is_cached(&self) -> Option<bool> {
        self.is_cached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the answers tell in the end: each with its TTL, and after how many tenths of a second it came.
    fn told(answers: impl IntoIterator<Item = (u32, u64)>) -> Option<bool> {
        let start = Instant::now();
        let mut watch = TtlWatch::default();
        for (ttl, tenths) in answers {
            watch.note(ttl, start + Duration::from_millis(100 * tenths));
        }
        watch.is_cached()
    }

    #[test]
    fn one_answer_tells_nothing() {
        assert_eq!(told([]), None);
        assert_eq!(told([(30, 0)]), None);
    }

    #[test]
    fn a_ttl_that_stays_the_same_for_some_seconds_is_that_of_new_answers() {
        assert_eq!(told((0..=39).map(|tenths| (30, tenths))), None);
        assert_eq!(told((0..=40).map(|tenths| (30, tenths))), Some(false));
        assert_eq!(told([(30, 0), (30, 40)]), None, "a cache may have been filled anew");
    }

    #[test]
    fn a_ttl_that_counts_down_is_that_of_a_cache() {
        assert_eq!(told([(30, 0), (29, 10)]), Some(true));
        assert_eq!(told([(1, 0), (30, 100), (30, 105)]), Some(true), "filled anew");
    }

    #[test]
    fn what_was_told_holds_until_answers_tell_otherwise() {
        let steady = (0..=40).map(|tenths| (30, tenths));
        assert_eq!(told(steady.clone().chain([(30, 900)])), Some(false));
        assert_eq!(told(steady.clone().chain([(29, 900)])), Some(true));
        let counting = [(29, 0), (28, 10)];
        let later = steady.map(|(ttl, tenths)| (ttl, 100 + tenths));
        assert_eq!(told(counting.into_iter().chain(later)), Some(false), "it was switched off");
    }

    #[test]
    fn two_caches_of_different_age_are_not_taken_for_new_answers() {
        for age in 0..30 {
            let ttl = |tenths: u64| 30 - (tenths / 10 + age * (tenths / 7 % 2)) % 30;
            let answers = (0..=50).map(|tenths| (u32::try_from(ttl(tenths)).unwrap(), tenths));
            assert_eq!(told(answers), Some(true), "{age}");
        }
    }
}

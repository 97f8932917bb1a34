//! The cache of a cluster's DNS server. It repeats an answer until its time is over, also "there is no such name", as
//! CoreDNS does with its plugin `cache`: <https://coredns.io/plugins/cache/>. Whether a cluster has such a cache depends
//! on who set it up: docs/lessons/4-discovery.md.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use hickory_server::proto::rr::{Name, RecordType};

use crate::dns_answers::Answer;

/// Seconds for which a client may keep an answer of a server that has no cache: the TTL of CoreDNS as kubeadm installs
/// it.
const TTL: u32 = 30;

/// The cache, which is off at first. A clone shares it.
#[derive(Clone, Default)]
pub(crate) struct DnsCache(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    seconds: Option<u32>,
    answers: HashMap<(Name, RecordType), (Instant, Answer)>,
}

impl DnsCache {
    /// From now on it keeps an answer for so many seconds, or none at all. It forgets what it has.
    pub(crate) fn keep_for(&self, seconds: Option<u32>) {
        *self.kept() = Kept { seconds: seconds.filter(|seconds| *seconds > 0), ..Kept::default() };
    }

    /// For how many seconds it keeps an answer.
    pub(crate) fn seconds(&self) -> Option<u32> {
        self.kept().seconds
    }

    /// The answer that it has kept, with the time that is left, or else a new one. `ask` gets the TTL of a new answer.
    pub(crate) fn answer(
        &self,
        question: (Name, RecordType),
        now: Instant,
        ask: impl FnOnce(u32) -> Answer,
    ) -> Answer {
        let mut kept = self.kept();
        let Some(seconds) = kept.seconds else { return ask(TTL) };
        // CoreDNS counts whole seconds too.
        let age = |since: &Instant| u32::try_from(now.duration_since(*since).as_secs());
        let left = |since: &Instant| seconds.saturating_sub(age(since).unwrap_or(u32::MAX));
        kept.answers.retain(|_, (since, _)| left(since) > 0);
        if let Some((since, answer)) = kept.answers.get(&question) {
            return answer.with_ttl(left(since));
        }
        let answer = ask(seconds);
        kept.answers.insert(question, (now, answer.clone()));
        answer
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use std::{net::Ipv4Addr, time::Duration};

    use hickory_server::proto::{
        op::ResponseCode,
        rr::{RData, Record, rdata::A},
    };

    use super::*;

    /// An answer with one address, or that there is none.
    fn fresh(last: Option<u8>, ttl: u32) -> Answer {
        let data = RData::A(A(Ipv4Addr::new(127, 9, 9, last.unwrap_or_default())));
        let record = Record::from_rdata(Name::root(), ttl, data);
        match last {
            Some(_) => Answer::Records(vec![record]),
            None => Answer::Nothing(ResponseCode::NXDomain, record.into()),
        }
    }

    /// What the cache says after so many seconds, while the server behind it would say `last`: an address, and the TTL.
    fn said(cache: &DnsCache, start: Instant, seconds: f64, last: Option<u8>) -> (Option<u8>, u32) {
        let name = Name::from_ascii("mysql-0.mysql.").unwrap();
        let now = start + Duration::from_secs_f64(seconds);
        match cache.answer((name, RecordType::A), now, |ttl| fresh(last, ttl)) {
            Answer::Records(records) => match records[0].data {
                RData::A(address) => (Some(address.0.octets()[3]), records[0].ttl),
                _ => unreachable!(),
            },
            Answer::Nothing(_, soa) => (None, soa.ttl),
            Answer::Refusal(_) | Answer::Silence => unreachable!(),
        }
    }

    #[test]
    fn without_a_cache_each_answer_is_new_and_has_the_full_ttl() {
        let (cache, start) = (DnsCache::default(), Instant::now());
        for (seconds, there) in [(0.0, Some(1)), (0.1, None), (0.2, Some(2)), (0.3, Some(3))] {
            assert_eq!(said(&cache, start, seconds, there), (there, 30));
        }
    }

    #[test]
    fn an_answer_and_a_missing_name_are_repeated_until_their_time_is_over_and_the_ttl_counts_down()
    {
        for (keep, story) in [
            (30, [(0.0, 30), (0.9, 30), (7.5, 23), (29.9, 1)]),
            (5, [(0.0, 5), (1.0, 4), (3.2, 2), (4.99, 1)]),
        ] {
            for (first, then) in [(Some(1), Some(2)), (Some(1), None), (None, Some(2))] {
                let (cache, start) = (DnsCache::default(), Instant::now());
                cache.keep_for(Some(keep));
                assert_eq!(said(&cache, start, 0.0, first), (first, keep));
                for (seconds, ttl) in story {
                    assert_eq!(said(&cache, start, seconds, then), (first, ttl), "{seconds} s");
                }
                assert_eq!(said(&cache, start, keep.into(), then), (then, keep));
            }
        }
    }

    #[test]
    fn a_cache_that_is_set_anew_has_forgotten_what_it_had() {
        let (cache, start) = (DnsCache::default(), Instant::now());
        cache.keep_for(Some(30));
        assert_eq!(said(&cache, start, 0.0, Some(1)), (Some(1), 30));
        for (seconds, ttl) in [(Some(5), 5), (None, 30), (Some(0), 30), (Some(30), 30)] {
            cache.keep_for(seconds);
            assert_eq!(said(&cache, start, 1.0, Some(2)), (Some(2), ttl));
        }
    }
}

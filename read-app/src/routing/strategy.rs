//! Picking one of several pods, as a client of a headless Service must.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::atomic::{AtomicUsize, Ordering},
};

use rand::seq::IteratorRandom as _;

use crate::routing::mode::Strategy;

/// What a strategy knows of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The pod's name, or its address as long as no server has told its name.
    pub(crate) name: String,
    /// How many reads wait for its answer.
    pub(crate) in_flight: usize,
}

/// Picks pods, and remembers whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Picker {
    turn: AtomicUsize,
}

impl Picker {
    /// The index of the picked one of `count` candidates. None where there are none.
    ///
    /// Candidates come in the order of their addresses each time, or round-robin means nothing.
    pub(crate) fn pick(
        &self,
        strategy: Strategy,
        count: usize,
        candidate: impl Fn(usize) -> Candidate,
        user: &str,
    ) -> Option<usize> {
        let indices = 0..count;
        match strategy {
            Strategy::RoundRobin => {
                // The turn wraps in the end.
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                turn.checked_rem(count)
            }
            Strategy::Random => indices.choose(&mut rand::rng()),
            Strategy::LeastConnections => {
                let in_flight: Vec<_> = indices.clone().map(|at| candidate(at).in_flight).collect();
                let least = in_flight.iter().min()?;
                // Any among equals: always the first would make the others idle.
                indices.filter(|at| in_flight[*at] == *least).choose(&mut rand::rng())
            }
            Strategy::Sticky => indices.max_by_key(|at| weight(user, &candidate(*at).name)),
        }
    }
}

/// Highest random weight: a hash of the user and the pod ranks all pods for each user, who gets the first. When
/// a pod goes, only its users move. <https://en.wikipedia.org/wiki/Rendezvous_hashing>
fn weight(user: &str, pod: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, pod).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(in_flight: &[usize]) -> Vec<Candidate> {
        let candidate = |(ordinal, in_flight): (usize, &usize)| Candidate {
            name: format!("mysql-{ordinal}"),
            in_flight: *in_flight,
        };
        in_flight.iter().enumerate().map(candidate).collect()
    }

    fn pick(
        picker: &Picker,
        strategy: Strategy,
        candidates: &[Candidate],
        user: &str,
    ) -> Option<usize> {
        picker.pick(strategy, candidates.len(), |at| candidates[at].clone(), user)
    }

    fn counts(strategy: Strategy, candidates: &[Candidate], queries: u32) -> Vec<u32> {
        let picker = Picker::default();
        let mut counts = vec![0; candidates.len()];
        for _ in 0..queries {
            counts[pick(&picker, strategy, candidates, "ada").unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn none_is_picked_where_there_is_none() {
        for strategy in Strategy::ALL {
            assert_eq!(pick(&Picker::default(), strategy, &[], "ada"), None);
        }
    }

    #[test]
    fn round_robin_is_even_to_one_query() {
        assert_eq!(counts(Strategy::RoundRobin, &pods(&[0, 5, 9]), 3000), [1000, 1000, 1000]);
    }

    #[test]
    fn the_pod_with_the_fewest_reads_in_flight_is_picked_and_equals_share() {
        assert_eq!(counts(Strategy::LeastConnections, &pods(&[3, 1, 2]), 100), [0, 100, 0]);
        let [first, second] = counts(Strategy::LeastConnections, &pods(&[1, 1]), 1000)[..] else {
            panic!("two pods");
        };
        assert!(first > 300 && second > 300, "{first} and {second}");
    }

    #[test]
    fn a_user_stays_with_a_pod_and_only_the_users_of_a_lost_pod_move() {
        let picker = Picker::default();
        let three = pods(&[0, 0, 0]);
        let two = &three[..2];
        let mut moved = 0;
        for user in (0..300).map(|number| format!("user {number}")) {
            let before = pick(&picker, Strategy::Sticky, &three, &user).unwrap();
            let after = pick(&picker, Strategy::Sticky, two, &user).unwrap();
            assert!(before == 2 || before == after, "{user}: {before}, then {after}");
            moved += u32::from(before == 2);
        }
        assert!((50..150).contains(&moved), "{moved} of 300 users were on the third pod");
    }
}

//! The sentence under the dots: what has just happened in the chosen mode, and why.
//!
//! It is the lesson, so it must be true of these dots and not of dots in general.

use std::collections::BTreeSet;

use crate::{
    api::pods::PodView,
    page::dots::{Dot, Dots, Reason},
    routing::mode::{Mode, Strategy, Via, With},
};

/// Below this chance says little.
const FEW: usize = 20;

/// Where chance evens out.
const MANY: usize = 200;

/// For so many dots a pod that is gone is still news: two rows.
const RECENT: usize = 48;

/// What a sentence goes by.
pub(crate) struct Facts<'a> {
    pub(crate) mode: &'a Mode,
    pub(crate) dots: &'a Dots,
    pub(crate) pods: &'a [PodView],
    /// For how many more seconds the cluster's DNS keeps its answer for the headless name.
    pub(crate) headless_ttl: Option<u32>,
}

impl Facts<'_> {
    /// One or two sentences.
    pub(crate) fn sentence(&self) -> String {
        let Some(last) = self.dots.last() else {
            return "Ask, and a dot says which pod has answered.".to_owned();
        };
        if let Dot::Failed(reason) = last {
            return self.of_failure(reason);
        }
        if let Some(pod) = self.silent_pod() {
            return self.of_silent(pod);
        }
        self.lost_pod().map_or_else(|| self.of_mode(), |ordinal| self.of_lost(ordinal))
    }

    /// The share of queries that each answering pod is to get in the long run, from 0 to 1. Nothing is
    /// expected of a few.
    pub(crate) fn expected(&self, ordinal: u8) -> Option<f64> {
        let answers = self.pods.iter().any(|pod| pod.ordinal == ordinal && pod.answers());
        match (self.sticks(), self.last_pod()) {
            (true, Some(kept)) => Some(if kept == ordinal { 1.0 } else { 0.0 }),
            (true, None) => None,
            (false, _) if self.dots.answered() < FEW => None,
            (false, _) if answers => Some(1.0 / f64::from(u32::try_from(self.answering()).ok()?)),
            (false, _) => Some(0.0),
        }
    }

    /// How many pods answer now.
    fn answering(&self) -> usize {
        self.pods.iter().filter(|pod| pod.answers()).count()
    }

    /// Whether all queries are to go to one pod.
    fn sticks(&self) -> bool {
        match self.mode.via {
            Via::MysqlRead => self.mode.with == With::Pool,
            Via::Mysql => match self.mode.strategy {
                Strategy::Sticky => true,
                Strategy::RoundRobin | Strategy::Random | Strategy::LeastConnections => false,
            },
        }
    }

    /// The pod that answered last.
    fn last_pod(&self) -> Option<u8> {
        self.dots.iter().rev().find_map(|dot| dot.ordinal())
    }

    /// A pod that has answered some of these queries, and is silent now.
    fn silent_pod(&self) -> Option<&PodView> {
        let counts = self.dots.counts();
        self.pods.iter().find(|pod| {
            !pod.answers() && !pod.answers_elsewhere && counts.contains_key(&pod.ordinal)
        })
    }

    /// A pod that answered not long ago, and that DNS does not list any more.
    fn lost_pod(&self) -> Option<u8> {
        let recent = self.dots.iter().rev().take(RECENT);
        let is_listed = |ordinal| self.pods.iter().any(|pod| pod.ordinal == ordinal);
        let mut ordinals = recent.filter_map(|dot| dot.ordinal());
        if self.pods.is_empty() {
            return None;
        }
        ordinals.find(|ordinal| !is_listed(*ordinal))
    }

    fn of_failure(&self, reason: Reason) -> String {
        let lesson = match (reason, self.mode.via) {
            (Reason::Unreachable, Via::MysqlRead) => {
                " mysql-read keeps its address even while no pod is ready behind it."
            }
            (Reason::Unreachable, Via::Mysql) => {
                " A headless Service also names pods that are not ready."
            }
            (Reason::NoAddress, Via::Mysql) => {
                " A headless Service has no address of its own, only those of its pods."
            }
            _ => "",
        };
        format!("The last query failed: {}.{lesson}", reason.clause())
    }

    fn of_silent(&self, pod: &PodView) -> String {
        let name = &pod.name;
        match (self.mode.via, self.headless_ttl) {
            (Via::MysqlRead, _) => format!(
                "{name} does not answer. mysql-read sends it no new connection once the cluster has \
                 seen that it is not ready{}.",
                if self.dots.answered() == self.dots.len() {
                    ""
                } else {
                    "; attempts that met it before are crosses, and were made again"
                }
            ),
            (Via::Mysql, ttl) => format!(
                "{name} does not answer, and DNS still gives its address{}. Only the client can pass it \
                 over here, and this one does: it looks at each pod three times a second.",
                ttl.map_or_else(String::new, |ttl| format!(
                    "; that answer may be kept for {ttl} s more"
                ))
            ),
        }
    }

    fn of_lost(&self, ordinal: u8) -> String {
        match self.mode.via {
            Via::MysqlRead => format!(
                "mysql-{ordinal} is gone. mysql-read keeps its one address, and whoever opens a \
                 connection meets a pod that is left."
            ),
            Via::Mysql => format!(
                "mysql-{ordinal} has left the answer of DNS, so this client does not ask it any more: \
                 its dots are from before."
            ),
        }
    }

    fn of_mode(&self) -> String {
        match (self.mode.via, self.mode.with) {
            (Via::MysqlRead, With::New) => format!(
                "mysql-read is one address, and a pod is picked when a connection is opened. Here each \
                 query opens one, so {}",
                self.of_chance()
            ),
            (Via::MysqlRead, With::Pool) => self.of_pool(),
            (Via::Mysql, _) => self.of_strategy(),
        }
    }

    /// The end of a sentence on what chance did, with its full stop.
    fn of_chance(&self) -> String {
        let (total, pods, spread) = (self.dots.answered(), self.dots.counts(), self.spread());
        match (total, pods.first_key_value()) {
            (1, _) => "the next may meet another pod.".to_owned(),
            (..FEW, _) => {
                format!("chance decides: {total} queries are few, and at {MANY} it evens out.")
            }
            (_, Some((only, _))) if pods.len() == 1 => {
                let why =
                    if self.answering() == 1 { "no other answers." } else { "is no other ready?" };
                format!("chance decides, and yet all {total} met mysql-{only}: {why}")
            }
            (..MANY, _) => format!("chance decides: {spread}."),
            _ if self.is_even() => format!("chance decides, and by now it evens out: {spread}."),
            _ => format!("chance decides: {spread}; a pod may have come or gone meanwhile."),
        }
    }

    /// Whether chance alone would do this: no count further from the mean than three and a half
    /// standard deviations.
    fn is_even(&self) -> bool {
        let counts = self.dots.counts();
        let ordinals = self.pods.iter().filter(|pod| pod.answers()).map(|pod| pod.ordinal);
        let ordinals: BTreeSet<u8> = ordinals.chain(counts.keys().copied()).collect();
        let mean = self.dots.answered() as f64 / ordinals.len() as f64;
        let far = |ordinal| (counts.get(ordinal).map_or(0.0, |count| *count as f64) - mean).abs();
        ordinals.iter().all(|ordinal| far(ordinal) <= 3.5 * mean.sqrt())
    }

    /// Such as `mysql-0 answered 61 and mysql-1 70`; of many pods only the extremes.
    fn spread(&self) -> String {
        let counts = self.dots.counts();
        let parts: Vec<_> =
            counts.iter().map(|(ordinal, count)| format!("mysql-{ordinal} {count}")).collect();
        match (&parts[..], counts.values().min(), counts.values().max()) {
            ([one], ..) => one.replace(' ', " answered "),
            ([first, middle @ .., last], ..) if middle.len() < 2 => {
                let middle: String = middle.iter().map(|part| format!(", {part}")).collect();
                format!("{}{middle} and {last}", first.replace(' ', " answered "))
            }
            (parts, Some(least), Some(most)) => {
                format!("{} pods answered {least} to {most} each", parts.len())
            }
            _ => String::new(),
        }
    }

    fn of_pool(&self) -> String {
        let Some(pod) = self.last_pod() else { return String::new() };
        let run = self.dots.iter().rev().take_while(|dot| **dot == Dot::Pod(pod)).count();
        let moved = if self.dots.len() > run && run < FEW {
            " The connection before it ended, and the new one met whom it met."
        } else {
            ""
        };
        let last = if run == 1 { "The last query".to_owned() } else { format!("The last {run}") };
        format!(
            "{last} went to mysql-{pod}: mysql-read picked it when the pool's one connection was opened, \
             and an open connection never moves.{moved}"
        )
    }

    fn of_strategy(&self) -> String {
        match self.mode.strategy {
            Strategy::RoundRobin if self.dots.answered() < 2 => {
                "mysql gives all addresses, and this client takes them in turn: the next is another's."
                    .to_owned()
            }
            Strategy::RoundRobin => format!(
                "mysql gives all addresses, and this client takes them in turn: {}. {}",
                self.spread(),
                if self.has_a_pod_twice_running() {
                    "Where a pod comes twice running, somebody else took a turn, or a pod came or went."
                } else {
                    "Chance has no part in it."
                }
            ),
            Strategy::Random => format!(
                "mysql gives all addresses, and this client draws one for each query, so {}",
                self.of_chance()
            ),
            Strategy::LeastConnections => format!(
                "This client picks the pod with the fewest of its queries under way, so a slow pod gets \
                 fewer. Where all are equal, chance decides: {}.",
                self.spread()
            ),
            Strategy::Sticky => self.of_sticky(),
        }
    }

    /// Though others were there to take their turn.
    fn has_a_pod_twice_running(&self) -> bool {
        let answered: Vec<_> = self.dots.iter().filter(|dot| matches!(dot, Dot::Pod(_))).collect();
        self.dots.counts().len() > 1 && answered.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn of_sticky(&self) -> String {
        let Some(pod) = self.last_pod() else { return String::new() };
        let user = &self.mode.user;
        if user.is_empty() {
            return format!(
                "No user is named, so all queries count as one user's and go to mysql-{pod}. Type a \
                 name beside “sticky”: a hash of it and of each pod's name decides, so it may get another."
            );
        }
        if self.dots.counts().len() > 1 {
            return format!(
                "“{user}” gets mysql-{pod} now: a hash of the user and of each pod's name decides among \
                 the pods that answer. So a user moves only where a pod comes or goes."
            );
        }
        format!(
            "“{user}” always gets mysql-{pod}: a hash of the user and of each pod's name decides, so it \
             stays until that pod goes. Another user may get another pod."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{db::Role, routing::watch::State};

    fn pod(ordinal: u8, answers: bool) -> PodView {
        let role = if ordinal == 0 { Role::Primary } else { Role::Replica };
        let silent = State::Silent { since: std::time::Instant::now(), reason: String::new() };
        PodView {
            ordinal,
            name: format!("mysql-{ordinal}"),
            address: format!("192.0.2.{ordinal}"),
            state: if answers { State::Answers { role, lag: None } } else { silent },
            under_way: 0,
            answers_elsewhere: false,
        }
    }

    fn mode(via: Via, with: With, strategy: Strategy) -> Mode {
        Mode { via, with, strategy, user: "ada".to_owned() }
    }

    fn said(mode: &Mode, dots: &str, pods: &[PodView]) -> String {
        Facts { mode, dots: &Dots::read(dots), pods, headless_ttl: Some(24) }.sentence()
    }

    #[test]
    fn the_sentence_is_about_the_chosen_mode_and_these_dots() {
        let pods = [pod(0, true), pod(1, true)];
        let plain = Mode::default();
        let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
        let turns = mode(Via::Mysql, With::New, Strategy::RoundRobin);
        let sticky = mode(Via::Mysql, With::New, Strategy::Sticky);
        let nobody = Mode { user: String::new(), ..sticky.clone() };
        for (mode, dots, part) in [
            (&plain, "", "Ask"),
            (&plain, "01", "2 queries are few"),
            (&plain, &"01".repeat(15), "mysql-0 answered 15 and mysql-1 15"),
            (&plain, &"1".repeat(30), "all 30 met mysql-1: is no other ready?"),
            (&plain, &"01".repeat(120), "by now it evens out: mysql-0"),
            (&plain, &"0001".repeat(60), "may have come or gone"),
            (&plain, "01U", "no connection could be opened. mysql-read keeps its address"),
            (&pool, "1", "The last query went to mysql-1"),
            (&pool, "11111", "The last 5 went to mysql-1"),
            (&pool, "000111", "The connection before it ended"),
            (&turns, "0101", "in turn: mysql-0 answered 2 and mysql-1 2. Chance has no part"),
            (&turns, "0110", "somebody else took a turn"),
            (&turns, "01UU01", "Chance has no part"),
            (&sticky, "111", "“ada” always gets mysql-1"),
            (&sticky, "0111", "“ada” gets mysql-1 now"),
            (&nobody, "00", "Type a name"),
        ] {
            let sentence = said(mode, dots, &pods);
            assert!(sentence.contains(part), "{mode:?} {dots}: {sentence}");
        }
    }

    #[test]
    fn a_pod_that_fell_silent_is_what_matters_most() {
        let pods = [pod(0, true), pod(1, false)];
        let headless = mode(Via::Mysql, With::New, Strategy::Random);
        assert!(said(&headless, "0101", &pods).contains("may be kept for 24 s more"));
        assert!(said(&Mode::default(), "0101", &pods).contains("mysql-read sends it no new"));
        assert!(!said(&Mode::default(), "0101", &pods).contains("crosses"));
        assert!(said(&Mode::default(), "01U0", &pods).contains("crosses"));
        assert!(!said(&Mode::default(), "0000", &pods).contains("does not answer"));
    }

    #[test]
    fn a_pod_that_dns_has_forgotten_is_news_for_two_rows() {
        let pods = [pod(0, true)];
        let headless = mode(Via::Mysql, With::New, Strategy::Random);
        assert!(said(&headless, "010", &pods).contains("mysql-1 has left the answer of DNS"));
        assert!(said(&Mode::default(), "010", &pods).contains("mysql-1 is gone"));
        let later = format!("01{}", "0".repeat(RECENT));
        assert!(!said(&headless, &later, &pods).contains("has left"));
    }

    #[test]
    fn there_are_two_sentences_at_most_and_their_place_is_kept() {
        let few: Vec<_> = (0..2).map(|ordinal| pod(ordinal, true)).collect();
        let many: Vec<_> = (0..9).map(|ordinal| pod(ordinal, ordinal != 3)).collect();
        let modes = [Via::MysqlRead, Via::Mysql].into_iter().flat_map(|via| {
            let connections = [With::New, With::Pool].into_iter();
            connections
                .flat_map(move |with| Strategy::ALL.map(|strategy| mode(via, with, strategy)))
        });
        for mode in modes {
            for dots in
                ["", "0", "0U1", "01U", "0110", "2", &"01".repeat(120), &"012345678".repeat(26)]
            {
                for pods in [&few, &many] {
                    let said = said(&mode, dots, pods);
                    let sentences = said.matches(['.', '?']).count();
                    assert!((1..=2).contains(&sentences) && said.len() <= 250, "{said}");
                }
            }
        }
    }

    #[test]
    fn shares_are_expected_of_pods_that_answer_or_of_the_one_that_is_kept() {
        let pods = [pod(0, true), pod(1, true), pod(2, false)];
        let expected = |mode: &Mode, ordinal| {
            let dots = Dots::read(&"1".repeat(FEW));
            Facts { mode, dots: &dots, pods: &pods, headless_ttl: None }.expected(ordinal)
        };
        assert_eq!(expected(&Mode::default(), 0), Some(0.5));
        assert_eq!(expected(&Mode::default(), 2), Some(0.0));
        let (mode_of, few) = (Mode::default(), Dots::read("1"));
        let facts = Facts { mode: &mode_of, dots: &few, pods: &pods, headless_ttl: None };
        assert_eq!(facts.expected(0), None);
        let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
        assert_eq!((expected(&pool, 0), expected(&pool, 1)), (Some(0.0), Some(1.0)));
    }
}

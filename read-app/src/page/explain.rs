//! The sentences under the dots: what has just happened in the chosen mode, and why.
//!
//! They are the lesson, so they must be true of these dots, and not of dots in general.

use std::collections::BTreeSet;

use crate::{
    api::pods::PodView,
    page::{
        dots::{Dot, Reason, pod_name},
        lanes::Lane,
    },
    routing::mode::{Strategy, Via, With},
};

/// Fewer answers than this say little about chance.
const FEW: usize = 20;

/// At so many answers chance evens out.
const MANY: usize = 200;

/// For so many dots a pod that is gone is still news: two rows.
const RECENT: usize = 48;

impl Lane<'_> {
    /// One or two sentences about the most important of these: the last query failed, a pod is silent, a pod is
    /// gone. Otherwise they are about the mode.
    pub(super) fn sentences(&self) -> String {
        match self.dots.last() {
            None => return "Ask, and a dot says which pod has answered.".to_owned(),
            Some(Dot::Failed(reason)) => return self.on_failure(reason),
            Some(Dot::Pod(_)) => {}
        }
        if let Some(pod) = self.silent_pod() {
            return self.on_silent_pod(&pod.name);
        }
        match self.gone_pod() {
            Some(ordinal) => self.on_gone_pod(&pod_name(ordinal)),
            None => self.on_mode(),
        }
    }

    /// The share of queries, from 0 to 1, that a pod is to get in the long run. None where too few queries were
    /// answered to expect one.
    pub(super) fn expected(&self, ordinal: u8) -> Option<f64> {
        if self.stays_with_one_pod() {
            return self.last_pod().map(|pod| if pod == ordinal { 1.0 } else { 0.0 });
        }
        let answering: Vec<_> = self.answering_pods().collect();
        let share = if answering.contains(&ordinal) { 1.0 / answering.len() as f64 } else { 0.0 };
        (self.dots.answered() >= FEW).then_some(share)
    }

    /// Whether all queries are to go to one pod.
    fn stays_with_one_pod(&self) -> bool {
        match self.mode.via {
            Via::MysqlRead => self.mode.with == With::Pool,
            Via::Mysql => match self.mode.strategy {
                Strategy::Sticky => true,
                Strategy::RoundRobin | Strategy::Random | Strategy::LeastConnections => false,
            },
        }
    }

    fn answering_pods(&self) -> impl Iterator<Item = u8> {
        self.pods.iter().filter(|pod| pod.answers()).map(|pod| pod.ordinal)
    }

    /// The pod that answered last.
    fn last_pod(&self) -> Option<u8> {
        self.dots.iter().rev().find_map(|dot| dot.ordinal())
    }

    /// A pod that has answered some of these queries, and does not answer now.
    fn silent_pod(&self) -> Option<&PodView> {
        let counts = self.dots.counts();
        let is_silent = |pod: &&PodView| !pod.answers() && !pod.answers_elsewhere;
        self.pods.iter().filter(is_silent).find(|pod| counts.contains_key(&pod.ordinal))
    }

    /// A pod that answered not long ago, and that DNS does not list any more.
    fn gone_pod(&self) -> Option<u8> {
        let is_listed = |ordinal| self.pods.iter().any(|pod| pod.ordinal == ordinal);
        let recent = self.dots.iter().rev().take(RECENT).filter_map(|dot| dot.ordinal());
        // Without any pod DNS itself has not answered yet.
        recent.filter(|_| !self.pods.is_empty()).find(|ordinal| !is_listed(*ordinal))
    }

    fn on_failure(&self, reason: Reason) -> String {
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

    fn on_silent_pod(&self, pod: &str) -> String {
        match self.mode.via {
            Via::MysqlRead => {
                let crosses = if self.dots.answered() < self.dots.len() {
                    "; attempts that met it before are crosses, and were made again"
                } else {
                    ""
                };
                format!(
                    "{pod} does not answer. mysql-read sends it no new connection once the cluster has seen that \
                     it is not ready{crosses}."
                )
            }
            Via::Mysql => {
                let kept = self
                    .headless_ttl
                    .map(|ttl| format!("; that answer may be kept for {ttl} s more"));
                format!(
                    "{pod} does not answer, and DNS still gives its address{}. Only the client can pass it over \
                     here, and this one does: it looks at each pod three times a second.",
                    kept.unwrap_or_default()
                )
            }
        }
    }

    fn on_gone_pod(&self, pod: &str) -> String {
        match self.mode.via {
            Via::MysqlRead => format!(
                "{pod} is gone. mysql-read keeps its one address, and whoever opens a connection meets a pod that \
                 is left."
            ),
            Via::Mysql => format!(
                "{pod} has left the answer of DNS, so this client does not ask it any more: its dots are from \
                 before."
            ),
        }
    }

    fn on_mode(&self) -> String {
        match (self.mode.via, self.mode.with) {
            (Via::MysqlRead, With::New) => format!(
                "mysql-read is one address, and a pod is picked when a connection is opened. Here each query opens \
                 one, so {}",
                self.on_chance()
            ),
            (Via::MysqlRead, With::Pool) => self.on_pool(),
            (Via::Mysql, _) => self.on_strategy(),
        }
    }

    /// The end of a sentence on what chance did, with its full stop.
    fn on_chance(&self) -> String {
        let (total, pods, spread) = (self.dots.answered(), self.dots.counts(), self.spread());
        match (total, pods.first_key_value()) {
            (1, _) => "the next may meet another pod.".to_owned(),
            (..FEW, _) => {
                format!("chance decides: {total} queries are few, and at {MANY} it evens out.")
            }
            (_, Some((only, _))) if pods.len() == 1 => {
                let is_alone = self.answering_pods().count() == 1;
                let why = if is_alone { "no other answers." } else { "is no other ready?" };
                format!("chance decides, and yet all {total} met {}: {why}", pod_name(*only))
            }
            (..MANY, _) => format!("chance decides: {spread}."),
            _ if self.is_even() => format!("chance decides, and by now it evens out: {spread}."),
            _ => format!("chance decides: {spread}; a pod may have come or gone meanwhile."),
        }
    }

    /// Whether chance alone would do this: no count is further from the mean than three and a half standard
    /// deviations.
    fn is_even(&self) -> bool {
        let counts = self.dots.counts();
        let ordinals: BTreeSet<u8> = self.answering_pods().chain(counts.keys().copied()).collect();
        let mean = self.dots.answered() as f64 / ordinals.len() as f64;
        let count = |ordinal| counts.get(ordinal).map_or(0.0, |count| *count as f64);
        ordinals.iter().all(|ordinal| (count(ordinal) - mean).abs() <= 3.5 * mean.sqrt())
    }

    /// Such as `mysql-0 answered 61 and mysql-1 70`; of more than three pods only the extremes.
    fn spread(&self) -> String {
        let counts = self.dots.counts();
        if let (4.., Some(least), Some(most)) =
            (counts.len(), counts.values().min(), counts.values().max())
        {
            return format!("{} pods answered {least} to {most} each", counts.len());
        }
        let mut parts = self.dots.counts_by_name();
        let last = parts.pop().unwrap_or_default();
        let all = if parts.is_empty() { last } else { format!("{} and {last}", parts.join(", ")) };
        all.replacen(' ', " answered ", 1)
    }

    fn on_pool(&self) -> String {
        let Some(pod) = self.last_pod() else { return String::new() };
        let run = self.dots.iter().rev().take_while(|dot| **dot == Dot::Pod(pod)).count();
        let moved = if self.dots.len() > run && run < FEW {
            " The connection before it ended, and the new one met whom it met."
        } else {
            ""
        };
        let last = if run == 1 { "The last query".to_owned() } else { format!("The last {run}") };
        format!(
            "{last} went to {}: mysql-read picked it when the pool's one connection was opened, and an open \
             connection never moves.{moved}",
            pod_name(pod)
        )
    }

    fn on_strategy(&self) -> String {
        match self.mode.strategy {
            Strategy::RoundRobin => {
                format!(
                    "mysql gives all addresses, and this client takes them in turn: {}",
                    self.on_turns()
                )
            }
            Strategy::Random => format!(
                "mysql gives all addresses, and this client draws one for each query, so {}",
                self.on_chance()
            ),
            Strategy::LeastConnections => format!(
                "This client picks the pod with the fewest of its queries under way, so a slow pod gets fewer. \
                 Where all are equal, chance decides: {}.",
                self.spread()
            ),
            Strategy::Sticky => self.on_sticky(),
        }
    }

    /// The end of a sentence on what the turns did, with its full stop.
    fn on_turns(&self) -> String {
        if self.dots.answered() < 2 {
            return "the next is another's.".to_owned();
        }
        let why = if self.has_a_pod_twice_running() {
            "Where a pod comes twice running, somebody else took a turn, or a pod came or went."
        } else {
            "Chance has no part in it."
        };
        format!("{}. {why}", self.spread())
    }

    /// Whether a pod answered two queries in a row while other pods answered too.
    fn has_a_pod_twice_running(&self) -> bool {
        let answered: Vec<_> = self.dots.iter().filter_map(|dot| dot.ordinal()).collect();
        self.dots.counts().len() > 1 && answered.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn on_sticky(&self) -> String {
        let Some(pod) = self.last_pod().map(pod_name) else { return String::new() };
        let user = &self.mode.user;
        if user.is_empty() {
            format!(
                "No user is named, so all queries count as one user's and go to {pod}. Type a name beside \
                 “sticky”: a hash of it and of each pod's name decides, so it may get another."
            )
        } else if self.dots.counts().len() > 1 {
            format!(
                "“{user}” gets {pod} now: a hash of the user and of each pod's name decides among the pods that \
                 answer. So a user moves only where a pod comes or goes."
            )
        } else {
            format!(
                "“{user}” always gets {pod}: a hash of the user and of each pod's name decides, so it stays until \
                 that pod goes. Another user may get another pod."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::Role,
        page::dots::Dots,
        routing::{mode::Mode, watch::State},
    };

    fn pod(ordinal: u8, answers: bool) -> PodView {
        let role = if ordinal == 0 { Role::Primary } else { Role::Replica };
        let silent = State::Silent { since: std::time::Instant::now(), reason: String::new() };
        PodView {
            ordinal,
            name: format!("mysql-{ordinal}"),
            address: format!("192.0.2.{ordinal}"),
            state: if answers { State::Answers { role, lag: None } } else { silent },
            in_flight: 0,
            answers_elsewhere: false,
        }
    }

    fn mode(via: Via, with: With, strategy: Strategy) -> Mode {
        Mode { via, with, strategy, user: "ada".to_owned() }
    }

    fn said(mode: &Mode, dots: &str, pods: &[PodView]) -> String {
        let dots = Dots::read(dots);
        Lane { mode: mode.clone(), dots: &dots, pods, headless_ttl: Some(24) }.sentences()
    }

    #[test]
    fn the_sentences_are_about_the_chosen_mode_and_these_dots() {
        let pods = [pod(0, true), pod(1, true)];
        let plain = Mode::default();
        let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
        let turns = mode(Via::Mysql, With::New, Strategy::RoundRobin);
        let sticky = mode(Via::Mysql, With::New, Strategy::Sticky);
        let no_user = Mode { user: String::new(), ..sticky.clone() };
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
            (&no_user, "00", "Type a name"),
        ] {
            let sentence = said(mode, dots, &pods);
            assert!(sentence.contains(part), "{mode:?} {dots}: {sentence}");
        }
    }

    #[test]
    fn a_silent_pod_matters_most() {
        let pods = [pod(0, true), pod(1, false)];
        let headless = mode(Via::Mysql, With::New, Strategy::Random);
        assert!(said(&headless, "0101", &pods).contains("may be kept for 24 s more"));
        assert!(said(&Mode::default(), "0101", &pods).contains("mysql-read sends it no new"));
        assert!(!said(&Mode::default(), "0101", &pods).contains("crosses"));
        assert!(said(&Mode::default(), "01U0", &pods).contains("crosses"));
        assert!(!said(&Mode::default(), "0000", &pods).contains("does not answer"));
    }

    #[test]
    fn a_pod_that_left_dns_is_news_for_two_rows() {
        let pods = [pod(0, true)];
        let headless = mode(Via::Mysql, With::New, Strategy::Random);
        assert!(said(&headless, "010", &pods).contains("mysql-1 has left the answer of DNS"));
        assert!(said(&Mode::default(), "010", &pods).contains("mysql-1 is gone"));
        let later = format!("01{}", "0".repeat(RECENT));
        assert!(!said(&headless, &later, &pods).contains("has left"));
    }

    #[test]
    fn there_are_two_sentences_at_most_of_250_bytes() {
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
    fn each_answering_pod_or_the_one_pod_of_a_pool_has_an_expected_share() {
        let pods = [pod(0, true), pod(1, true), pod(2, false)];
        let expected = |mode: &Mode, ordinal| {
            let dots = Dots::read(&"1".repeat(FEW));
            let mode = mode.clone();
            Lane { mode, dots: &dots, pods: &pods, headless_ttl: None }.expected(ordinal)
        };
        assert_eq!(expected(&Mode::default(), 0), Some(0.5));
        assert_eq!(expected(&Mode::default(), 2), Some(0.0));
        let few = Dots::read("1");
        let lane = Lane { mode: Mode::default(), dots: &few, pods: &pods, headless_ttl: None };
        assert_eq!(lane.expected(0), None);
        let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
        assert_eq!((expected(&pool, 0), expected(&pool, 1)), (Some(0.0), Some(1.0)));
    }
}

//! The sentence under the dots: what has just happened in the chosen mode, and why.
//!
//! It is the lesson, so it must be true of these dots and not of dots in general.

use crate::{
    dots::{Dot, Dots},
    pods::PodView,
    reads::mode::{Mode, Strategy, Via, With},
};

/// Below this chance says little.
const FEW: usize = 20;

/// Where chance evens out.
const MANY: usize = 200;

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
            return format!("The last query failed. {}", reason.sentence());
        }
        match self.silent_pod() {
            Some(pod) => self.of_silent(pod),
            None => self.of_mode(),
        }
    }

    /// The share of queries that each answering pod is to get in the long run, from 0 to 1.
    pub(crate) fn expected(&self, ordinal: u8) -> Option<f64> {
        let answering = self.pods.iter().filter(|pod| pod.answers()).count();
        let answers = self.pods.iter().any(|pod| pod.ordinal == ordinal && pod.answers());
        match (self.sticks(), self.dots.last()) {
            (true, Some(Dot::Pod(kept))) => Some(if kept == ordinal { 1.0 } else { 0.0 }),
            (true, _) => None,
            (false, _) if answers => Some(1.0 / f64::from(u32::try_from(answering).ok()?)),
            (false, _) => Some(0.0),
        }
    }

    /// Whether all queries are to go to one pod.
    fn sticks(&self) -> bool {
        match self.mode.via {
            Via::MysqlRead => self.mode.with == With::Pool,
            Via::Mysql => self.mode.strategy == Strategy::Sticky,
        }
    }

    /// A pod that has answered some of these queries, and is silent now.
    fn silent_pod(&self) -> Option<&PodView> {
        let counts = self.dots.counts();
        self.pods.iter().find(|pod| {
            !pod.answers() && !pod.answers_elsewhere && counts.contains_key(&pod.ordinal)
        })
    }

    fn of_silent(&self, pod: &PodView) -> String {
        let name = &pod.name;
        match self.mode.via {
            Via::MysqlRead => format!(
                "{name} does not answer. mysql-read sends it no new connection once the cluster knows \
                 that it is not ready; a query that met it before was asked again."
            ),
            Via::Mysql => {
                let kept = self.headless_ttl.map_or_else(String::new, |ttl| {
                    format!(" DNS still gives its address, and may for {ttl} s more.")
                });
                format!(
                    "{name} does not answer.{kept} Nobody but the client can pass it over here, and \
                     this one does, because it looks at each pod three times a second."
                )
            }
        }
    }

    fn of_mode(&self) -> String {
        match (self.mode.via, self.mode.with) {
            (Via::MysqlRead, With::New) => self.of_new_connections(),
            (Via::MysqlRead, With::Pool) => self.of_pool(),
            (Via::Mysql, _) => self.of_strategy(),
        }
    }

    fn of_new_connections(&self) -> String {
        let one_address =
            "mysql-read is one address, and a pod is picked when a connection is opened.";
        let chance = self.of_chance();
        format!("{one_address} Here each query opens one, so {chance}")
    }

    /// The last words on what chance did, with a full stop.
    fn of_chance(&self) -> String {
        let (total, pods) = (self.dots.answered(), self.dots.counts().len());
        match total {
            1 => "the next may meet another pod.".to_owned(),
            2..FEW => {
                format!("chance decides: {total} queries are few, and at {MANY} it evens out.")
            }
            _ if pods == 1 => format!("chance decides; yet all {total} met one pod: is it alone?"),
            FEW..MANY => format!("chance decides: after {total} queries {}.", self.spread()),
            _ => format!("chance decides, and it evens out: of {total} queries {}.", self.spread()),
        }
    }

    /// Such as `mysql-0 answered 61 and mysql-1 answered 70`.
    fn spread(&self) -> String {
        let counts = self.dots.counts();
        let parts: Vec<_> = counts
            .iter()
            .map(|(ordinal, count)| format!("mysql-{ordinal} answered {count}"))
            .collect();
        parts.join(" and ")
    }

    fn of_pool(&self) -> String {
        let Some(Dot::Pod(pod)) = self.dots.last() else { return String::new() };
        let run = self.dots.iter().rev().take_while(|dot| **dot == Dot::Pod(pod)).count();
        let before = self.dots.len() - run;
        let moved = if before > 0 && run < FEW {
            " The connection before it broke, and the new one met whom it met."
        } else {
            ""
        };
        format!(
            "The last {run} went to mysql-{pod}: mysql-read picked it when the pool's one connection was \
             opened, and an open connection never moves.{moved}"
        )
    }

    fn of_strategy(&self) -> String {
        let total = self.dots.answered();
        match self.mode.strategy {
            Strategy::RoundRobin if total < 2 => {
                "mysql gives all addresses, and this client takes them in turn: the next is another's."
                    .to_owned()
            }
            Strategy::RoundRobin => format!(
                "mysql gives all addresses, and this client takes them in turn: {}. {}",
                self.spread(),
                if self.turns_are_shared() {
                    "Somebody else asks as well, and takes turns in between."
                } else {
                    "Chance has no part in it."
                }
            ),
            Strategy::Random => {
                format!("mysql gives all addresses, and this client draws one: {}", self.of_chance())
            }
            Strategy::LeastConnections => format!(
                "This client picks the pod with the fewest of its queries under way, so a slow pod gets \
                 fewer: {}. Where all are equal, chance decides.",
                self.spread()
            ),
            Strategy::Sticky => self.of_sticky(),
        }
    }

    /// Whether a pod answered twice running, though others were there to take their turn.
    fn turns_are_shared(&self) -> bool {
        let dots: Vec<_> = self.dots.iter().collect();
        self.dots.counts().len() > 1 && dots.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn of_sticky(&self) -> String {
        let Some(Dot::Pod(pod)) = self.dots.last() else { return String::new() };
        let user = if self.mode.user.is_empty() { "nobody" } else { &self.mode.user };
        format!(
            "“{user}” always gets mysql-{pod}: a hash of the user and the pod's name decides, so it \
             stays until that pod goes. Another user may get another pod."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{db::Role, reads::watch::State};

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
        for (mode, dots, part) in [
            (&plain, "", "Ask"),
            (&plain, "01", "2 queries are few"),
            (&plain, &"01".repeat(15), "mysql-0 answered 15 and mysql-1 answered 15"),
            (&plain, &"1".repeat(30), "is it alone?"),
            (&plain, &"01".repeat(120), "it evens out: of 240 queries"),
            (&plain, "01U", "No pod accepted a connection."),
            (&pool, "11111", "The last 5 went to mysql-1"),
            (&pool, "000111", "The connection before it broke"),
            (&turns, "0101", "in turn: mysql-0 answered 2 and mysql-1 answered 2"),
            (&turns, "0110", "Somebody else asks as well"),
            (&sticky, "111", "“ada” always gets mysql-1"),
        ] {
            let sentence = said(mode, dots, &pods);
            assert!(sentence.contains(part), "{mode:?} {dots}: {sentence}");
        }
    }

    #[test]
    fn a_pod_that_fell_silent_is_what_matters_most() {
        let pods = [pod(0, true), pod(1, false)];
        let headless = mode(Via::Mysql, With::New, Strategy::Random);
        assert!(said(&headless, "0101", &pods).contains("may for 24 s more"));
        assert!(said(&Mode::default(), "0101", &pods).contains("mysql-read sends it no new"));
        assert!(!said(&Mode::default(), "0000", &pods).contains("does not answer"));
    }

    #[test]
    fn shares_are_expected_of_pods_that_answer_or_of_the_one_that_is_kept() {
        let pods = [pod(0, true), pod(1, true), pod(2, false)];
        let expected = |mode: &Mode, ordinal| {
            let dots = Dots::read("1");
            Facts { mode, dots: &dots, pods: &pods, headless_ttl: None }.expected(ordinal)
        };
        assert_eq!(expected(&Mode::default(), 0), Some(0.5));
        assert_eq!(expected(&Mode::default(), 2), Some(0.0));
        let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
        assert_eq!((expected(&pool, 0), expected(&pool, 1)), (Some(0.0), Some(1.0)));
    }
}

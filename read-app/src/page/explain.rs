//! The sentences under the dots: what has just happened in the chosen mode, and why.
//!
//! They are the lesson, so they must be true of these dots, and not of dots in general.

use crate::{
    api::pods::PodView,
    page::{
        dns::lists,
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
            return self.on_silent_pod(pod);
        }
        match self.gone_pod() {
            Some(ordinal) => self.on_gone_pod(&pod_name(ordinal)),
            None => self.on_mode(),
        }
    }

    /// The share of the answered queries, from 0 to 1, that a pod is to get in the long run: as much as each other pod
    /// that has answered some of these. read-app does not see which pods are ready. So it expects nothing of a pod that
    /// has answered none, and nothing where too few queries were answered or where it depends on how fast the pods are.
    pub(super) fn expected(&self, ordinal: u8) -> Option<f64> {
        if self.stays_with_one_pod() {
            return self.last_pod().map(|pod| if pod == ordinal { 1.0 } else { 0.0 });
        }
        let depends =
            self.mode.via == Via::Mysql && self.mode.strategy == Strategy::LeastConnections;
        let counts = self.dots.counts();
        let is_known = !depends && self.dots.answered() >= FEW && counts.contains_key(&ordinal);
        is_known.then(|| 1.0 / counts.len() as f64)
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

    /// The pod that answered last.
    fn last_pod(&self) -> Option<u8> {
        self.dots.iter().rev().find_map(|dot| dot.ordinal())
    }

    /// A pod that has answered some of these queries, and does not answer now.
    fn silent_pod(&self) -> Option<&PodView> {
        let counts = self.dots.counts();
        let is_silent = |pod: &&PodView| !pod.answers() && !pod.answered_since;
        self.pods.iter().filter(is_silent).find(|pod| counts.contains_key(&pod.ordinal))
    }

    /// A pod that answered not long ago, and that DNS says it does not list any more.
    fn gone_pod(&self) -> Option<u8> {
        let is_known = |ordinal| self.pods.iter().any(|pod| pod.ordinal == ordinal);
        let mut recent = self.dots.iter().rev().take(RECENT).filter_map(|dot| dot.ordinal());
        recent.find(|ordinal| !is_known(*ordinal) && lists(self.names, *ordinal) == Some(false))
    }

    fn on_failure(&self, reason: Reason) -> String {
        let lesson = match (reason, self.mode.via) {
            (Reason::Unreachable, Via::MysqlRead) => {
                " mysql-read keeps its address even while no pod is ready behind it."
            }
            (Reason::Unreachable, Via::Mysql) => {
                " This headless Service also names pods that are not ready."
            }
            (Reason::NoAddress, Via::Mysql) => {
                " A headless Service has no address of its own, only those of its pods."
            }
            _ => "",
        };
        format!("The last query has no answer of a pod: {}.{lesson}", reason.clause())
    }

    fn on_silent_pod(&self, PodView { name: pod, address, .. }: &PodView) -> String {
        match self.mode.via {
            Via::MysqlRead => format!(
                "{pod} does not answer. mysql-read sends it no new connection once the cluster has seen that it is \
                 not ready; an attempt that meets it before that is a cross."
            ),
            Via::Mysql => format!(
                "{pod} does not answer{}. Only the client can pass it over here, and this one does: it looks at each \
                 pod again and again.",
                self.what_dns_gives(address)
            ),
        }
    }

    /// A part of a sentence on what DNS answers about an address that this client has.
    fn what_dns_gives(&self, address: &str) -> String {
        let Some(answer) = self.names.answers.first() else { return String::new() };
        if !answer.answered {
            return ", and DNS gives no answer: this client keeps the addresses that it has"
                .to_owned();
        }
        if !answer.records.iter().any(|record| record.value == address) {
            return String::new();
        }
        match self.names.headless_ttl().filter(|_| self.names.from_cache == Some(true)) {
            Some(ttl) => format!(
                ", and DNS still gives its address; that answer may be kept for {ttl} s more"
            ),
            None => ", and DNS still gives its address".to_owned(),
        }
    }

    fn on_gone_pod(&self, pod: &str) -> String {
        match self.mode.via {
            Via::MysqlRead => format!(
                "{pod} has left the answer of DNS. mysql-read keeps its one address, and a new connection meets \
                 another pod."
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
                self.on_chance("usually chance decides")
            ),
            (Via::MysqlRead, With::Pool) => self.on_pool(),
            (Via::Mysql, _) => self.on_strategy(),
        }
    }

    /// The end of a sentence on what chance did, with its full stop. It begins with how certain chance is: the nodes of
    /// a cluster may also pick in turn.
    fn on_chance(&self, chance: &str) -> String {
        let (total, pods, spread) = (self.dots.answered(), self.dots.counts(), self.spread());
        match (total, pods.first_key_value()) {
            (1, _) => "the next may meet another pod.".to_owned(),
            (..FEW, _) => {
                format!("{chance}: {total} queries are few, and {MANY} show more.")
            }
            (_, Some((only, _))) if pods.len() == 1 => {
                let why = match self.mode.via {
                    Via::MysqlRead => "is no other ready?",
                    Via::Mysql => "does no other answer?",
                };
                format!("{chance}, and yet all {total} met {}: {why}", pod_name(*only))
            }
            (..MANY, _) => format!("{chance}: {spread}."),
            _ if self.is_even() => format!("{chance}, and by now it evens out: {spread}."),
            _ => format!("{chance}: {spread}; a pod may have come or gone meanwhile."),
        }
    }

    /// Whether chance alone would do this among the pods that answered: no count is further from the mean than three
    /// and a half standard deviations.
    fn is_even(&self) -> bool {
        let counts = self.dots.counts();
        let mean = self.dots.answered() as f64 / counts.len() as f64;
        counts.values().all(|count| (*count as f64 - mean).abs() <= 3.5 * mean.sqrt())
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
        let moved = if self.dots.counts().len() > 1 && run < FEW {
            " Before that it was another connection."
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
                self.on_chance("chance decides")
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
            return "the next query takes the next address.".to_owned();
        }
        let why = if self.has_a_pod_twice_running() {
            "Where a pod comes twice running, another client or read-app took a turn, or a pod came or went."
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
                "“{user}” gets {pod} each time: a hash of the user and of each pod's name decides, so it stays while \
                 the pods do. Another user may get another pod."
            )
        }
    }
}

#[cfg(test)]
pub(super) mod tests;

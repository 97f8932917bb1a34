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

/// At so many answers chance evens out. The page never keeps fewer again.
const MANY: usize = 90;

/// For so many dots a pod that is gone is still news: two rows.
const RECENT: usize = 48;

impl Lane<'_> {
    /// At most three short sentences about the most important of these: the last query failed, a pod is silent, a pod
    /// is gone. Otherwise they are about the mode.
    pub(super) fn sentences(&self) -> String {
        match self.dots.last() {
            None => return "Ask, and a dot shows which pod answered.".to_owned(),
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

    /// The share of the answered queries, from 0 to 1, that a pod gets in the long run: the same for each pod that
    /// answered some of these. read-app does not see which pods are ready, so it expects nothing of a pod that answered
    /// none. It also expects nothing of few queries, or where the share depends on how fast the pods are.
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
                " mysql-read keeps its address even when no pod is ready."
            }
            (Reason::Unreachable, Via::Mysql) => {
                " For mysql, DNS also names pods that are not ready."
            }
            (Reason::NoAddress, Via::Mysql) => " Without pods, a headless Service has no address.",
            _ => "",
        };
        format!("No pod answered the last query: {}.{lesson}", reason.clause())
    }

    fn on_silent_pod(&self, PodView { name: pod, address, .. }: &PodView) -> String {
        match self.mode.via {
            Via::MysqlRead => format!(
                "{pod} does not answer. The cluster stops sending it new connections when it sees that the pod is not \
                 ready. Until then, an attempt to reach it fails, and shows as a cross."
            ),
            Via::Mysql => format!(
                "{pod} does not answer.{} With a headless Service the client must notice this: read-app checks every \
                 pod, and skips this one.",
                self.what_dns_gives(address)
            ),
        }
    }

    /// A sentence on what DNS answers about an address that read-app has.
    fn what_dns_gives(&self, address: &str) -> String {
        let Some(answer) = self.names.answers.first() else { return String::new() };
        if !answer.answered {
            return " DNS gives no answer, so read-app keeps the addresses that it has.".to_owned();
        }
        if !answer.records.iter().any(|record| record.value == address) {
            return String::new();
        }
        match self.names.headless_ttl().filter(|_| self.names.from_cache == Some(true)) {
            Some(ttl) => {
                format!(" DNS still gives its address: a cache may repeat it for {ttl} s more.")
            }
            None => " DNS still gives its address.".to_owned(),
        }
    }

    fn on_gone_pod(&self, pod: &str) -> String {
        match self.mode.via {
            Via::MysqlRead => format!(
                "DNS no longer names {pod}. mysql-read keeps its one address, and new connections go to other pods."
            ),
            Via::Mysql => format!(
                "DNS no longer names {pod}, so read-app does not ask it. If the pod comes back, it has the same name, \
                 and usually a new address."
            ),
        }
    }

    fn on_mode(&self) -> String {
        match (self.mode.via, self.mode.with) {
            (Via::MysqlRead, With::New) => format!(
                "Each query opens a connection, and the cluster picks a pod for it, usually at random. {}",
                self.on_chance(" A pool’s connection stays with one pod.")
            ),
            (Via::MysqlRead, With::Pool) => self.on_pool(),
            (Via::Mysql, With::New) => {
                format!("read-app gets every pod’s address from DNS. {}", self.on_strategy())
            }
            (Via::Mysql, With::Pool) => format!(
                "With a pool for each pod, read-app picks a pod for each query. {}",
                self.on_strategy()
            ),
        }
    }

    /// What chance did. The end says when reads do not spread. The nodes of a cluster may also pick in turn, so chance
    /// is certain only where read-app picks.
    fn on_chance(&self, end: &str) -> String {
        let (total, pods, spread) = (self.dots.answered(), self.dots.counts(), self.spread());
        match (total, pods.first_key_value()) {
            (1, _) => "The next query may reach another pod.".to_owned(),
            (..FEW, _) => format!("{total} queries are few; {MANY} show more."),
            (_, Some((only, _))) if pods.len() == 1 => {
                let why = match self.mode.via {
                    Via::MysqlRead => "is no other pod ready?",
                    Via::Mysql => "does no other pod answer?",
                };
                format!("Yet all {total} reached {}: {why}", pod_name(*only))
            }
            (..MANY, _) => format!("So reads spread ({spread}).{end}"),
            _ if self.is_even() => {
                format!("So reads spread, and the shares even out ({spread}).{end}")
            }
            _ => format!("The shares are uneven ({spread}); perhaps a pod came or went."),
        }
    }

    /// Whether chance alone would do this among the pods that answered: no count is further from the mean than three
    /// and a half standard deviations.
    fn is_even(&self) -> bool {
        let counts = self.dots.counts();
        let mean = self.dots.answered() as f64 / counts.len() as f64;
        counts.values().all(|count| (*count as f64 - mean).abs() <= 3.5 * mean.sqrt())
    }

    /// Such as `mysql-0: 61, mysql-1: 70`; of more than three pods only the extremes.
    fn spread(&self) -> String {
        let counts = self.dots.counts();
        if let (4.., Some(least), Some(most)) =
            (counts.len(), counts.values().min(), counts.values().max())
        {
            return format!("{} pods, {least} to {most} dots each", counts.len());
        }
        self.dots.counts_by_name().join(", ")
    }

    fn on_pool(&self) -> String {
        let Some(pod) = self.last_pod() else { return String::new() };
        let run = self.dots.iter().rev().take_while(|dot| **dot == Dot::Pod(pod)).count();
        let why = if self.dots.counts().len() > 1 && run < FEW {
            "A connection stays with its pod; the earlier dots came over another one."
        } else {
            "Each connection of a pool stays with its pod: ten connections spread once, when they open."
        };
        let last = if run == 1 { "query".to_owned() } else { format!("{run} queries") };
        format!(
            "The last {last} went to {}. {why} In your app, close connections after some minutes, or use headless \
             mysql with a pool per pod.",
            pod_name(pod)
        )
    }

    /// How read-app picks, and what came of it.
    fn on_strategy(&self) -> String {
        match self.mode.strategy {
            Strategy::RoundRobin => format!("It takes the pods in turn{}", self.on_turns()),
            Strategy::Random => {
                format!("It picks one at random for each query. {}", self.on_chance(""))
            }
            Strategy::LeastConnections => format!(
                "It picks the pod that runs the fewest of read-app’s queries: a slow pod gets fewer. At a tie, chance \
                 decides ({}).",
                self.spread()
            ),
            Strategy::Sticky => self.on_sticky(),
        }
    }

    /// The end of a sentence on what the turns did, with its full stop.
    fn on_turns(&self) -> String {
        if self.dots.answered() < 2 {
            return ". The next query goes to the next pod.".to_owned();
        }
        let why = if self.has_a_pod_twice_running() {
            "Two in a row: another client or read-app took a turn, or a pod came or went."
        } else {
            "Nothing here is random."
        };
        format!(" ({}). {why}", self.spread())
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
                "No user name is set, so every query now goes to {pod}. Type one beside “sticky”: another user may get \
                 another pod."
            )
        } else if self.dots.counts().len() > 1 {
            format!(
                "“{user}” now gets {pod}: a hash of the user and of each pod’s name decides. A user moves only when a \
                 pod comes or goes."
            )
        } else {
            format!(
                "“{user}” always gets {pod} while the pods stay the same: a hash of the user and of each pod’s name \
                 decides. Another user may get another pod."
            )
        }
    }
}

#[cfg(test)]
pub(super) mod tests;

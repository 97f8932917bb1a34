//! Lines, each with the way back for its answer; and what carries out the command of a line.

use std::fmt::Write as _;

use tokio::sync::{mpsc, oneshot};

use crate::{
    LocalCluster, PodStatus,
    commands::{Command, help},
};

/// A sentence or a table: what happens now, or why nothing does.
pub type Answer = Result<String, String>;

/// A line, and where its answer goes.
pub struct Request {
    /// The line.
    pub line: String,
    /// Whether the demo's own terminal does not show the answer.
    pub elsewhere: bool,
    /// Takes the answer. Without one, the demo stops.
    pub answer: oneshot::Sender<Answer>,
}

impl Request {
    fn new(line: String, elsewhere: bool) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        (Self { line, elsewhere, answer }, answered)
    }

    /// Sends a line that was typed elsewhere, and waits for its answer. `None` if the demo is stopping.
    pub async fn send(requests: &mpsc::Sender<Self>, line: String) -> Option<Answer> {
        let (request, answered) = Self::new(line, true);
        requests.send(request).await.ok()?;
        answered.await.ok()
    }

    /// Sends a line of the demo's own input from a thread that may block. `None` also if the line stops the demo.
    pub fn send_blocking(requests: &mpsc::Sender<Self>, line: String) -> Option<Answer> {
        let (request, answered) = Self::new(line, false);
        requests.blocking_send(request).ok()?;
        answered.blocking_recv().ok().filter(|_| !requests.is_closed())
    }
}

impl Command {
    /// Whether it changes nothing.
    #[must_use]
    pub fn only_shows(self) -> bool {
        matches!(self, Self::Status | Self::Help)
    }

    /// Carries the command out, and says what happens now. [`LocalCluster::next_event`] tells the rest.
    ///
    /// # Errors
    ///
    /// If the cluster cannot do it now.
    pub async fn carry_out(self, cluster: &mut LocalCluster) -> Answer {
        let pods_before = cluster.status().len();
        let done = match self {
            Self::Delete(pod) => cluster.delete_pod(pod),
            Self::Lose(pod) => cluster.lose_pod(pod),
            Self::Scale(pods) => cluster.scale(pods),
            Self::Lag(pod) => cluster.lag(pod).await,
            Self::CatchUp(pod) => cluster.catch_up(pod).await,
            Self::Freeze(pod) => cluster.freeze(pod),
            Self::Thaw(pod) => cluster.thaw(pod),
            Self::DnsCache(seconds) => {
                cluster.set_dns_cache(seconds);
                Ok(())
            }
            Self::Status => return Ok(table(&cluster.status())),
            Self::Help => return Ok(help()),
            Self::Quit => Ok(()),
        };
        done.map(|()| self.begins(pods_before)).map_err(|error| format!("{error:#}"))
    }

    /// What happens now, in a cluster that had this many pods before.
    fn begins(self, pods_before: usize) -> String {
        match self {
            Self::Delete(pod) => {
                format!("mysql-{pod} is ending: mysql-read sends it no more connections")
            }
            Self::Lose(pod) => format!(
                "mysql-{pod} is ending: mysql-read sends it no more connections, and its volume goes with it"
            ),
            Self::Scale(1) if pods_before > 1 => {
                "the StatefulSet wants mysql-0 alone; the others end, the highest first".to_owned()
            }
            Self::Scale(pods) if usize::from(pods) < pods_before => {
                format!("the StatefulSet wants {pods} pods; the highest one ends first")
            }
            Self::Scale(1) => "the StatefulSet wants one pod".to_owned(),
            Self::Scale(pods) => format!("the StatefulSet wants {pods} pods"),
            Self::Lag(pod) => {
                format!("mysql-{pod} receives what mysql-0 writes, and applies none of it")
            }
            Self::CatchUp(pod) => format!("mysql-{pod} applies what it has received"),
            Self::Freeze(pod) => {
                format!("mysql-{pod} is frozen: it keeps its connections, and answers nothing")
            }
            Self::Thaw(pod) => format!("mysql-{pod} goes on"),
            Self::DnsCache(Some(seconds)) => {
                format!("the DNS server repeats each answer for {seconds} s")
            }
            Self::DnsCache(None) => "the DNS server repeats no answer".to_owned(),
            Self::Quit => "the demo stops".to_owned(),
            Self::Status | Self::Help => String::new(),
        }
    }
}

fn table(pods: &[PodStatus]) -> String {
    let mut table = format!("{:<10}{:<16}{:<10}STATE", "NAME", "ADDRESS", "RESTARTS");
    for pod in pods {
        let address = pod.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let _ = write!(table, "\n{:<10}{address:<16}{:<10}{}", pod.name, pod.restarts, pod.state);
    }
    table
}

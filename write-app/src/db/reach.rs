//! Whether the primary answers at this moment: the page says so before a person fills in the form in vain.
//!
//! Nothing here asks again and again. While mysql-0 is away, a DNS server with a cache remembers for each question
//! that its name is missing, and then finds its new address later.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use app_core::{
    dns::DnsError,
    http::error::{causes, mysql::sentence},
    mysql::{MysqlError, Pool, PoolStatus, Pooled},
};
use tokio::time::timeout;

use super::commit::BeforeCommit;

/// How long a page waits for the primary. One that runs takes a few milliseconds.
const DEADLINE: Duration = Duration::from_secs(1);

/// What write-app knows about reaching the primary. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Reach(Arc<Known>);

#[derive(Default)]
struct Known {
    /// When it last answered.
    answered: Mutex<Option<Instant>>,
    /// Held by the page that looks: when the last look began, and what it found.
    looked: tokio::sync::Mutex<Option<(Instant, Option<Problem>)>>,
}

/// Why a registration would fail now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) problem: Problem,
    /// How long ago the primary last answered. None where it has not, since write-app started.
    pub(crate) answered: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// DNS has no address for the primary's name.
    NoAddress,
    /// DNS is silent, so nothing is known of the primary.
    NoDns,
    /// No server answers at the address.
    NoAnswer,
    /// The server answers, and refuses the connection. The sentence says why.
    Refused(&'static str),
}

impl Problem {
    /// Whether the pod itself is away or does not answer.
    pub(crate) fn is_about_the_pod(self) -> bool {
        matches!(self, Self::NoAddress | Self::NoAnswer)
    }

    /// None where the primary may well answer: it is this app's connections that are all in use.
    fn of(error: &MysqlError) -> Option<Self> {
        match error {
            MysqlError::Busy => None,
            MysqlError::Name(DnsError::NoAddress(_)) => Some(Self::NoAddress),
            MysqlError::Name(DnsError::NoAnswer { .. }) => Some(Self::NoDns),
            MysqlError::Unreachable { .. }
            | MysqlError::ConnectionLost(_)
            | MysqlError::Deadline(_) => Some(Self::NoAnswer),
            other => Some(Self::Refused(sentence(other))),
        }
    }
}

impl Reach {
    /// A connection to the primary, which has answered then.
    pub(super) async fn acquire(
        &self,
        pool: &Pool<BeforeCommit>,
    ) -> Result<Pooled<BeforeCommit>, MysqlError> {
        let connection = pool.acquire().await?;
        let mut answered = self.0.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered = Some(Instant::now());
        Ok(connection)
    }

    /// One page at a time takes a connection. Pages that wait here while another one looks share the next look.
    pub(super) async fn trouble(&self, pool: &Pool<BeforeCommit>) -> Option<Trouble> {
        let asked = Instant::now();
        let mut looked = self.0.looked.lock().await;
        let problem = match looked.as_ref().filter(|(began, _)| *began >= asked) {
            Some((_, problem)) => *problem,
            None => {
                let began = Instant::now();
                let problem = self.look(pool).await;
                *looked = Some((began, problem));
                problem
            }
        };
        let answered = *self.0.answered.lock().unwrap_or_else(PoisonError::into_inner);
        problem.map(|problem| Trouble { problem, answered: answered.map(|then| then.elapsed()) })
    }

    async fn look(&self, pool: &Pool<BeforeCommit>) -> Option<Problem> {
        let PoolStatus { in_use, limit, .. } = pool.status();
        if in_use == limit {
            return Problem::of(&MysqlError::Busy);
        }
        let acquiring = timeout(DEADLINE, self.acquire(pool));
        let (acquired, address) = tokio::join!(acquiring, pool.server().address());
        let error = match acquired {
            Ok(Ok(connection)) => {
                connection.give_back();
                return None;
            }
            Ok(Err(error)) => error,
            // A DNS server that is silent takes longer than this deadline.
            Err(_) => address.err().unwrap_or(MysqlError::Deadline(DEADLINE)),
        };
        tracing::debug!("a page cannot reach the primary: {}", causes(&error));
        Problem::of(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_is_not_called_away_because_the_apps_connections_are_in_use() {
        assert_eq!(Problem::of(&MysqlError::Busy), None);
        let full = MysqlError::TooManyConnections(sqlx::Error::PoolClosed);
        assert!(matches!(Problem::of(&full), Some(Problem::Refused(_))));
        let late = MysqlError::Deadline(DEADLINE);
        assert_eq!(Problem::of(&late), Some(Problem::NoAnswer));
    }
}

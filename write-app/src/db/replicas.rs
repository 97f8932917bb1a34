//! The replicas: they are found over the headless Service, and asked for one thing only, a write that
//! they refuse.

use std::{net::IpAddr, sync::Arc, time::Duration};

use app_core::{
    config::MysqlConfig,
    dns::{Member, Resolver},
    http::{error::mysql::code, metrics::QueryMetrics},
    mysql::{MysqlError, Server, pod_name::PodName, to_its_end},
};
use serde::Serialize;
use sqlx::{Connection as _, MySqlConnection, mysql::MySqlDatabaseError};
use tokio::{sync::Semaphore, time::timeout};
use utoipa::ToSchema;

/// The statement that a replica is sent: a registration's, with values that a person can read.
pub const ATTEMPT: &str = "INSERT INTO users (name, email) VALUES ('Nobody', 'nobody@example.org')";

/// How long opening a connection to one replica may take: a few milliseconds, unless nobody is there.
const CONNECT_DEADLINE: Duration = Duration::from_millis(600);

/// How many attempts may be under way at once; a server allows 100 connections in all.
const ATTEMPTS: usize = 4;

/// How long a request may wait until one of them is over.
const SLOT_DEADLINE: Duration = Duration::from_secs(2);

/// The pods behind the headless Service that the primary's name belongs to, but for the primary.
/// Cheap to clone.
#[derive(Clone)]
pub struct Replicas {
    config: MysqlConfig,
    resolver: Resolver,
    /// The name whose SRV records name the pods.
    service: String,
    slots: Arc<Semaphore>,
    queries: QueryMetrics,
}

/// What became of a write that a replica was sent.
#[derive(Debug)]
pub struct Attempt {
    /// The pod, by its own account.
    pub pod: PodName,
    /// The name whose SRV records name the pod.
    pub found_under: String,
    /// Its refusal. None where it would have taken the write, and so is no replica.
    pub refusal: Option<Refusal>,
}

/// What the server said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// The error's number, such as 1290.
    pub number: u16,
    /// The standard's name for its class, such as HY000.
    pub sqlstate: String,
    /// Its text.
    pub message: String,
}

impl Replicas {
    /// The replicas beside the primary that the configuration names. Nothing is asked of them yet.
    #[must_use]
    pub fn new(config: &MysqlConfig, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let (_, service) = pod_and_service(&config.host);
        let service = format!("_mysql._tcp.{service}");
        let slots = Arc::new(Semaphore::new(ATTEMPTS));
        Self { config: config.clone(), resolver, service, slots, queries: queries.clone() }
    }

    /// Sends the first replica that can be reached an INSERT, in a transaction that is rolled back:
    /// nothing is left behind, even by a server that would have taken it.
    ///
    /// # Errors
    ///
    /// [`MysqlError::NoReplica`] where there is none to ask; otherwise why it could not be asked.
    pub async fn try_insert(&self) -> Result<Attempt, MysqlError> {
        let replicas = self.clone();
        let attempt = to_its_end(async move {
            let slot = timeout(SLOT_DEADLINE, replicas.slots.acquire()).await;
            let _slot = slot.map_err(|_| MysqlError::Busy)?;
            let mut connection = replicas.connect().await?;
            let tried = insert_and_roll_back(&mut connection).await;
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a connection did not close cleanly");
            }
            let (pod, refusal) = tried?;
            Ok(Attempt { pod, found_under: replicas.service, refusal })
        })
        .await;
        // That a replica refuses is what was asked for.
        let pod = attempt.as_ref().ok().map(|attempt: &Attempt| &attempt.pod);
        self.queries.count(pod, attempt.as_ref().map(drop).map_err(code));
        attempt
    }

    /// The pods that DNS lists, by name. None where it lists none, or does not answer.
    pub async fn names(&self) -> Vec<PodName> {
        let members = self.resolver.members(&self.service).await.unwrap_or_default();
        let (primary, _) = pod_and_service(&self.config.host);
        let names = members.iter().map(|member| pod_and_service(&member.host).0);
        let mut names: Vec<_> = names.filter(|name| *name != primary).collect();
        names.sort_by_key(|name| (name.len(), *name));
        names.into_iter().map(|name| PodName::new(name.to_owned())).collect()
    }

    /// A connection of its own: a pool to a server that is asked once an hour would be of no use.
    async fn connect(&self) -> Result<MySqlConnection, MysqlError> {
        let members = self.resolver.members(&self.service).await;
        let members = members.map_err(|error| self.none(Some(error.into())))?;
        let (primary, _) = pod_and_service(&self.config.host);
        let mut last = None;
        for member in members {
            if pod_and_service(&member.host).0 == primary {
                continue;
            }
            match self.server(member).connect(CONNECT_DEADLINE).await {
                Ok((connection, _)) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(self.none(last))
    }

    /// Whoever refuses the account, or has another's certificate, did answer.
    fn none(&self, last: Option<MysqlError>) -> MysqlError {
        match last {
            Some(
                answer @ (MysqlError::AccessDenied(_)
                | MysqlError::Untrusted { .. }
                | MysqlError::TooManyConnections(_)),
            ) => answer,
            last => {
                MysqlError::NoReplica { service: self.service.clone(), source: last.map(Box::new) }
            }
        }
    }

    fn server(&self, member: Member) -> Server {
        let Member { host, port } = member;
        Server::new(&MysqlConfig { host, port, ..self.config.clone() }, self.resolver.clone())
    }
}

/// `mysql-0` and `mysql` of `mysql-0.mysql`. An address belongs to no Service.
pub(crate) fn pod_and_service(host: &str) -> (&str, &str) {
    match host.split_once('.') {
        Some(parts) if host.parse::<IpAddr>().is_err() => parts,
        _ => (host, ""),
    }
}

async fn insert_and_roll_back(
    connection: &mut MySqlConnection,
) -> Result<(PodName, Option<Refusal>), MysqlError> {
    let pod = sqlx::query_scalar("SELECT @@report_host").fetch_one(&mut *connection).await?;
    let mut transaction = connection.begin().await?;
    let inserted = sqlx::raw_sql(ATTEMPT).execute(&mut *transaction).await;
    transaction.rollback().await?;
    let refusal = match inserted.map_err(MysqlError::from) {
        Ok(_) => None,
        Err(MysqlError::ReadOnly(error)) => Some(refusal(error)?),
        Err(error) => return Err(error),
    };
    Ok((PodName::new(pod), refusal))
}

/// The server's own words.
fn refusal(error: sqlx::Error) -> Result<Refusal, MysqlError> {
    let said = error.as_database_error().and_then(|error| error.try_downcast_ref());
    let said = said.map(|error: &MySqlDatabaseError| Refusal {
        number: error.number(),
        sqlstate: error.code().unwrap_or_default().to_owned(),
        message: error.message().to_owned(),
    });
    said.ok_or(MysqlError::Other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headless_service_is_what_a_pods_name_ends_in() {
        for (host, parts) in [
            ("mysql-0.mysql", ("mysql-0", "mysql")),
            (
                "mysql-0.mysql.default.svc.cluster.local.",
                ("mysql-0", "mysql.default.svc.cluster.local."),
            ),
            ("mysql-0", ("mysql-0", "")),
            ("192.0.2.7", ("192.0.2.7", "")),
        ] {
            assert_eq!(pod_and_service(host), parts, "{host}");
        }
    }
}

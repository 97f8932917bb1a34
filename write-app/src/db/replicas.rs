//! The replicas. write-app finds them over the headless Service, and sends them one thing only: a write
//! that they refuse.

use std::{net::IpAddr, sync::Arc, time::Duration};

use app_core::{
    config::MysqlConfig,
    dns::{DnsError, Member, Resolver},
    http::{error::mysql::code, metrics::QueryMetrics},
    mysql::{MysqlError, Server, budget, pod_name::PodName, to_its_end},
};
use serde::Serialize;
use sqlx::{Connection as _, MySqlConnection, mysql::MySqlDatabaseError};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};
use utoipa::ToSchema;

/// The statement that a replica is sent: a registration's, with values that a person can read.
pub(crate) const STATEMENT: &str =
    "INSERT INTO users (name, email) VALUES ('Nobody', 'nobody@example.org')";

/// How long write-app waits for a connection to one replica. A replica that is there takes a few
/// milliseconds.
const CONNECT_DEADLINE: Duration = Duration::from_millis(600);

/// How long a request may wait for another attempt to end.
const SLOT_DEADLINE: Duration = Duration::from_secs(2);

/// How long an attempt may take in all.
const DEADLINE: Duration = Duration::from_millis(3_600);

/// The pods of the headless Service that the primary's name belongs to, without the primary. Cheap to
/// clone.
#[derive(Clone)]
pub(crate) struct Replicas {
    config: Arc<MysqlConfig>,
    resolver: Resolver,
    /// The name whose SRV records name the pods.
    service: Arc<str>,
    slots: Arc<Semaphore>,
    queries: QueryMetrics,
}

/// A replica, as DNS lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) pod: PodName,
    /// None where DNS gives no address for its name.
    pub(crate) address: Option<IpAddr>,
}

/// What a replica answered to a write.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// `@@report_host` of the replica.
    pub(crate) pod: PodName,
    /// The name whose SRV records name the pod.
    pub(crate) found_under: String,
    /// None where the server would have taken the write, and so is no replica.
    pub(crate) refusal: Option<Refusal>,
}

/// The error with which the server refused the write.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Refusal {
    /// Such as 1290.
    pub(crate) number: u16,
    /// The SQL standard's code for the kind of error, such as HY000.
    pub(crate) sqlstate: String,
    pub(crate) message: String,
}

impl Replicas {
    /// The replicas of the primary that the configuration names. Opens no connection yet.
    pub(crate) fn new(config: &MysqlConfig, resolver: Resolver, queries: &QueryMetrics) -> Self {
        let (_, service) = pod_and_service(&config.host);
        let service = format!("_mysql._tcp.{service}").into();
        let slots = Arc::new(Semaphore::new(budget::REFUSED_WRITES as usize));
        Self {
            config: Arc::new(config.clone()),
            resolver,
            service,
            slots,
            queries: queries.clone(),
        }
    }

    /// Sends [`STATEMENT`] to the first replica that accepts a connection. The transaction is rolled
    /// back, so nothing stays even on a server that takes the write.
    ///
    /// # Errors
    ///
    /// [`MysqlError::NoReplica`] where no replica could be asked.
    pub(crate) async fn try_insert(&self) -> Result<Attempt, MysqlError> {
        let replicas = self.clone();
        let attempt = to_its_end(async move {
            let attempt = timeout(DEADLINE, replicas.attempt()).await;
            attempt.map_err(|_| MysqlError::Deadline(DEADLINE))?
        })
        .await;
        // A refusal counts as a success: the user wants to see it.
        let pod = attempt.as_ref().ok().map(|attempt: &Attempt| &attempt.pod);
        self.queries.count(pod, attempt.as_ref().map(drop).map_err(code));
        attempt
    }

    async fn attempt(&self) -> Result<Attempt, MysqlError> {
        let slot = timeout(SLOT_DEADLINE, self.slots.acquire()).await;
        let _slot = slot.map_err(|_| MysqlError::Busy)?;
        let mut connection = self.connect().await?;
        let tried = insert_and_roll_back(&mut connection).await;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a connection did not close cleanly");
        }
        let (pod, refusal) = tried?;
        Ok(Attempt { pod, found_under: self.service.to_string(), refusal })
    }

    /// The pods that DNS lists beside the primary, in the order of their ordinals. None where DNS gives no answer.
    pub(crate) async fn listed(&self) -> Option<Vec<Listed>> {
        let members = match self.members().await {
            Err(DnsError::NoAnswer { .. }) => return None,
            members => members.unwrap_or_default(),
        };
        let mut lookups = JoinSet::new();
        for Member { host, .. } in members {
            let resolver = self.resolver.clone();
            lookups.spawn(async move {
                let address = resolver.address(&host).await.ok();
                let (pod, _) = pod_and_service(&host);
                Listed { pod: PodName::new(pod.to_owned()), address }
            });
        }
        let mut listed = lookups.join_all().await;
        listed.sort_by_cached_key(|Listed { pod, .. }| {
            let name = pod.to_string();
            (name.len(), name)
        });
        Some(listed)
    }

    /// The pods that DNS lists under the Service, without the primary.
    async fn members(&self) -> Result<Vec<Member>, DnsError> {
        let (primary, _) = pod_and_service(&self.config.host);
        let mut members = self.resolver.members(&self.service).await?;
        members.retain(|member| pod_and_service(&member.host).0 != primary);
        Ok(members)
    }

    /// Opens a new connection each time: replicas are asked so seldom that a pool would be of no use.
    async fn connect(&self) -> Result<MySqlConnection, MysqlError> {
        let members = self.members().await;
        let members = members.map_err(|error| self.no_replica(Some(error.into())))?;
        let mut last_error = None;
        for member in members {
            match self.server(member).connect(CONNECT_DEADLINE).await {
                Ok((connection, _)) => return Ok(connection),
                Err(error) => last_error = Some(error),
            }
        }
        Err(self.no_replica(last_error))
    }

    /// A replica that refuses the account, or has an untrusted certificate, did answer.
    fn no_replica(&self, last_error: Option<MysqlError>) -> MysqlError {
        match last_error {
            Some(
                answer @ (MysqlError::AccessDenied(_)
                | MysqlError::Untrusted { .. }
                | MysqlError::TooManyConnections(_)),
            ) => answer,
            error => {
                let (service, source) = (self.service.to_string(), error.map(Box::new));
                MysqlError::NoReplica { service, source }
            }
        }
    }

    fn server(&self, member: Member) -> Server {
        let Member { host, port } = member;
        let config = MysqlConfig { host, port, ..(*self.config).clone() };
        Server::new(&config, self.resolver.clone())
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
    let inserted = sqlx::raw_sql(STATEMENT).execute(&mut *transaction).await;
    transaction.rollback().await?;
    let refusal = match inserted.map_err(MysqlError::from) {
        Ok(_) => None,
        Err(MysqlError::ReadOnly(error)) => Some(refusal(error)?),
        Err(error) => return Err(error),
    };
    Ok((PodName::new(pod), refusal))
}

fn refusal(error: sqlx::Error) -> Result<Refusal, MysqlError> {
    let database_error = error.as_database_error().and_then(|error| error.try_downcast_ref());
    let refusal = database_error.map(|error: &MySqlDatabaseError| Refusal {
        number: error.number(),
        sqlstate: error.code().unwrap_or_default().to_owned(),
        message: error.message().to_owned(),
    });
    refusal.ok_or(MysqlError::Other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_dns_name_ends_with_its_headless_service() {
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

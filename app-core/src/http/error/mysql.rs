//! Errors of MySQL: codes for programs, and sentences for people.

use crate::{dns::DnsError, mysql::MysqlError};

/// A name that programs can rely on.
#[must_use]
pub fn code(error: &MysqlError) -> &'static str {
    match error {
        MysqlError::Name(DnsError::NoAddress(_)) => "database_name_unknown",
        MysqlError::Name(DnsError::NoAnswer { .. }) => "dns_no_answer",
        MysqlError::Unreachable { .. } => "database_unreachable",
        MysqlError::Untrusted { .. } => "database_untrusted",
        MysqlError::AccessDenied(_) => "database_access_denied",
        MysqlError::TooManyConnections(_) => "database_too_many_connections",
        MysqlError::DiskFull(_) => "database_disk_full",
        MysqlError::ReadOnly(_) => "database_read_only",
        MysqlError::SchemaMissing(_) => "database_schema_missing",
        MysqlError::SchemaDiffers(_) => "database_schema_differs",
        MysqlError::LockWait(_) => "database_locked",
        MysqlError::Deadlock(_) => "database_deadlock",
        MysqlError::ConnectionLost(_) => "database_connection_lost",
        MysqlError::Busy => "database_busy",
        MysqlError::Deadline(_) => "database_slow",
        MysqlError::NoReplica { .. } => "database_no_replica",
        MysqlError::Duplicate(_) | MysqlError::Other(_) => "database_error",
    }
}

/// A sentence for a person: what is wrong, and what to do.
#[must_use]
pub fn sentence(error: &MysqlError) -> &'static str {
    match error {
        MysqlError::Name(DnsError::NoAddress(_)) => NO_ADDRESS,
        MysqlError::Name(DnsError::NoAnswer { .. }) => NO_DNS,
        MysqlError::Unreachable { .. } => "MySQL does not answer now. Try again in a few seconds.",
        MysqlError::Untrusted { .. } => UNTRUSTED,
        MysqlError::AccessDenied(_) => ACCESS_DENIED,
        MysqlError::TooManyConnections(_) => {
            "MySQL has no connection left. Try again in a few seconds."
        }
        MysqlError::ReadOnly(_) => READ_ONLY,
        MysqlError::SchemaMissing(_) => SCHEMA_MISSING,
        MysqlError::SchemaDiffers(_) => SCHEMA_DIFFERS,
        MysqlError::LockWait(_) => LOCK_WAIT,
        MysqlError::Deadlock(_) => DEADLOCK,
        MysqlError::ConnectionLost(_) => {
            "The connection to MySQL broke. Try again in a few seconds."
        }
        MysqlError::Deadline(_) => DEADLINE,
        MysqlError::DiskFull(_) => DISK_FULL,
        MysqlError::Busy => BUSY,
        MysqlError::NoReplica { .. } => NO_REPLICA,
        MysqlError::Duplicate(_) | MysqlError::Other(_) => {
            "MySQL could not do this. The app's log says why, under the request's id."
        }
    }
}

/// The same for a write whose outcome is unknown: the advice to try again does not fit it.
#[must_use]
pub fn sentence_without_advice(error: &MysqlError) -> &'static str {
    sentence(error).trim_end_matches(" Try again in a few seconds.")
}

const DEADLINE: &str = "MySQL did not finish its answer in time. Try again in a few seconds.";

const BUSY: &str = "All of this app's connections to MySQL are in use. It has done nothing for this request. \
     Try again in a few seconds.";

const NO_ADDRESS: &str = "The name of the MySQL server has no address now. Its pod may be starting. A DNS server with a \
     cache can take half a minute to notice the pod. Try again in a few seconds.";

const NO_DNS: &str = "The cluster's DNS server does not answer, so this app cannot find MySQL. MySQL itself may run. \
     See whether the pods of CoreDNS run, and try again.";

const ACCESS_DENIED: &str = "MySQL refuses this app's account. Compare the Secret mysql-credentials with the account in \
     MySQL.";

const UNTRUSTED: &str = "The authority in DB_TLS_CA has not signed the certificate of the server that answers as MySQL. \
     So this app has not sent its password. Compare the authority and the certificate.";

const READ_ONLY: &str = "This MySQL server is a replica, so it takes no writes. Send writes to the primary, \
     mysql-0.mysql.";

const SCHEMA_MISSING: &str =
    "The table of users does not exist yet. write-app makes it when it first reaches the primary.";

const SCHEMA_DIFFERS: &str = "Another version of write-app made the table of users. /readyz of this app says what \
     differs.";

const LOCK_WAIT: &str = "Another session has locked a row or a table in MySQL. MySQL waited for the lock, and then did \
     nothing for this request. Try again in a few seconds.";

const DEADLOCK: &str = "This request and another one waited for each other's locks in MySQL. MySQL ended this one and \
     did nothing for it. Try again in a few seconds.";

const DISK_FULL: &str = "The volume of the MySQL primary is full, so the primary stores nothing. Make the volume larger, \
     or delete something on it.";

const NO_REPLICA: &str = "No replica answers now. See whether mysql-1 runs, or start it. Then try again. A DNS server \
     with a cache can take half a minute to notice the pod.";

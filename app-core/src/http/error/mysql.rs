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
        MysqlError::Unreachable { .. } => {
            "MySQL does not answer at this moment. Try again in a few seconds."
        }
        MysqlError::Untrusted { .. } => UNTRUSTED,
        MysqlError::AccessDenied(_) => ACCESS_DENIED,
        MysqlError::TooManyConnections(_) => {
            "MySQL has no connection left to give. Try again in a few seconds."
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

const DEADLINE: &str = "MySQL did not finish its answer in time. Try again in a few seconds.";

const BUSY: &str = "All of this app's connections to MySQL are in use, so nothing was done for this request. Try \
     again in a few seconds.";

const NO_ADDRESS: &str = "The MySQL server's name has no address at this moment. Its pod may be coming \
     back. Try again in a few seconds; a DNS server with a cache can take half a minute to notice.";

const NO_DNS: &str = "The cluster's DNS server gives no answer, so this app cannot find MySQL. MySQL itself may be \
     well. See whether the pods of CoreDNS run, and try again.";

const ACCESS_DENIED: &str = "MySQL refuses this app's account. Compare the Secret mysql-credentials with the \
     account in MySQL.";

const UNTRUSTED: &str = "What answers as MySQL has a certificate that DB_TLS_CA does not vouch for, so nothing \
     was sent. Compare the two.";

const READ_ONLY: &str = "This MySQL server takes no writes: it is a replica. Writes must go to the primary, \
     mysql-0.mysql.";

const SCHEMA_MISSING: &str = "The table of users is not there yet. write-app makes it when it first reaches \
     the primary.";

const SCHEMA_DIFFERS: &str = "The table of users was made by another write-app than this one. /readyz of this \
     app says what differs.";

const LOCK_WAIT: &str = "Another session keeps a row or a table in MySQL locked, so MySQL gave up, and did nothing for \
     this request. Try again in a few seconds.";

const DEADLOCK: &str = "This request and another one waited for each other's locks in MySQL, so MySQL ended this one, \
     and did nothing for it. Try again in a few seconds.";

const DISK_FULL: &str = "The volume of the MySQL primary is full, so it stores nothing. Make the volume larger, \
     or free some of it.";

const NO_REPLICA: &str = "No replica answers at this moment. See whether mysql-1 runs, or start it; \
     then try again. A DNS server with a cache can take half a minute to notice.";

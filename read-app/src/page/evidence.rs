//! The last answer, as large as the page allows, and its evidence.

use crate::{
    api::pods::PodView,
    db::{IDENTITY, ReadResult, Role, ServerIdentity},
    routing::{
        ATTEMPTS,
        mode::{Mode, Via, With},
    },
    times,
};

/// How often a query is tried at most, in words.
pub(super) const ATTEMPTS_IN_WORDS: &str = "seven";
const _: () = assert!(ATTEMPTS == 7, "the page says how often a query is tried");

/// What the last answer was, and where it came from.
pub(super) struct Evidence {
    pub(super) pod: String,
    pub(super) ordinal: String,
    pub(super) role: Role,
    /// How far the pod is behind the primary, such as `0.0 s`.
    pub(super) lag: Option<String>,
    /// Where the connection leads to, and what has this address.
    pub(super) address: String,
    pub(super) address_of: &'static str,
    pub(super) connection: String,
    /// The statement, and the row that came back.
    pub(super) sql: &'static str,
    pub(super) row: String,
    pub(super) took: String,
    pub(super) failed_attempts: usize,
}

impl Evidence {
    pub(super) fn new(served: &ReadResult, mode: &Mode, pods: &[PodView]) -> Self {
        let ServerIdentity { pod, role, connection: number } = &served.server;
        let name = pod.to_string();
        let view = pods.iter().find(|view| view.name == name);
        let read_only = u8::from(*role == Role::Replica);
        Self {
            ordinal: pod.ordinal().to_owned(),
            role: *role,
            lag: view.and_then(PodView::lag).map(|lag| times::seconds(lag.time)),
            address: served.address.ip().to_string(),
            address_of: match mode.via {
                Via::MysqlRead => "the address of mysql-read, not of a pod",
                Via::Mysql => "the pod's own address",
            },
            connection: match mode.with {
                With::New => format!("opened for this query; the server numbered it {number}"),
                With::Pool => format!("kept open; the server numbered it {number}"),
            },
            sql: IDENTITY,
            row: format!("{name}, read-only {read_only}, number {number}"),
            took: times::milliseconds(served.took),
            failed_attempts: served.failed_attempts.len(),
            pod: name,
        }
    }
}

//! The last answer, as large as the page allows, and its evidence.

use app_core::{http::error::mysql::sentence, mysql::MysqlError};

use crate::{
    api::pods::PodView,
    db::{IDENTITY, Role},
    page::times,
    routing::{
        Served,
        mode::{Mode, Via, With},
    },
};

/// The outcome of the last query.
pub(super) enum Hero {
    /// A pod answered.
    Answered(Box<Answered>),
    /// Nobody did; a sentence says why.
    Failed(&'static str),
}

/// What the last answer was, and how it was come by.
pub(super) struct Answered {
    pub(super) pod: String,
    pub(super) ordinal: String,
    pub(super) role: Role,
    /// How far the pod is behind the primary, such as `0.0 s`.
    pub(super) lag: Option<String>,
    /// Where the connection leads to, and what is there.
    pub(super) address: String,
    pub(super) address_is: &'static str,
    /// Which connection it was.
    pub(super) connection: String,
    /// The statement, and the row that came back.
    pub(super) sql: &'static str,
    pub(super) row: String,
    pub(super) took: String,
    /// How many attempts before it failed; why stands under the dots.
    pub(super) failed_attempts: usize,
}

impl Hero {
    pub(super) fn new(last: &Result<Served, MysqlError>, mode: &Mode, pods: &[PodView]) -> Self {
        match last {
            Ok(served) => Self::Answered(Box::new(Answered::new(served, mode, pods))),
            Err(error) => Self::Failed(sentence(error)),
        }
    }
}

impl Answered {
    fn new(served: &Served, mode: &Mode, pods: &[PodView]) -> Self {
        let server = &served.answer.server;
        let pod = server.pod.to_string();
        let view = pods.iter().find(|view| view.name == pod);
        let number = server.connection;
        let read_only = u8::from(server.role == Role::Replica);
        Self {
            ordinal: server.pod.ordinal().to_owned(),
            role: server.role,
            lag: view.and_then(PodView::lag).map(|lag| times::seconds(lag.time)),
            address: served.address.ip().to_string(),
            address_is: match mode.via {
                Via::MysqlRead => "the address of mysql-read, not of a pod",
                Via::Mysql => "the pod's own address",
            },
            connection: match mode.with {
                With::New => format!("opened for this query; the server numbered it {number}"),
                With::Pool => format!("kept open; the server numbered it {number}"),
            },
            sql: IDENTITY,
            row: format!("{pod}, read-only {read_only}, number {number}"),
            took: times::milliseconds(served.took),
            failed_attempts: served.failed_attempts.len(),
            pod,
        }
    }
}

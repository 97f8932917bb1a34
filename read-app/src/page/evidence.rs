//! The last answer, as large as the page allows, and its evidence.

use crate::{
    api::pods::PodView,
    db::{Freshness, IDENTITY, ReadResult, Role, ServerIdentity},
    routing::mode::{Mode, Via, With},
    times,
};

/// What the last answer was, and where it came from.
pub(super) struct Evidence {
    pub(super) pod: String,
    pub(super) ordinal: String,
    pub(super) role: Role,
    /// By how much time the pod is behind the primary.
    pub(super) behind: Option<String>,
    /// Where the connection leads to, and what has this address.
    pub(super) address: String,
    pub(super) address_of: String,
    pub(super) connection: String,
    /// The statement, and the row that came back.
    pub(super) sql: &'static str,
    pub(super) row: String,
    /// How long that took, and what the time contains.
    pub(super) took: String,
}

impl Evidence {
    /// `host` is the name that was connected to.
    pub(super) fn new(served: &ReadResult, mode: &Mode, host: &str, pods: &[PodView]) -> Self {
        let ServerIdentity { pod, role, connection: number } = &served.server;
        let name = pod.to_string();
        let view = pods.iter().find(|view| view.name == name);
        let read_only = u8::from(*role == Role::Replica);
        let address = served.address.ip().to_string();
        let is_of_a_pod = pods.iter().any(|view| view.address == address);
        Self {
            ordinal: pod.ordinal().to_owned(),
            role: *role,
            behind: view.and_then(PodView::behind),
            address,
            address_of: match mode.via {
                Via::Mysql => "the pod’s own address".to_owned(),
                Via::MysqlRead if is_of_a_pod => format!("the address of {host}"),
                Via::MysqlRead => format!("the address of {host}, not of a pod"),
            },
            connection: match mode.with {
                With::New => format!("a new one, number {number} on this server"),
                With::Pool => format!("kept open by the pool, number {number} on this server"),
            },
            sql: IDENTITY,
            row: format!(
                "{name}; super_read_only {read_only} ({}); connection {number}",
                role.name()
            ),
            took: took(served),
            pod: name,
        }
    }
}

/// Such as `3.4 ms with connecting`. A connection of a pool may have to be opened or waited for too.
fn took(served: &ReadResult) -> String {
    let listing = if served.users.is_some() { " and listing the users" } else { "" };
    let waiting = match served.freshness {
        None => "",
        Some(Freshness::AtOnce) => " and looking for the commit",
        Some(_) => " and waiting for the commit",
    };
    let failed = match served.failed_attempts.len() {
        0 => String::new(),
        1 => ", without 1 attempt that failed before".to_owned(),
        failed => format!(", without {failed} attempts that failed before"),
    };
    format!("{} with connecting{waiting}{listing}{failed}", times::milliseconds(served.took))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use app_core::mysql::{MysqlError, pod_name::PodName};

    use super::*;
    use crate::db::UsersPage;

    fn served() -> ReadResult {
        let pod = PodName::new("mysql-1".into());
        ReadResult {
            server: ServerIdentity { pod, role: Role::Replica, connection: 7 },
            freshness: None,
            users: None,
            address: ([192, 0, 2, 9], 3306).into(),
            took: Duration::from_micros(3400),
            failed_attempts: Vec::new(),
        }
    }

    #[test]
    fn the_time_of_a_query_says_what_it_contains() {
        assert_eq!(took(&served()), "3.4 ms with connecting");
        let users = Some(UsersPage::default());
        let whole_page = ReadResult { users, freshness: Some(Freshness::AtOnce), ..served() };
        assert_eq!(
            took(&whole_page),
            "3.4 ms with connecting and looking for the commit and listing the users"
        );
        let failed_attempts = vec![MysqlError::Busy, MysqlError::Busy];
        let after_failures = ReadResult { failed_attempts, ..served() };
        let said = "3.4 ms with connecting, without 2 attempts that failed before";
        assert_eq!(took(&after_failures), said);
    }

    #[test]
    fn an_address_is_that_of_the_name_that_was_connected_to() {
        let address_of = |address: &str| {
            let pod = crate::page::explain::tests::pod(1, true);
            let pods = [PodView { address: address.into(), ..pod }];
            Evidence::new(&served(), &Mode::default(), "db.example.org", &pods).address_of
        };
        assert_eq!(address_of("192.0.2.1"), "the address of db.example.org, not of a pod");
        assert_eq!(address_of("192.0.2.9"), "the address of db.example.org");
    }
}

//! The list of users, how fresh it is, and the error in its place where no pod answered.

use app_core::http::{
    error::{self, Error},
    request_id,
};
use axum::http::{HeaderMap, StatusCode};
use time::OffsetDateTime;

use crate::{
    api::pods::PodView,
    db::{Freshness, Position, ReadResult, Role, ServerIdentity, User, UsersPage, UsersQuery},
    page::params::PageParams,
    times,
};

/// The users, and how fresh they are.
pub(super) struct UsersPart<'a> {
    pub(super) page: UsersPage,
    pub(super) pod: String,
    pub(super) ordinal: String,
    role: Role,
    freshness: Option<Freshness>,
    query: &'a UsersQuery,
    /// The user that the reader of the page has just registered.
    id: Option<u64>,
    /// When the pod had these users, in UTC.
    time: String,
    /// By how much time it was behind the primary. None for the primary, and where that is not known.
    behind: Option<String>,
}

/// Why no pod answered.
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) request_id: String,
}

impl<'a> UsersPart<'a> {
    pub(super) fn new(served: ReadResult, params: &'a PageParams, pods: &[PodView]) -> Self {
        let ServerIdentity { pod, role, .. } = served.server;
        let name = pod.to_string();
        let view = pods.iter().find(|view| view.name == name);
        Self {
            ordinal: pod.ordinal().to_owned(),
            time: times::time_of_day(OffsetDateTime::now_utc()),
            behind: view.and_then(PodView::behind),
            role,
            pod: name,
            freshness: served.freshness,
            page: served.users.unwrap_or_default(),
            query: &params.users,
            id: params.id,
        }
    }

    /// Whether the pod had the commit that was waited for.
    pub(super) fn finding(&self) -> Option<String> {
        let pod = &self.pod;
        let what = self.id.map_or_else(|| "this commit".to_owned(), |id| format!("user {id}"));
        Some(match self.freshness? {
            Freshness::AtOnce => format!("{pod} had {what} at once"),
            Freshness::AfterWaiting(waited) => {
                format!("{pod} had {what} after waiting {}", times::seconds(waited))
            }
            Freshness::Behind(Some(1)) => format!("{pod} is behind by 1 transaction"),
            Freshness::Behind(Some(transactions)) => {
                format!("{pod} is behind by {transactions} transactions")
            }
            Freshness::Behind(None) => format!("{pod} is behind; by how much is not known"),
        })
    }

    /// How read-app knows.
    pub(super) fn proof(&self) -> &'static str {
        match self.freshness {
            Some(Freshness::AtOnce) => {
                "The server listed the commit’s GTID in @@GLOBAL.gtid_executed, on the connection that then read this list."
            }
            Some(Freshness::AfterWaiting(_)) => {
                "WAIT_FOR_EXECUTED_GTID_SET returned when the commit’s GTID had been applied, and then the users were read."
            }
            Some(Freshness::Behind(_)) => {
                "The commit’s GTID was not in @@GLOBAL.gtid_executed when the time was up, so this list may lack the user. Ask again: another pod may have it."
            }
            None => "",
        }
    }

    /// How old the list can be.
    pub(super) fn as_of(&self) -> String {
        let age = match (self.role, &self.behind) {
            (Role::Primary, _) => "the primary, which has every commit".to_owned(),
            (Role::Replica, Some(behind)) => format!("a replica, {behind} behind the primary"),
            (Role::Replica, None) => "a replica; how far behind is not known".to_owned(),
        };
        format!("had these users at {} UTC: {age}", self.time)
    }

    pub(super) fn is_from_a_replica(&self) -> bool {
        self.role == Role::Replica
    }

    pub(super) fn search(&self) -> &str {
        &self.query.search
    }

    /// Whether these are not the newest users.
    pub(super) fn has_position(&self) -> bool {
        self.query.position != Position::Newest
    }

    /// Where the users of an empty page would be: the end of a sentence.
    pub(super) fn where_they_would_be(&self) -> String {
        match self.query.position {
            Position::Newest => String::new(),
            Position::OlderThan(id) => format!(" older than number {id}"),
            Position::NewerThan(id) => format!(" newer than number {id}"),
        }
    }

    /// Whether the reader of the page has just registered this user.
    pub(super) fn is_mine(&self, user: &User) -> bool {
        self.id == Some(user.id)
    }
}

impl Failure {
    /// Logs the error, as the page shows only its message.
    pub(super) fn new(error: &Error, headers: &HeaderMap) -> Self {
        let request_id = request_id::of(headers);
        error::log(error, &request_id);
        Self { status: error.status(), message: error.message(), request_id }
    }
}

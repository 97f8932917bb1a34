//! `GET /users`: the users, for programs, and the way to the pod that listed them.

use std::time::Duration;

use app_core::{
    http::error::{Error, causes},
    mysql::pod_name::PodName,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::{
        json::json,
        params::{UsersParams, UsersQueryString},
    },
    db::{Freshness, ReadRequest, ReadResult, Role, User},
    routing::{
        Reads,
        mode::{Mode, Strategy, Via, With},
    },
};

/// How many users a response has at most.
const LIST_LENGTH: usize = 50;

/// The route of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The JSON response. The first three fields are what clients have always relied on.
#[derive(Serialize, ToSchema)]
struct UsersBody {
    success: bool,
    users: Vec<User>,
    #[schema(value_type = String)]
    mysql_pod: PodName,
    served: ServedBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<AfterBody>,
    /// True where so many users match the search that some of them are on no page.
    #[serde(skip_serializing_if = "is_false")]
    incomplete: bool,
    /// The queries for the pages beside this one, with this request's other parameters. Such a page may turn out to be
    /// empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newer: Option<String>,
}

/// The way to the pod.
#[derive(Serialize, ToSchema)]
struct ServedBody {
    /// By `@@super_read_only` when the connection was opened.
    role: Role,
    via: Via,
    with: With,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<Strategy>,
    /// The address that the connection leads to: that of the pod, or for `mysql-read` that of the Service.
    address: String,
    /// The server's number for the connection.
    connection: u64,
    /// How long the successful attempt took, from getting a connection to the last user.
    milliseconds: f64,
    /// Why the attempts before it failed.
    failed_attempts: Vec<String>,
}

/// Whether the pod had the transactions of `after`.
#[derive(Serialize, ToSchema)]
struct AfterBody {
    /// `at_once` or `after_waiting`.
    outcome: &'static str,
    waited_milliseconds: f64,
}

impl AfterBody {
    /// # Errors
    ///
    /// Where the pod lacks transactions: users without what the client must see would look right, and be wrong.
    fn new(freshness: Freshness, pod: &PodName) -> Result<Self, Error> {
        match freshness {
            Freshness::AtOnce => Ok(Self { outcome: "at_once", waited_milliseconds: 0.0 }),
            Freshness::AfterWaiting(waited) => {
                let waited_milliseconds = milliseconds(waited);
                Ok(Self { outcome: "after_waiting", waited_milliseconds })
            }
            Freshness::Behind(transactions) => {
                Err(Error::ReplicaBehind { pod: pod.clone(), transactions })
            }
        }
    }
}

impl ServedBody {
    fn new(result: &ReadResult, mode: &Mode) -> Self {
        Self {
            role: result.server.role,
            via: mode.via,
            with: mode.with,
            strategy: (mode.via == Via::Mysql).then_some(mode.strategy),
            address: result.address.ip().to_string(),
            connection: result.server.connection,
            milliseconds: milliseconds(result.took),
            failed_attempts: result.failed_attempts.iter().map(|error| causes(error)).collect(),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A page of users, and the way to the pod that listed them.
#[utoipa::path(get, path = "/users", operation_id = "users", params(UsersQueryString), responses(
    (status = 200, description = "The users, newest first", body = UsersBody),
    (status = 400, description = "A parameter is not acceptable"),
))]
async fn list(State(reads): State<Reads>, params: UsersParams) -> Result<Response, Error> {
    let UsersParams { mode, after, users, query } = params;
    let request = ReadRequest { after, users: Some((users, LIST_LENGTH)), trusts_known: true };
    let result = reads.read(&mode, request).await?;
    let served = ServedBody::new(&result, &mode);
    let pod = result.server.pod;
    let after = result.freshness.map(|freshness| AfterBody::new(freshness, &pod)).transpose()?;
    let page = result.users.unwrap_or_default();
    json(&UsersBody {
        success: true,
        users: page.users,
        mysql_pod: pod,
        served,
        after,
        incomplete: page.is_incomplete,
        older: page.older_than.map(|id| query.at("older_than", id)),
        newer: page.newer_than.map(|id| query.at("newer_than", id)),
    })
}

//! The parameters of `GET /users`, which the page has too: how to read, and which users.

use std::time::Duration;

use app_core::{http::error::Error, mysql::gtid::GtidSet, typed_text};
use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    db::{After, UsersQuery},
    routing::mode::{Mode, Strategy, Via, With},
};

/// How long a read may wait for its token at most, and how long it waits by default.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const USUAL_WAIT: Duration = Duration::from_secs(3);

/// Longer names of users and searches are refused.
const LONGEST_TEXT: usize = 255;

/// The parameters as they arrive. Each may be missing, and others are ignored.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct UsersQueryString {
    /// The Service: one address for all pods, or all addresses, of which this app picks one.
    #[param(inline)]
    via: Via,
    /// A connection for each read, or one that stays open.
    #[param(inline)]
    with: With,
    /// How this app picks a pod; over `mysql`.
    #[param(inline)]
    strategy: Strategy,
    /// The user who asks, for `sticky`.
    #[param(max_length = 255)]
    user: String,
    /// A GTID set that the pod must have, as write-app gives it.
    #[param(max_length = 2000, example = "3e11fa47-71ca-11e1-9e33-c80aa9429562:57")]
    after: String,
    /// For how many seconds to wait for it.
    #[param(minimum = 0, maximum = 5, default = 3)]
    wait: Option<f64>,
    /// The page of users before this id.
    #[param(format = "uint64")]
    older_than: Option<u64>,
    /// The page of users after this id.
    #[param(format = "uint64")]
    newer_than: Option<u64>,
    /// The users whose name or email begins with this.
    #[param(max_length = 255)]
    search: String,
}

/// The parameters, checked.
#[derive(Clone, Debug)]
pub(crate) struct UsersParams {
    /// How the read gets to a pod.
    pub(crate) mode: Mode,
    /// What the pod must have.
    pub(crate) after: Option<After>,
    /// Which users.
    pub(crate) users: UsersQuery,
}

impl UsersQueryString {
    fn check(self) -> Result<UsersParams, Error> {
        let (users, after) = (self.users()?, self.after()?);
        let user = text("user", &self.user)?;
        let mode = Mode { via: self.via, with: self.with, strategy: self.strategy, user };
        Ok(UsersParams { mode, after, users })
    }

    fn users(&self) -> Result<UsersQuery, Error> {
        let search = text("search", &self.search)?;
        match (search.is_empty(), self.older_than, self.newer_than) {
            (true, None, None) => Ok(UsersQuery::Newest),
            (true, Some(id), None) => Ok(UsersQuery::OlderThan(id)),
            (true, None, Some(id)) => Ok(UsersQuery::NewerThan(id)),
            (false, None, None) => Ok(UsersQuery::Beginning(search)),
            _ => Err(malformed("Give one of search, older_than and newer_than.")),
        }
    }

    fn after(&self) -> Result<Option<After>, Error> {
        let token: GtidSet =
            self.after.trim().parse().map_err(|_| {
                malformed("after must be a GTID set, as write-app gives it: UUID:57.")
            })?;
        let longest = LONGEST_WAIT.as_secs_f64();
        let wait = match self.wait {
            None => USUAL_WAIT,
            Some(seconds) if (0.0..=longest).contains(&seconds) => Duration::from_secs_f64(seconds),
            Some(_) => return Err(malformed(format!("wait is in seconds: 0 to {longest}."))),
        };
        Ok((!token.is_empty()).then_some(After { token, wait }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UsersParams {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let query = Query::<UsersQueryString>::try_from_uri(&parts.uri);
        let Query(query) = query.map_err(|_| {
            malformed(format!(
                "The choices are via={} or {}, with={} or {}, strategy={}; wait, older_than and newer_than are \
                 numbers.",
                Via::MysqlRead.name(),
                Via::Mysql.name(),
                With::New.name(),
                With::Pool.name(),
                Strategy::ALL.map(Strategy::name).join(" or ")
            ))
        })?;
        query.check()
    }
}

fn text(name: &str, text: &str) -> Result<String, Error> {
    let text = typed_text::trimmed(text);
    if text.chars().count() > LONGEST_TEXT {
        return Err(malformed(format!("{name} is too long; {LONGEST_TEXT} characters fit.")));
    }
    Ok(text.to_owned())
}

fn malformed(sentence: impl Into<String>) -> Error {
    Error::Malformed(sentence.into())
}

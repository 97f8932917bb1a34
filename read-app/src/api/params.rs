//! The parameters of `GET /users`, which the page has too: how to read, and which users.

use std::time::Duration;

use app_core::{http::error::Error, mysql::gtid::GtidSet, typed_text};
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{ObjectBuilder, Schema, Type},
};

use crate::{
    api::query_string::QueryString,
    db::{After, Position, UsersQuery},
    routing::mode::{Mode, Strategy, Via, With},
};

/// How long a read may wait for its token at most, and how long it waits by default.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const USUAL_WAIT: Duration = Duration::from_secs(3);

/// Longer names of users and searches are refused.
const LONGEST_TEXT: usize = 255;

/// The parameters by their types. Each may be missing, and others are ignored.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct UsersQueryString {
    /// The Service: `mysql-read` is one address for all pods; of `mysql`, this app picks one pod's address.
    #[param(schema_with = via)]
    via: Via,
    /// `new` opens a connection for each read; `pool` uses one that stays open.
    #[param(schema_with = with)]
    with: With,
    /// How this app picks a pod. Only for `mysql`.
    #[param(schema_with = strategy)]
    strategy: Strategy,
    /// The user's name, for `sticky`.
    #[param(max_length = 255)]
    user: String,
    /// A GTID set that the pod must have, as write-app returns it.
    #[param(max_length = 2000, example = "3e11fa47-71ca-11e1-9e33-c80aa9429562:57")]
    after: String,
    /// How many seconds to wait for it.
    #[param(minimum = 0, maximum = 5, default = 3)]
    wait: Option<f64>,
    /// The page of users before this id, newest first.
    #[param(format = "uint64")]
    older_than: Option<u64>,
    /// The page of users after this id, newest first.
    #[param(format = "uint64")]
    newer_than: Option<u64>,
    /// Only the users whose name or email begins with this, newest first.
    #[param(max_length = 255)]
    search: String,
}

/// The words of two parameters, by which a client chooses. The first is the default.
const VIA: [&str; 2] = [Via::MysqlRead.name(), Via::Mysql.name()];
const WITH: [&str; 2] = [With::New.name(), With::Pool.name()];

fn via() -> Schema {
    choice(&VIA)
}

fn with() -> Schema {
    choice(&WITH)
}

fn strategy() -> Schema {
    choice(&Strategy::ALL.map(Strategy::name))
}

/// The first of these words is the default, and an empty value means it too: a form sends its empty fields.
fn choice(words: &[&str]) -> Schema {
    let words = words.iter().copied();
    let schema = ObjectBuilder::new().schema_type(Type::String);
    schema.default(words.clone().next().map(Into::into)).enum_values(Some(words.chain([""]))).into()
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
    /// The parameters as they arrived.
    pub(crate) query: QueryString,
}

impl UsersQueryString {
    fn check(self, query: QueryString) -> Result<UsersParams, Error> {
        let (users, after) = (self.users()?, self.after()?);
        let user = text("user", &self.user)?;
        let mode = Mode { via: self.via, with: self.with, strategy: self.strategy, user };
        Ok(UsersParams { mode, after, users, query })
    }

    fn users(&self) -> Result<UsersQuery, Error> {
        let search = text("search", &self.search)?;
        let position = match (self.older_than, self.newer_than) {
            (None, None) => Position::Newest,
            (Some(id), None) => Position::OlderThan(id),
            (None, Some(id)) => Position::NewerThan(id),
            (Some(_), Some(_)) => {
                return Err(malformed(
                    "older_than and newer_than cannot be combined. Send only one of them.",
                ));
            }
        };
        Ok(UsersQuery { search, position })
    }

    fn after(&self) -> Result<Option<After>, Error> {
        let token: GtidSet = self.after.trim().parse().map_err(|_| {
            malformed(
                "after must be a GTID set, as write-app returns it, such as \
                     3e11fa47-71ca-11e1-9e33-c80aa9429562:57.",
            )
        })?;
        let longest = LONGEST_WAIT.as_secs_f64();
        let wait = match self.wait {
            None => USUAL_WAIT,
            Some(seconds) if (0.0..=longest).contains(&seconds) => Duration::from_secs_f64(seconds),
            Some(_) => return Err(malformed(what_is_right("wait"))),
        };
        Ok((!token.is_empty()).then_some(After { token, wait }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UsersParams {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let query = QueryString::read(&parts.uri)?;
        let values = query.parse::<UsersQueryString>();
        values.map_err(|name| malformed(what_is_right(name)))?.check(query)
    }
}

/// A sentence on a parameter whose value cannot be read or is out of range.
pub(crate) fn what_is_right(name: &str) -> String {
    let choices = |words: &[&str]| format!("{name} must be one of: {}.", words.join(", "));
    match name {
        "via" => choices(&VIA),
        "with" => choices(&WITH),
        "strategy" => choices(&Strategy::ALL.map(Strategy::name)),
        "wait" => format!("wait must be a number of seconds from 0 to {}.", LONGEST_WAIT.as_secs()),
        name => format!("{name} must be the id of a user: a whole number from 0 to {}.", u64::MAX),
    }
}

fn text(name: &str, text: &str) -> Result<String, Error> {
    let text = typed_text::trimmed(text);
    if text.chars().count() > LONGEST_TEXT {
        return Err(malformed(format!(
            "{name} is too long. It may have at most {LONGEST_TEXT} characters."
        )));
    }
    Ok(text.to_owned())
}

fn malformed(sentence: impl Into<String>) -> Error {
    Error::Malformed(sentence.into())
}

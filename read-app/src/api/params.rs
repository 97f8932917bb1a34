//! What a request asks for: the one reader of query strings, for the page and for the API.

use std::time::Duration;

use app_core::{http::error::Error, mysql::gtid::GtidSet};
use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    db::{After, UsersQuery},
    page::dots::Dots,
    routing::mode::{Mode, Strategy, Via, With},
};

/// How long a read may wait for its token at most, and does where nothing is said.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const USUAL_WAIT: Duration = Duration::from_secs(3);

/// Longer names of users and searches are refused.
const LONGEST_TEXT: usize = 255;

/// How many queries one request may ask for.
pub(crate) const MOST_QUERIES: u8 = 20;

/// The parameters as they come. Each may be missing.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Raw {
    /// The door: one address for all pods, or all addresses, of which this app picks one.
    #[param(inline)]
    via: Via,
    /// A connection for each query, or one that stays open.
    #[param(inline)]
    with: With,
    /// How this app picks a pod; over `mysql`.
    #[param(inline)]
    strategy: Strategy,
    /// Who asks, for `sticky`.
    #[param(max_length = 255)]
    user: String,
    /// Of the page: `on` asks with the other kind of connection too.
    compare: String,
    /// Of the page: `on` makes it large.
    large: String,
    /// Of the page: the dots so far.
    seen: String,
    /// Of the page: those of the other kind of connection.
    seen2: String,
    /// Of the page: the mode that the dots are of.
    was: String,
    /// Of the page: `on` forgets the dots.
    over: String,
    /// Of the page: how many queries to make.
    #[param(maximum = 20)]
    ask: Option<u8>,
    /// Of the page: `live` for its living part alone.
    part: String,
    /// A GTID set that the pod must have, as write-app gives it.
    #[param(max_length = 2000, example = "3e11fa47-71ca-11e1-9e33-c80aa9429562:57")]
    after: String,
    /// For how many seconds to wait for it.
    #[param(minimum = 0, maximum = 5, default = 3)]
    wait: Option<f64>,
    /// Of the page: the user who is looked for.
    #[param(format = "uint64")]
    id: Option<u64>,
    /// The page of users before this id.
    #[param(format = "uint64")]
    older_than: Option<u64>,
    /// The page of users after this id.
    #[param(format = "uint64")]
    newer_than: Option<u64>,
    /// Those whose name or email begins so.
    #[param(max_length = 255)]
    search: String,
}

/// The parameters, checked.
#[derive(Clone, Debug)]
pub(crate) struct Params {
    /// How queries get to a pod.
    pub(crate) mode: Mode,
    /// Whether each query is asked the other way too.
    pub(crate) compare: bool,
    /// Whether the page is for the back row.
    pub(crate) large: bool,
    /// The dots so far, and those of the other kind of connection.
    pub(crate) dots: Dots,
    pub(crate) dots_beside: Dots,
    /// How many queries to make.
    pub(crate) ask: Option<u8>,
    /// Whether only the living part of the page is wanted.
    pub(crate) only_live: bool,
    /// What the pod must have.
    pub(crate) after: Option<After>,
    /// The user who is looked for with it.
    pub(crate) id: Option<u64>,
    /// Which users.
    pub(crate) users: UsersQuery,
}

impl Raw {
    fn check(self) -> Result<Params, Error> {
        let text = |name: &str, text: &str| {
            let text = text.trim();
            let fits = text.chars().count() <= LONGEST_TEXT;
            let refusal =
                || malformed(format!("{name} is too long; {LONGEST_TEXT} characters fit."));
            if fits { Ok(text.to_owned()) } else { Err(refusal()) }
        };
        if self.ask.is_some_and(|ask| ask > MOST_QUERIES) {
            return Err(malformed(format!(
                "ask is how many queries to make: 0 to {MOST_QUERIES}."
            )));
        }
        let (user, search) = (text("user", &self.user)?, text("search", &self.search)?);
        let mode = Mode { via: self.via, with: self.with, strategy: self.strategy, user };
        // Dots of another mode would say nothing of this one.
        let is_other = !self.was.is_empty() && self.was != mode.text();
        let forget = is_other || is_on(&self.over);
        let remembered = |dots: &str| Dots::read(if forget { "" } else { dots });
        Ok(Params {
            users: self.users(search)?,
            after: self.after()?,
            dots: remembered(&self.seen),
            dots_beside: remembered(&self.seen2),
            mode,
            compare: is_on(&self.compare),
            large: is_on(&self.large),
            ask: self.ask,
            only_live: self.part == "live",
            id: self.id,
        })
    }

    fn users(&self, search: String) -> Result<UsersQuery, Error> {
        match (search.is_empty(), self.older_than, self.newer_than) {
            (true, None, None) => Ok(UsersQuery::Newest),
            (true, Some(id), None) => Ok(UsersQuery::OlderThan(id)),
            (true, None, Some(id)) => Ok(UsersQuery::NewerThan(id)),
            (false, None, None) => Ok(UsersQuery::Beginning(search)),
            _ => Err(malformed("Give one of search, older_than and newer_than.".to_owned())),
        }
    }

    fn after(&self) -> Result<Option<After>, Error> {
        let token: GtidSet = self.after.trim().parse().map_err(|_| {
            malformed("after must be a GTID set, as write-app gives it: UUID:57.".to_owned())
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

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let raw = Query::<Raw>::from_request_parts(parts, state).await;
        let Query(raw) = raw.map_err(|_| malformed(choices()))?;
        raw.check()
    }
}

fn choices() -> String {
    format!(
        "The choices are via=mysql-read or mysql, with=new or pool, strategy={}; ask, wait, id, older_than and \
         newer_than are numbers.",
        Strategy::ALL.map(Strategy::name).join(" or ")
    )
}

fn is_on(value: &str) -> bool {
    value == "on"
}

fn malformed(sentence: String) -> Error {
    Error::Malformed(sentence)
}

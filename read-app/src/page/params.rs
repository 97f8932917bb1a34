//! The parameters of the page: those of `GET /users`, and what the page remembers in its form.

use app_core::http::error::Error;
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::params::{self, UsersParams},
    db::{After, UsersQuery},
    page::dots::Dots,
    routing::mode::Mode,
};

/// The parameters that say what the list shows. The page repeats them in all that it sends.
const OF_LIST: [&str; 6] = ["search", "older_than", "newer_than", "after", "wait", "id"];

/// How many queries one request may ask for.
pub(crate) const MOST_QUERIES: u8 = 20;

/// The page's parameters as they arrive, besides those of `GET /users`. Each may be missing.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct PageQueryString {
    /// `on` asks with the other kind of connection too.
    compare: String,
    /// `on` makes the page large.
    large: String,
    /// The dots so far.
    seen: String,
    /// The dots of the other kind of connection.
    seen2: String,
    /// The mode that the dots are of.
    was: String,
    /// `on` forgets the dots.
    over: String,
    /// How many queries to make.
    #[param(maximum = 20)]
    ask: Option<u8>,
    /// `live` for the living part of the page alone.
    part: String,
    /// The user who is looked for.
    #[param(format = "uint64")]
    id: Option<u64>,
}

/// The parameters, checked.
#[derive(Clone, Debug)]
pub(crate) struct PageParams {
    /// How queries get to a pod.
    pub(crate) mode: Mode,
    /// Whether each query is made with the other kind of connection too.
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
    /// Those of the parameters of the list that have a value.
    pub(crate) of_list: Vec<(&'static str, String)>,
}

impl PageQueryString {
    fn check(self, users: UsersParams) -> Result<PageParams, Error> {
        let UsersParams { mode, after, users, query } = users;
        if self.ask.is_some_and(|ask| ask > MOST_QUERIES) {
            return Err(Error::Malformed(what_is_right("ask")));
        }
        // Dots of another mode would say nothing of this one.
        let is_other = !self.was.is_empty() && self.was != mode.text();
        let forget = is_other || is_on(&self.over);
        let remembered = |dots: &str| Dots::read(if forget { "" } else { dots });
        Ok(PageParams {
            dots: remembered(&self.seen),
            dots_beside: remembered(&self.seen2),
            mode,
            after,
            users,
            compare: is_on(&self.compare),
            large: is_on(&self.large),
            ask: self.ask,
            only_live: self.part == "live",
            id: self.id,
            of_list: query.only(&OF_LIST),
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageParams {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let users = UsersParams::from_request_parts(parts, state).await?;
        let values = users.query.parse::<PageQueryString>();
        values.map_err(|name| Error::Malformed(what_is_right(name)))?.check(users)
    }
}

/// A sentence on a parameter whose value cannot be read or is out of range.
fn what_is_right(name: &str) -> String {
    match name {
        "ask" => format!("ask must be a number of queries from 0 to {MOST_QUERIES}."),
        name => params::what_is_right(name),
    }
}

fn is_on(value: &str) -> bool {
    value == "on"
}

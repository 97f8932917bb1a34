//! The page and `GET /users`: the same answer, for people and for programs.

use std::time::SystemTime;

use app_core::{
    error::Error,
    page::{self, Layout},
    pod::PodName,
};
use askama::Template;
use axum::{Json, Router, extract::State, response::Response, routing::get};
use serde::Serialize;
use time::{
    OffsetDateTime, format_description::StaticFormatDescription, macros::format_description,
};

use crate::{
    App,
    db::{Answer, PAGE_LENGTH, ReadService, Role, User},
};

/// How the page writes a time, in UTC.
const TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// The routes of this page.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(show)).route("/users", get(list))
}

/// The JSON answer, in the form that clients have always relied on.
#[derive(Serialize)]
struct UsersBody {
    success: bool,
    users: Vec<UserBody>,
    mysql_pod: PodName,
}

#[derive(Serialize)]
struct UserBody {
    id: u64,
    name: String,
    email: String,
    /// RFC 1123, GMT, such as `Sat, 21 Nov 2026 08:49:37 GMT`.
    created_at: String,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let created_at = httpdate::fmt_http_date(SystemTime::from(user.created_at));
        Self { id: user.id, name: user.name, email: user.email, created_at }
    }
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage<'a> {
    layout: Layout,
    /// The Service that was asked.
    host: &'a str,
    answer: &'a Answer,
}

impl UsersPage<'_> {
    fn time(at: &OffsetDateTime) -> String {
        at.format(TIME).unwrap_or_else(|_| at.to_string())
    }
}

async fn show(State(mysql): State<ReadService>, layout: Layout) -> Result<Response, Error> {
    let answer = mysql.newest_users().await?;
    Ok(page::respond(&UsersPage { layout, host: mysql.host(), answer: &answer })?)
}

async fn list(State(mysql): State<ReadService>) -> Result<Json<UsersBody>, Error> {
    let answer = mysql.newest_users().await?;
    let users = answer.users.into_iter().map(UserBody::from).collect();
    let body = UsersBody { success: true, users, mysql_pod: answer.pod };
    Ok(Json(body))
}

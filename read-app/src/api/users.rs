//! `GET /users`: the users, for programs, and how they were come by.

use std::time::Duration;

use app_core::{
    http::error::{Error, causes},
    mysql::pod_name::PodName,
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::params::{Params, Raw},
    db::{Freshness, Question, Role, User, UsersPage},
    page::times,
    routing::{
        Reads, Served,
        mode::{Mode, Strategy, Via, With},
    },
};

/// How many users an answer has at most.
const LIST_LENGTH: usize = 50;

/// The route of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The JSON answer. The first three fields are what clients have always relied on.
#[derive(Serialize, ToSchema)]
struct UsersBody<'a> {
    success: bool,
    // Empty: `text` puts them in.
    #[schema(value_type = Vec<UserBody>)]
    users: [(); 0],
    #[schema(value_type = String)]
    mysql_pod: &'a PodName,
    served: ServedBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<AfterBody>,
    /// The queries for the pages beside this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newer: Option<String>,
}

#[derive(ToSchema)]
struct UserBody<'a> {
    id: u64,
    name: &'a str,
    email: &'a str,
    /// RFC 1123, GMT, such as `Sat, 21 Nov 2026 08:49:37 GMT`.
    #[schema(value_type = String)]
    created_at: OffsetDateTime,
}

/// How the answer was come by.
#[derive(Serialize, ToSchema)]
struct ServedBody {
    role: Role,
    via: Via,
    with: With,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<Strategy>,
    /// Where the connection leads to; for `mysql-read` the Service's address.
    address: String,
    /// The server's number for the connection.
    connection: u64,
    milliseconds: f64,
    failed_attempts: Vec<String>,
}

/// Whether the pod had what was to be waited for.
#[derive(Serialize, ToSchema)]
struct AfterBody {
    /// `at_once` or `after_waiting`.
    outcome: &'static str,
    waited_milliseconds: f64,
}

impl<'a> From<User<'a>> for UserBody<'a> {
    fn from(User { id, name, email, created_at }: User<'a>) -> Self {
        Self { id, name, email, created_at }
    }
}

impl UserBody<'_> {
    /// By hand: serde_json would look at each byte of a field's name and of a date for what must be escaped, fifty
    /// times a request.
    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        text.extend_from_slice(br#"{"id":"#);
        serde_json::to_writer(&mut *text, &self.id)?;
        text.extend_from_slice(br#","name":"#);
        serde_json::to_writer(&mut *text, self.name)?;
        text.extend_from_slice(br#","email":"#);
        serde_json::to_writer(&mut *text, self.email)?;
        text.extend_from_slice(br#","created_at":""#);
        text.extend_from_slice(&times::http_date(self.created_at));
        text.extend_from_slice(br#""}"#);
        Ok(())
    }
}

impl ServedBody {
    fn new(served: &Served, mode: &Mode) -> Self {
        Self {
            role: served.answer.server.role,
            via: mode.via,
            with: mode.with,
            strategy: (mode.via == Via::Mysql).then_some(mode.strategy),
            address: served.address.ip().to_string(),
            connection: served.answer.server.connection,
            milliseconds: milliseconds(served.took),
            failed_attempts: served.failed_attempts.iter().map(|error| causes(error)).collect(),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A page of users, and how it was come by.
#[utoipa::path(get, path = "/users", operation_id = "users", params(Raw), responses(
    (status = 200, description = "The users, newest first", body = UsersBody),
    (status = 400, description = "A parameter is not acceptable"),
))]
async fn list(State(reads): State<Reads>, params: Params) -> Result<Response, Error> {
    let question = Question { after: params.after, users: Some((params.users, LIST_LENGTH)) };
    let served = reads.ask(&params.mode, question).await?;
    let pod = &served.answer.server.pod;
    let after = match served.answer.freshness {
        None => None,
        Some(Freshness::AtOnce) => Some(AfterBody { outcome: "at_once", waited_milliseconds: 0.0 }),
        Some(Freshness::AfterWaiting(waited)) => {
            let waited_milliseconds = milliseconds(waited);
            Some(AfterBody { outcome: "after_waiting", waited_milliseconds })
        }
        // Users without what the client must see would be the wrong answer, and look like the right one.
        Some(Freshness::Behind(transactions)) => {
            return Err(Error::ReplicaBehind { pod: pod.clone(), transactions });
        }
    };
    let served_body = ServedBody::new(&served, &params.mode);
    let none = UsersPage::default();
    let page = served.answer.users.as_ref().unwrap_or(&none);
    let body = UsersBody {
        success: true,
        users: [],
        mysql_pod: pod,
        served: served_body,
        after,
        older: page.older().map(|id| format!("older_than={id}")),
        newer: page.newer().map(|id| format!("newer_than={id}")),
    };
    let text = text(&body, page).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The body, with the users in it.
fn text(body: &UsersBody<'_>, page: &UsersPage) -> serde_json::Result<Vec<u8>> {
    let frame = serde_json::to_string(body)?;
    // The first: nothing that anybody sent stands before it.
    let (before, after) = frame.split_once("[]").unwrap_or_default();
    // Room for most names and emails: so it seldom has to move.
    let mut text = Vec::with_capacity(frame.len() + page.users().len() * 192);
    text.extend_from_slice(before.as_bytes());
    for (index, user) in page.users().enumerate() {
        text.push(if index == 0 { b'[' } else { b',' });
        UserBody::from(user).write(&mut text)?;
    }
    text.extend_from_slice(if page.users().len() == 0 { b"[]" } else { b"]" });
    text.extend_from_slice(after.as_bytes());
    Ok(text)
}

impl UsersPage {
    /// The id that older ones come after, where there are any.
    pub(crate) fn older(&self) -> Option<String> {
        self.users().next_back().filter(|_| self.has_older).map(|last| last.id.to_string())
    }

    /// The id that newer ones come before, where there are any.
    pub(crate) fn newer(&self) -> Option<String> {
        self.users().next().filter(|_| self.has_newer).map(|first| first.id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_user_written_by_hand_is_json_whatever_the_name_is() {
        for name in ["Ada", "\"},{\"", "\\", "\n\u{1f}\u{7f}", "\u{202E}é😀", "</script>", ""] {
            let created_at = datetime!(2026-11-21 08:49:37 UTC);
            let user = User { id: u64::MAX, name, email: name, created_at };
            let mut text = Vec::new();
            UserBody::from(user).write(&mut text).unwrap();

            let expected = json!({ "id": u64::MAX, "name": name, "email": name,
                "created_at": "Sat, 21 Nov 2026 08:49:37 GMT" });
            assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), expected, "{name}");
        }
    }
}

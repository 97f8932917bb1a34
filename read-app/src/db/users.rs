//! The statements that list users.

use std::{borrow::Cow, time::SystemTime};

use app_core::{mysql::MysqlError, typed_text};
use httpdate::HttpDate;
use serde::{Serialize, Serializer};
use sqlx::{FromRow, MySql, MySqlConnection, mysql::MySqlArguments, query::QueryAs};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::UsersQuery;

/// One registered user.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
pub(crate) struct User {
    /// A newer user has a larger one.
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email: String,
    /// RFC 1123, GMT, such as `Sat, 21 Nov 2026 08:49:37 GMT`.
    #[serde(serialize_with = "as_http_date")]
    #[schema(value_type = String)]
    pub(crate) created_at: OffsetDateTime,
}

/// Users, newest first. A search has one page, by email and name: more letters find the rest.
#[derive(Debug, Default)]
pub(crate) struct UsersPage {
    pub(crate) users: Vec<User>,
    /// The id after which the page of newer users begins, where there are any.
    pub(crate) newer_than: Option<u64>,
    /// The id before which the page of older users begins, where there are any.
    pub(crate) older_than: Option<u64>,
}

fn as_http_date<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    // Without a String in between, which would cost 5 % of a read.
    serializer.collect_str(&HttpDate::from(SystemTime::from(*at)))
}

/// Reads at most `length` users. Each statement reads one page along an index, however many users there are.
pub(super) async fn page(
    connection: &mut MySqlConnection,
    query: &UsersQuery,
    length: usize,
) -> Result<UsersPage, MysqlError> {
    // One more than the page shows: it says whether there are others.
    let limit = u32::try_from(length + 1).unwrap_or(u32::MAX);
    let statement = match query {
        UsersQuery::Newest => older_than(u64::MAX, limit),
        UsersQuery::OlderThan(id) => older_than(*id, limit),
        UsersQuery::NewerThan(id) => newer_than(*id, limit),
        UsersQuery::Beginning(text) => beginning(text, limit),
    };
    let mut users = statement.fetch_all(connection).await?;
    let has_more = users.len() > length;
    users.truncate(length);
    let (has_newer, has_older) = match query {
        UsersQuery::Newest => (false, has_more),
        UsersQuery::OlderThan(_) => (true, has_more),
        UsersQuery::NewerThan(_) => {
            users.reverse();
            (has_more, true)
        }
        UsersQuery::Beginning(_) => (false, false),
    };
    Ok(UsersPage {
        newer_than: users.first().filter(|_| has_newer).map(|user| user.id),
        older_than: users.last().filter(|_| has_older).map(|user| user.id),
        users,
    })
}

// MySQL gives a TIMESTAMP in the connection's time zone, whatever that is, so the statements ask for UTC. By its
// offset: to know the name, MySQL needs tables that it does not have at first.
// https://dev.mysql.com/doc/refman/9.7/en/cast-functions.html#function_cast

/// The last character of every collation: what begins with a text is before the text with this behind it.
const LAST: &str = "\u{10FFFF}";

type UsersStatement = QueryAs<'static, MySql, User, MySqlArguments>;

/// Newest first.
fn older_than(id: u64, limit: u32) -> UsersStatement {
    let users = sqlx::query_as(
        "SELECT id, name, email, CAST(created_at AT TIME ZONE '+00:00' AS DATETIME) AS created_at
         FROM users WHERE id < ? ORDER BY id DESC LIMIT ?",
    );
    users.bind(id).bind(limit)
}

/// Oldest first.
fn newer_than(id: u64, limit: u32) -> UsersStatement {
    let users = sqlx::query_as(
        "SELECT id, name, email, CAST(created_at AT TIME ZONE '+00:00' AS DATETIME) AS created_at
         FROM users WHERE id > ? ORDER BY id LIMIT ?",
    );
    users.bind(id).bind(limit)
}

/// The users whose email begins with the text, then those whose name does: ranges of two indexes.
///
/// A range of the collation and not LIKE, which compares single characters. So a name is found with and without its
/// marks, whether they are characters of their own or not, and without its joiners. A few letters, such as й, are
/// different ones for MySQL without and with a character for the mark. So each form that may be stored has its range.
fn beginning(text: &str, limit: u32) -> UsersStatement {
    let [unicode, ascii] = typed_text::email_forms(&typed_text::composed(text));
    let emails = [typed_text::decomposed(&unicode).into_owned(), unicode, ascii];
    let names = [typed_text::composed(text), typed_text::decomposed(text)].map(Cow::into_owned);
    // A text of marks alone has no weight, and so every value would begin with it.
    let mut users = sqlx::query_as(
        "(SELECT id, name, email, CAST(created_at AT TIME ZONE '+00:00' AS DATETIME) AS created_at FROM users
          WHERE (email BETWEEN ? AND ? OR email BETWEEN ? AND ? OR email BETWEEN ? AND ?)
            AND ? COLLATE utf8mb4_0900_ai_ci <> '' ORDER BY email LIMIT ?)
         UNION
         (SELECT id, name, email, CAST(created_at AT TIME ZONE '+00:00' AS DATETIME) AS created_at FROM users
          WHERE (name BETWEEN ? AND ? OR name BETWEEN ? AND ?)
            AND ? COLLATE utf8mb4_0900_ai_ci <> '' ORDER BY name LIMIT ?)
         LIMIT ?",
    );
    for forms in [&emails[..], &names[..]] {
        for form in forms {
            users = users.bind(form.clone()).bind(form.clone() + LAST);
        }
        users = users.bind(text.to_owned()).bind(limit);
    }
    users.bind(limit)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_user_is_json_whatever_the_name_holds() {
        for name in ["Ada", "\"},{\"", "\\", "\n\u{1f}\u{7f}", "\u{202E}é😀", "</script>", ""] {
            let created_at = datetime!(2026-11-21 08:49:37 UTC);
            let user = User { id: u64::MAX, name: name.into(), email: name.into(), created_at };

            let text = serde_json::to_string(&user).unwrap();

            let expected = json!({ "id": u64::MAX, "name": name, "email": name,
                "created_at": "Sat, 21 Nov 2026 08:49:37 GMT" });
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{name}");
        }
    }
}

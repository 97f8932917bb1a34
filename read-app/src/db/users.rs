//! The statements that list users.

use std::{borrow::Cow, time::SystemTime};

use app_core::{mysql::MysqlError, typed_text};
use httpdate::HttpDate;
use serde::{Serialize, Serializer};
use sqlx::{
    FromRow, MySql, MySqlConnection,
    mysql::{MySqlArguments, MySqlRow},
    query::QueryAs,
};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// How many of the users who match a search are looked at, so that a search costs little, whatever it is for.
pub(crate) const MOST_MATCHES: i64 = 5_000;

/// One registered user.
#[derive(Clone, Debug, Serialize, ToSchema)]
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

/// By position, as [`select_users!`] has the columns: looking up four names in each of fifty rows costs 4 % of a read.
impl FromRow<'_, MySqlRow> for User {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (id, name, email, created_at) = FromRow::from_row(row)?;
        Ok(Self { id, name, email, created_at })
    }
}

/// Which users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsersQuery {
    /// Only the users whose name or email begins with this; all users where it is empty.
    pub(crate) search: String,
    /// Which of them.
    pub(crate) position: Position,
}

/// Which page of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Position {
    /// The newest users.
    #[default]
    Newest,
    /// The newest of the users before this id.
    OlderThan(u64),
    /// The next users after this id.
    NewerThan(u64),
}

/// Users, newest first.
#[derive(Debug, Default)]
pub(crate) struct UsersPage {
    pub(crate) users: Vec<User>,
    /// The id after which the page of newer users begins, where there may be any.
    pub(crate) newer_than: Option<u64>,
    /// The id before which the page of older users begins, where there may be any.
    pub(crate) older_than: Option<u64>,
    /// Whether more users match the search than are looked at, so that some are on no page.
    pub(crate) is_incomplete: bool,
}

/// All users of a query, whatever its position.
#[derive(Default, FromRow)]
struct Extent {
    matches: i64,
    oldest: Option<u64>,
    newest: Option<u64>,
}

fn as_http_date<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    // Without a String in between, which would cost 5 % of a read.
    serializer.collect_str(&HttpDate::from(SystemTime::from(*at)))
}

/// Reads at most `length` users. Each statement reads one page along an index, however many users there are, and for a
/// search at most [`MOST_MATCHES`] entries of each of two indexes.
pub(super) async fn page(
    connection: &mut MySqlConnection,
    query: &UsersQuery,
    length: usize,
) -> Result<UsersPage, MysqlError> {
    let UsersQuery { search, position } = query;
    // One more than the page shows: it says whether there are others.
    let limit = u32::try_from(length + 1).unwrap_or(u32::MAX);
    let statement = match position {
        Position::NewerThan(id) => newer_than(search, *id, limit),
        Position::Newest | Position::OlderThan(_) => older_than(search, position.id(), limit),
    };
    let mut users = statement.fetch_all(&mut *connection).await?;
    let has_more = users.len() > length;
    users.truncate(length);
    let extent = if *query == UsersQuery::default() {
        Extent::default()
    } else {
        extent(search).fetch_one(connection).await?
    };
    let (has_newer, has_older) = match position {
        Position::Newest => (false, has_more),
        Position::OlderThan(id) => (extent.newest >= Some(*id), has_more),
        Position::NewerThan(id) => {
            users.reverse();
            (has_more, extent.oldest.is_some_and(|oldest| oldest <= *id))
        }
    };
    // Beside an empty page are those between which it would be.
    let newest = users.first().map_or(position.id().saturating_sub(1), |user| user.id);
    let oldest = users.last().map_or(position.id().saturating_add(1), |user| user.id);
    let is_incomplete = extent.matches > MOST_MATCHES;
    let newer_than = has_newer.then_some(newest);
    Ok(UsersPage { users, newer_than, older_than: has_older.then_some(oldest), is_incomplete })
}

impl Position {
    fn id(self) -> u64 {
        match self {
            Self::Newest => u64::MAX,
            Self::OlderThan(id) | Self::NewerThan(id) => id,
        }
    }
}

// MySQL gives a TIMESTAMP in the connection's time zone, whatever that is, so the statements ask for UTC. By its
// offset: to know the name, MySQL needs tables that it does not have at first.
// https://dev.mysql.com/doc/refman/9.7/en/cast-functions.html#function_cast

macro_rules! select_users {
    () => {
        "SELECT id, name, email, CAST(created_at AT TIME ZONE '+00:00' AS DATETIME) AS created_at FROM users "
    };
}

/// The last character of every collation: what begins with a text is before the text with this behind it.
const LAST: &str = "\u{10FFFF}";

/// The ids of the users whose email or name begins with a text: ranges of two indexes, which have the ids. One more
/// than [`MOST_MATCHES`] says that there are more.
///
/// A range of the collation and not LIKE, which compares single characters. So a name is found with and without its
/// marks, whether they are separate characters or not, and without its joiners. A few letters, such as й, are
/// different ones for MySQL without and with a character for the mark. So each form that may be stored has its range.
/// A text of marks alone has no weight, and every value would begin with it.
macro_rules! with_matching {
    ($statement:expr) => {
        concat!(
            "WITH matching AS (
                 (SELECT id FROM users
                  WHERE (email BETWEEN ? AND ? OR email BETWEEN ? AND ? OR email BETWEEN ? AND ?)
                    AND ? COLLATE utf8mb4_0900_ai_ci <> '' LIMIT 5001)
                 UNION
                 (SELECT id FROM users
                  WHERE (name BETWEEN ? AND ? OR name BETWEEN ? AND ?)
                    AND ? COLLATE utf8mb4_0900_ai_ci <> '' LIMIT 5001)
                 LIMIT 5001) ",
            $statement
        )
    };
}
const _: () = assert!(MOST_MATCHES == 5_000, "the statement has it too");

type Statement<T> = QueryAs<'static, MySql, T, MySqlArguments>;

/// Newest first.
fn older_than(search: &str, id: u64, limit: u32) -> Statement<User> {
    let statement = if search.is_empty() {
        sqlx::query_as(concat!(select_users!(), "WHERE id < ? ORDER BY id DESC LIMIT ?"))
    } else {
        matching(
            search,
            with_matching!(concat!(
                select_users!(),
                "JOIN (SELECT id FROM matching WHERE id < ? ORDER BY id DESC LIMIT ?) AS page USING (id) ORDER BY id DESC"
            )),
        )
    };
    statement.bind(id).bind(limit)
}

/// Oldest first.
fn newer_than(search: &str, id: u64, limit: u32) -> Statement<User> {
    let statement = if search.is_empty() {
        sqlx::query_as(concat!(select_users!(), "WHERE id > ? ORDER BY id LIMIT ?"))
    } else {
        matching(
            search,
            with_matching!(concat!(
                select_users!(),
                "JOIN (SELECT id FROM matching WHERE id > ? ORDER BY id LIMIT ?) AS page USING (id) ORDER BY id"
            )),
        )
    };
    statement.bind(id).bind(limit)
}

fn extent(search: &str) -> Statement<Extent> {
    if search.is_empty() {
        sqlx::query_as("SELECT 0 AS matches, MIN(id) AS oldest, MAX(id) AS newest FROM users")
    } else {
        matching(
            search,
            with_matching!(
                "SELECT COUNT(*) AS matches, MIN(id) AS oldest, MAX(id) AS newest FROM matching"
            ),
        )
    }
}

fn matching<T: for<'r> FromRow<'r, MySqlRow>>(
    search: &str,
    statement: &'static str,
) -> Statement<T> {
    let [unicode, ascii] = typed_text::email_forms(&typed_text::composed(search));
    let emails = [typed_text::decomposed(&unicode).into_owned(), unicode, ascii];
    let names = [typed_text::composed(search), typed_text::decomposed(search)].map(Cow::into_owned);
    let mut users = sqlx::query_as(statement);
    for forms in [&emails[..], &names[..]] {
        for form in forms {
            users = users.bind(form.clone()).bind(form.clone() + LAST);
        }
        users = users.bind(search.to_owned());
    }
    users
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

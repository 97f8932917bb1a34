//! The statements that list users, and a page of them.

use std::ops::Range;

use app_core::mysql::MysqlError;
use futures_util::TryStreamExt as _;
use sqlx::{
    Either, Executor as _, MySql, MySqlConnection, Row as _,
    mysql::{MySqlArguments, MySqlRow},
    query::Query,
};
use time::OffsetDateTime;

use super::UsersQuery;

/// One registered user.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// The row's key; a newer user has a larger one.
    pub id: u64,
    /// The name as it was registered.
    pub name: &'a str,
    /// The email as it was registered.
    pub email: &'a str,
    /// When, in UTC, to the second.
    pub created_at: OffsetDateTime,
}

/// At most as many users as were asked for, newest first, and whether there are more on either side. A search has
/// one page, by email and name: more letters find the rest.
#[derive(Debug, Default)]
pub struct UsersPage {
    rows: Vec<Row>,
    /// All names and emails, one after the other: an allocation for each would cost more than all else that is
    /// done with them.
    text: String,
    /// Whether there are newer ones.
    pub has_newer: bool,
    /// Whether there are older ones.
    pub has_older: bool,
}

#[derive(Debug)]
struct Row {
    id: u64,
    name: Range<usize>,
    email: Range<usize>,
    created_at: OffsetDateTime,
}

impl UsersPage {
    /// The users.
    #[must_use]
    pub fn users(&self) -> impl DoubleEndedIterator<Item = User<'_>> + ExactSizeIterator {
        self.rows.iter().map(|row| User {
            id: row.id,
            name: &self.text[row.name.clone()],
            email: &self.text[row.email.clone()],
            created_at: row.created_at,
        })
    }

    fn with_room_for(users: usize) -> Self {
        // For most names and emails: so the text seldom has to move.
        let text = String::with_capacity(users * 64);
        Self { rows: Vec::with_capacity(users), text, ..Self::default() }
    }

    async fn add_all(
        &mut self,
        connection: &mut MySqlConnection,
        query: Query<'_, MySql, MySqlArguments>,
    ) -> sqlx::Result<()> {
        // `fetch` would hand each row through two streams more.
        let mut steps = connection.fetch_many(query);
        while let Some(step) = steps.try_next().await? {
            if let Either::Right(row) = step {
                self.add(&row)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, row: &MySqlRow) -> sqlx::Result<()> {
        let (id, name, email) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (name, email) = (self.add_text(name), self.add_text(email));
        // MySQL's last moment is in 2038, long before this type's.
        let created_at = OffsetDateTime::from_unix_timestamp(row.try_get(3)?);
        let created_at = created_at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        self.rows.push(Row { id, name, email, created_at });
        Ok(())
    }

    fn add_text(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }
}

/// Each statement reads one page along an index, however many users there are. One more than a page
/// is asked for: it says whether there are others.
pub(super) async fn page(
    connection: &mut MySqlConnection,
    query: &UsersQuery,
    length: usize,
) -> Result<UsersPage, MysqlError> {
    let limit = u32::try_from(length + 1).unwrap_or(u32::MAX);
    let statement = match query {
        UsersQuery::Newest => older_than(u64::MAX, limit),
        UsersQuery::OlderThan(id) => older_than(*id, limit),
        UsersQuery::NewerThan(id) => newer_than(*id, limit),
        UsersQuery::Beginning(text) => beginning(text, limit),
    };
    let mut page = UsersPage::with_room_for(length + 1);
    page.add_all(connection, statement).await?;
    let more = page.rows.len() > length;
    page.rows.truncate(length);
    (page.has_newer, page.has_older) = match query {
        UsersQuery::Newest => (false, more),
        UsersQuery::OlderThan(_) => (true, more),
        UsersQuery::NewerThan(_) => {
            page.rows.reverse();
            (more, true)
        }
        UsersQuery::Beginning(_) => (false, false),
    };
    Ok(page)
}

// The columns of a user. A `TIMESTAMP` would come in the connection's time zone.

fn older_than(id: u64, limit: u32) -> Query<'static, MySql, MySqlArguments> {
    let users = sqlx::query(
        "SELECT id, name, email, UNIX_TIMESTAMP(created_at) FROM users
         WHERE id < ? ORDER BY id DESC LIMIT ?",
    );
    users.bind(id).bind(limit)
}

/// Those next after it, oldest first.
fn newer_than(id: u64, limit: u32) -> Query<'static, MySql, MySqlArguments> {
    let users = sqlx::query(
        "SELECT id, name, email, UNIX_TIMESTAMP(created_at) FROM users
         WHERE id > ? ORDER BY id LIMIT ?",
    );
    users.bind(id).bind(limit)
}

/// Those whose email begins so, then those whose name does: two ranges of two indexes.
fn beginning(text: &str, limit: u32) -> Query<'static, MySql, MySqlArguments> {
    // In a pattern these three characters have a meaning of their own.
    let pattern = text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_") + "%";
    let users = sqlx::query(
        "(SELECT id, name, email, UNIX_TIMESTAMP(created_at) FROM users
          WHERE email LIKE ? ORDER BY email LIMIT ?)
         UNION (SELECT id, name, email, UNIX_TIMESTAMP(created_at) FROM users
          WHERE name LIKE ? ORDER BY name LIMIT ?)
         LIMIT ?",
    );
    users.bind(pattern.clone()).bind(limit).bind(pattern).bind(limit).bind(limit)
}

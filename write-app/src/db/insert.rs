//! The statements of a registration.

use std::time::{Duration, Instant};

use app_core::{
    http::error::{Error, FieldProblem},
    mysql::{MysqlError, Pooled},
};
use sqlx::{FromRow, MySqlConnection};

use super::commit::{self, BeforeCommit};
use crate::{
    idempotency::{IdempotencyKey, Sender},
    registration::Registration,
};

/// The row of a user.
pub(super) struct Inserted {
    pub(super) id: u64,
    /// None where an earlier attempt committed it.
    pub(super) commit_ms: Option<u64>,
    /// What the primary said before the INSERT was sent.
    pub(super) before: BeforeCommit,
}

/// Inserts a user, or finds the user whom an earlier attempt at the same registration inserted.
///
/// The question before the commit comes first: once the row is in, nothing may fail any more.
///
/// # Errors
///
/// As [`super::Primary::register`].
pub(super) async fn user(
    connection: &mut Pooled<BeforeCommit>,
    registration: &Registration,
    sender: &Sender,
) -> Result<Inserted, Error> {
    let before = commit::before(connection).await?;
    let sent = Instant::now();
    let (id, commit_ms) = match insert(connection, registration, sender.key()).await {
        Ok(id) => (id, Some(milliseconds(sent.elapsed()))),
        Err(MysqlError::Duplicate(_)) => (find(connection, registration, sender).await?, None),
        Err(error @ MysqlError::ConnectionLost(_)) => return Err(Error::OutcomeUnknown(error)),
        Err(error) => return Err(error.into()),
    };
    Ok(Inserted { id, commit_ms, before })
}

async fn insert(
    connection: &mut MySqlConnection,
    Registration { name, email }: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<u64, MysqlError> {
    let inserted = sqlx::query("INSERT INTO users (name, email, idempotency_key) VALUES (?, ?, ?)")
        .bind(name.as_str())
        .bind(email.as_str())
        .bind(key.map(IdempotencyKey::as_str))
        .execute(connection)
        .await?;
    Ok(inserted.last_insert_id())
}

#[derive(FromRow)]
struct User {
    id: u64,
    name: String,
    email: String,
}

impl User {
    fn has_values_of(&self, Registration { name, email }: &Registration) -> bool {
        self.name == name.as_str() && self.email == email.as_str()
    }
}

/// Finds the row that made the INSERT a duplicate, if it is of the same registration. That row is
/// committed: InnoDB waits for the end of the other transaction before it says "duplicate".
async fn find(
    connection: &mut MySqlConnection,
    registration: &Registration,
    sender: &Sender,
) -> Result<u64, Error> {
    if let Some(key) = sender.key()
        && let Some(user) = with_key(connection, key).await?
    {
        let is_same = user.has_values_of(registration);
        return if is_same { Ok(user.id) } else { Err(Error::IdempotencyKeyReused) };
    }
    match with_email(connection, registration.email.as_str()).await? {
        Some(user) if *sender == Sender::Person && user.has_values_of(registration) => Ok(user.id),
        user => Err(taken(user.is_some_and(|user| user.name == registration.name.as_str()))),
    }
}

async fn with_key(
    connection: &mut MySqlConnection,
    key: &IdempotencyKey,
) -> Result<Option<User>, MysqlError> {
    let sql = "SELECT id, name, email FROM users WHERE idempotency_key = ?";
    Ok(sqlx::query_as(sql).bind(key.as_str()).fetch_optional(connection).await?)
}

async fn with_email(
    connection: &mut MySqlConnection,
    email: &str,
) -> Result<Option<User>, MysqlError> {
    let sql = "SELECT id, name, email FROM users WHERE email = ?";
    Ok(sqlx::query_as(sql).bind(email).fetch_optional(connection).await?)
}

/// The name of a user cannot be changed here. A person who corrects it and sends the form again must learn why
/// that fails.
fn taken(under_this_name: bool) -> Error {
    let message = if under_this_name {
        "This email is registered already, with this name."
    } else {
        "This email is registered already, with another name. The name of a registered user cannot be changed here; to register another user, enter another email."
    };
    Error::Conflict(FieldProblem { field: "email", message: message.into() })
}

/// Whole milliseconds, rounded up: no commit takes 0 ms.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_counts_as_one() {
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_micros(2000)), 2);
    }
}

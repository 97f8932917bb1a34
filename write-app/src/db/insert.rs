//! The statements of a registration.

use std::time::{Duration, Instant};

use app_core::{
    http::error::{Error, FieldProblem},
    mysql::{MysqlError, Pooled},
};
use sqlx::{FromRow, MySqlConnection};

use super::commit::{self, BeforeCommit};
use crate::{idempotency::IdempotencyKey, registration::Registration};

/// The row of a user.
pub(super) struct Inserted {
    pub(super) id: u64,
    /// None where an earlier attempt committed it.
    pub(super) commit_ms: Option<u64>,
    /// What the primary said before the INSERT was sent.
    pub(super) before: BeforeCommit,
}

/// Inserts a user, or finds the user whom an earlier attempt inserted under the same key.
///
/// The question before the commit comes first: once the row is in, nothing may fail any more.
///
/// # Errors
///
/// As [`super::Primary::register`].
pub(super) async fn user(
    connection: &mut Pooled<BeforeCommit>,
    registration: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<Inserted, Error> {
    let before = commit::before(connection).await?;
    let sent = Instant::now();
    let (id, commit_ms) = match insert(connection, registration, key).await {
        Ok(id) => (id, Some(milliseconds(sent.elapsed()))),
        Err(MysqlError::Duplicate(_)) => (find(connection, registration, key).await?, None),
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

/// Finds the row that made the INSERT a duplicate, if the same registration inserted it. That row is
/// committed: InnoDB waits for the end of the other transaction before it says "duplicate".
async fn find(
    connection: &mut MySqlConnection,
    Registration { name, email }: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<u64, Error> {
    let user: Option<User> =
        sqlx::query_as("SELECT id, name, email FROM users WHERE idempotency_key = ?")
            .bind(key.map(IdempotencyKey::as_str))
            .fetch_optional(connection)
            .await
            .map_err(MysqlError::from)?;
    match user {
        Some(user) if user.name == name.as_str() && user.email == email.as_str() => Ok(user.id),
        Some(_) => Err(Error::IdempotencyKeyReused),
        None => Err(Error::Conflict(FieldProblem {
            field: "email",
            message: "This email is registered already.".into(),
        })),
    }
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

//! The statements of a registration.

use std::time::{Duration, Instant};

use app_core::{
    http::error::{Error, FieldProblem},
    mysql::MysqlError,
};
use sqlx::{FromRow, MySqlConnection};

use super::commit::BeforeCommit;
use crate::{idempotency::IdempotencyKey, registration::Registration};

/// The row of a user.
pub(super) struct Inserted {
    pub(super) id: u64,
    /// Whether an earlier attempt under the same key had inserted the row.
    pub(super) repeated: bool,
    pub(super) commit_ms: u64,
    /// What the primary said before the INSERT was sent.
    pub(super) before: BeforeCommit,
}

/// How often the INSERT is sent where MySQL ends it because of a deadlock. Nothing is left of it then.
const ATTEMPTS: u32 = 3;

/// Inserts a user, or finds the user whom an earlier attempt inserted under the same key.
///
/// # Errors
///
/// As [`super::Primary::register`].
pub(super) async fn user(
    connection: &mut MySqlConnection,
    before: BeforeCommit,
    registration: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<Inserted, Error> {
    let sent = Instant::now();
    let mut inserted = insert(connection, registration, key).await;
    for _ in 1..ATTEMPTS {
        if let Err(MysqlError::Deadlock(_)) = &inserted {
            inserted = insert(connection, registration, key).await;
        }
    }
    let (id, repeated) = match inserted {
        Ok(id) => (id, false),
        Err(MysqlError::Duplicate(_)) => (find(connection, registration, key).await?, true),
        Err(error) if leaves_outcome_unknown(&error) => return Err(Error::OutcomeUnknown(error)),
        Err(error) => return Err(error.into()),
    };
    Ok(Inserted { id, repeated, commit_ms: milliseconds(sent.elapsed()), before })
}

/// Whether MySQL may have stored the row all the same: it sent no error, or one about the connection.
fn leaves_outcome_unknown(error: &MysqlError) -> bool {
    match error {
        MysqlError::ConnectionLost(_) => true,
        MysqlError::Other(error) => error.as_database_error().is_none(),
        _ => false,
    }
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

    #[test]
    fn without_an_answer_of_mysql_to_the_insert_the_outcome_is_unknown() {
        let io = || sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        let half_an_answer = || sqlx::Error::Protocol("the packet ends too soon".into());
        for error in [io(), half_an_answer(), sqlx::Error::WorkerCrashed] {
            assert!(leaves_outcome_unknown(&MysqlError::from(error)));
        }
        for error in [MysqlError::LockWait(io()), MysqlError::DiskFull(None), MysqlError::Busy] {
            assert!(!leaves_outcome_unknown(&error), "{error}");
        }
    }
}

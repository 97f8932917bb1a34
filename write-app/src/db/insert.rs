//! The statements of a registration.

use std::time::{Duration, Instant};

use app_core::{
    http::error::{Error, FieldProblem},
    mysql::{MysqlError, Pooled},
    typed_text,
};
use sqlx::{FromRow, MySqlConnection};

use super::commit::{self, BeforeCommit};
use crate::{
    idempotency::IdempotencyKey,
    registration::{Email, Registration, Typed},
};

/// The row of a user.
pub(super) struct Inserted {
    pub(super) id: u64,
    /// Whether an earlier attempt under the same key had inserted the row.
    pub(super) repeated: bool,
    pub(super) commit_ms: u64,
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
    let has_other_form = has_other_form(connection, &registration.email).await?;
    let before = commit::before(connection).await?;
    let sent = Instant::now();
    let inserted =
        if has_other_form { None } else { insert(connection, registration, key).await? };
    let (id, repeated) = match inserted {
        Some(id) => (id, false),
        None => (find(connection, registration, key).await?, true),
    };
    Ok(Inserted { id, repeated, commit_ms: milliseconds(sent.elapsed()), before })
}

/// Whether another form of the email is stored: rows from before emails had one form, and those of an older write-app,
/// are as they were typed. The unique key takes such a form for another mailbox.
async fn has_other_form(
    connection: &mut MySqlConnection,
    email: &Email,
) -> Result<bool, MysqlError> {
    if email.as_str().is_ascii() {
        return Ok(false);
    }
    let [unicode, ascii] = typed_text::email_forms(email.as_str());
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT email FROM users WHERE email IN (?, ?, ?)")
            .bind(typed_text::decomposed(&unicode).into_owned())
            .bind(unicode)
            .bind(ascii)
            .fetch_all(connection)
            .await?;
    let is_same = |stored: &String| Email::parse(stored).is_ok_and(|it| it.is_same_mailbox(email));
    Ok(stored.iter().any(is_same))
}

/// Returns the id, or `None` where the email or the key is there already.
async fn insert(
    connection: &mut MySqlConnection,
    Registration { name, email }: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<Option<u64>, Error> {
    let inserted = sqlx::query("INSERT INTO users (name, email, idempotency_key) VALUES (?, ?, ?)")
        .bind(name.as_str())
        .bind(email.as_str())
        .bind(key.map(IdempotencyKey::as_str))
        .execute(connection)
        .await;
    match inserted.map_err(MysqlError::from) {
        Ok(inserted) => Ok(Some(inserted.last_insert_id())),
        Err(MysqlError::Duplicate(_)) => Ok(None),
        Err(error @ MysqlError::ConnectionLost(_)) => Err(Error::OutcomeUnknown(error)),
        Err(error) => Err(error.into()),
    }
}

#[derive(FromRow)]
struct User {
    id: u64,
    name: String,
    email: String,
}

impl User {
    /// Compares the values as they would be stored now: an older write-app stored them as they were typed.
    fn is(&self, registration: &Registration) -> bool {
        let (name, email) = (self.name.clone(), self.email.clone());
        let stored = Registration::parse(&Typed { name, email, ..Typed::default() });
        stored.is_ok_and(|stored| stored == *registration)
    }
}

/// Finds the row that made the INSERT a duplicate, if the same registration inserted it. That row is
/// committed: InnoDB waits for the end of the other transaction before it says "duplicate".
async fn find(
    connection: &mut MySqlConnection,
    registration: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<u64, Error> {
    let user: Option<User> =
        sqlx::query_as("SELECT id, name, email FROM users WHERE idempotency_key = ?")
            .bind(key.map(IdempotencyKey::as_str))
            .fetch_optional(connection)
            .await
            .map_err(MysqlError::from)?;
    match user {
        Some(user) if user.is(registration) => Ok(user.id),
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

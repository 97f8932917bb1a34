//! The statements of a registration.

use std::time::{Duration, Instant};

use app_core::{
    http::error::{Error, FieldProblem},
    mysql::MysqlError,
    typed_text,
};
use sqlx::{FromRow, MySqlConnection};
use tokio::time::sleep;

use super::commit::BeforeCommit;
use crate::{
    idempotency::{IdempotencyKey, Sender},
    registration::{Email, Registration, Typed},
};

/// The row of a user.
pub(super) struct Inserted {
    pub(super) id: u64,
    /// None where an earlier attempt committed it.
    pub(super) commit_ms: Option<u64>,
    /// What the primary said before the INSERT was sent.
    pub(super) before: BeforeCommit,
}

/// How long after the INSERT the row of an earlier attempt is looked for, and how often. A commit waits three seconds
/// for a replica (`rpl-semi-sync-source-timeout` in kubernetes/mysql-config.yaml).
const LOOKED_FOR: Duration = Duration::from_millis(3_200);
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// How often the INSERT is sent where MySQL ends it because of a deadlock. Nothing is left of it then.
const ATTEMPTS: u32 = 3;

/// Inserts a user, or finds the user whom an earlier attempt at the same registration inserted.
///
/// # Errors
///
/// As [`super::Primary::register`].
pub(super) async fn user(
    connection: &mut MySqlConnection,
    before: BeforeCommit,
    is_there: bool,
    registration: &Registration,
    sender: &Sender,
) -> Result<Inserted, Error> {
    let sent = Instant::now();
    let attempt = match is_there {
        true => Attempt::Duplicate,
        false => attempt(connection, registration, sender.key()).await?,
    };
    let lock = match attempt {
        Attempt::Inserted(id) => {
            return Ok(Inserted { id, commit_ms: Some(milliseconds(sent.elapsed())), before });
        }
        Attempt::Duplicate => None,
        Attempt::Locked(error) => Some(error),
    };
    let id = found(connection, registration, sender, lock, sent).await?;
    Ok(Inserted { id, commit_ms: None, before })
}

/// Whether another form of the email is stored: rows from before emails had one form, and those of an older write-app,
/// are as they were typed. The unique key takes such a form for another mailbox.
pub(super) async fn has_other_form(
    connection: &mut MySqlConnection,
    email: &Email,
) -> Result<bool, MysqlError> {
    Ok(!email.as_str().is_ascii() && with_mailbox(connection, email).await?.is_some())
}

/// What became of the INSERT.
enum Attempt {
    Inserted(u64),
    /// The email or the key is there already.
    Duplicate,
    /// Another session holds a lock.
    Locked(MysqlError),
}

async fn attempt(
    connection: &mut MySqlConnection,
    registration: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<Attempt, Error> {
    let mut inserted = insert(connection, registration, key).await;
    for _ in 1..ATTEMPTS {
        if let Err(MysqlError::Deadlock(_)) = &inserted {
            inserted = insert(connection, registration, key).await;
        }
    }
    match inserted {
        Ok(id) => Ok(Attempt::Inserted(id)),
        Err(MysqlError::Duplicate(_)) => Ok(Attempt::Duplicate),
        Err(error @ MysqlError::LockWait(_)) => Ok(Attempt::Locked(error)),
        Err(error) if leaves_outcome_unknown(&error) => Err(Error::OutcomeUnknown(error)),
        Err(error) => Err(error.into()),
    }
}

/// Whether MySQL may have stored the row although the INSERT failed: it sent no error, or one about the connection.
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

impl User {
    /// Compares the values as they would be stored now: an older write-app stored them as they were typed.
    fn is(&self, Registration { name, email }: &Registration) -> bool {
        let typed = Typed { name: self.name.clone(), email: self.email.clone() };
        Registration::parse(&typed)
            .is_ok_and(|stored| stored.name == *name && stored.email.is_same_mailbox(email))
    }
}

/// Finds the row that made the INSERT a duplicate, if it is of the same registration. That row is
/// committed: InnoDB waits for the end of the other transaction before it says "duplicate".
///
/// The holder of a lock may be an earlier attempt at the same registration, whose commit waits for a replica. So this
/// looks for its row until the client must be answered.
async fn found(
    connection: &mut MySqlConnection,
    registration: &Registration,
    sender: &Sender,
    lock: Option<MysqlError>,
    sent: Instant,
) -> Result<u64, Error> {
    loop {
        if let Some(id) = find(connection, registration, sender).await? {
            return Ok(id);
        }
        match lock {
            None => return Err(taken(None, registration)),
            Some(lock) if sent.elapsed() > LOOKED_FOR => return Err(lock.into()),
            Some(_) => sleep(LOOK_PERIOD).await,
        }
    }
}

/// Looks for the row by its mailbox first and by its key last. A row may become visible between the two looks. Then the
/// look by key finds it, and a repeated registration is never told that its email is taken.
async fn find(
    connection: &mut MySqlConnection,
    registration: &Registration,
    sender: &Sender,
) -> Result<Option<u64>, Error> {
    let same_mailbox = with_mailbox(connection, &registration.email).await?;
    if let Some(key) = sender.key()
        && let Some(user) = with_key(connection, key).await?
    {
        let is_same = user.is(registration);
        return if is_same { Ok(Some(user.id)) } else { Err(Error::IdempotencyKeyReused) };
    }
    match same_mailbox {
        Some(user) if *sender == Sender::Person && user.is(registration) => Ok(Some(user.id)),
        Some(user) => Err(taken(Some(&user), registration)),
        None => Ok(None),
    }
}

async fn with_key(
    connection: &mut MySqlConnection,
    key: &IdempotencyKey,
) -> Result<Option<User>, MysqlError> {
    let sql = "SELECT id, name, email FROM users WHERE idempotency_key = ?";
    Ok(sqlx::query_as(sql).bind(key.as_str()).fetch_optional(connection).await?)
}

/// The user with this mailbox, in whichever form the email is stored. MySQL's collation also finds mailboxes whose
/// letters have other marks.
async fn with_mailbox(
    connection: &mut MySqlConnection,
    email: &Email,
) -> Result<Option<User>, MysqlError> {
    let [unicode, ascii] = typed_text::email_forms(email.as_str());
    let users: Vec<User> =
        sqlx::query_as("SELECT id, name, email FROM users WHERE email IN (?, ?, ?)")
            .bind(typed_text::decomposed(&unicode).into_owned())
            .bind(unicode)
            .bind(ascii)
            .fetch_all(connection)
            .await?;
    let is_same = |user: &User| Email::parse(&user.email).is_ok_and(|it| it.is_same_mailbox(email));
    Ok(users.into_iter().find(is_same))
}

/// The name of a user cannot be changed here. A person who corrects it and sends the form again must learn why
/// that fails.
fn taken(user: Option<&User>, registration: &Registration) -> Error {
    let message = match user {
        None => "This email is registered already.",
        Some(user) if user.is(registration) => "This email is registered already, with this name.",
        Some(_) => {
            "This email is registered already, with another name. The name of a registered user cannot be changed here. To register another user, enter another email."
        }
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

//! The statements of a registration.

use std::time::{Duration, Instant};

use app_core::{
    http::error::{Error, FieldProblem, causes},
    mysql::{MysqlError, Pooled, pod_name::PodName},
};
use sqlx::MySqlConnection;

use super::{
    Registered,
    commit::{self, Acknowledgements, Before, Commit},
};
use crate::{idempotency::IdempotencyKey, registration::Registration};

/// A user who is registered, by this attempt or by one before.
pub(super) struct Made {
    id: u64,
    before: Before,
    took: Duration,
    by: Attempt,
}

enum Attempt {
    This,
    Earlier,
}

/// Registers a user, or finds the one that this key was used for.
///
/// The pod is asked for first: once the row is in, nothing may fail any more.
///
/// # Errors
///
/// As [`super::Primary::register`].
pub(super) async fn register(
    connection: &mut Pooled<Before>,
    registration: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<Made, Error> {
    let before = commit::before(connection).await?;
    let sent = Instant::now();
    let (id, by) = match insert(connection, registration, key).await {
        Ok(id) => (id, Attempt::This),
        Err(MysqlError::Duplicate(_)) => {
            (earlier(connection, registration, key).await?, Attempt::Earlier)
        }
        Err(error @ MysqlError::ConnectionLost(_)) => return Err(Error::OutcomeUnknown(error)),
        Err(error) => return Err(error.into()),
    };
    Ok(Made { id, before, took: sent.elapsed(), by })
}

/// The new row's key.
async fn insert(
    connection: &mut MySqlConnection,
    Registration { name, email }: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<u64, MysqlError> {
    let insert = "INSERT INTO users (name, email, idempotency_key) VALUES (?, ?, ?)";
    let insert = sqlx::query(insert).bind(name.as_str()).bind(email.as_str());
    let inserted = insert.bind(key.map(IdempotencyKey::as_str)).execute(connection).await?;
    Ok(inserted.last_insert_id())
}

/// The row that stands in the way, where it is this very registration's. An attempt that is not over yet
/// has been waited for: InnoDB says "duplicate" only of a row that stays.
async fn earlier(
    connection: &mut MySqlConnection,
    Registration { name, email }: &Registration,
    key: Option<&IdempotencyKey>,
) -> Result<u64, Error> {
    let found: Option<(u64, String, String)> =
        sqlx::query_as("SELECT id, name, email FROM users WHERE idempotency_key = ?")
            .bind(key.map(IdempotencyKey::as_str))
            .fetch_optional(connection)
            .await
            .map_err(MysqlError::from)?;
    match found {
        Some((id, its_name, its_email))
            if its_name == name.as_str() && its_email == email.as_str() =>
        {
            Ok(id)
        }
        Some(_) => Err(Error::IdempotencyKeyReused),
        None => Err(Error::Conflict(FieldProblem {
            field: "email",
            message: "This email is registered already.".into(),
        })),
    }
}

impl Made {
    /// Who answered.
    pub(super) fn pod(&self) -> &PodName {
        &self.before.pod
    }

    /// With what MySQL says of the commit. The row is in, and nothing may fail any more: what cannot be had
    /// is left out.
    pub(super) async fn registered(
        self,
        mut connection: Pooled<Before>,
        acknowledgements: &Acknowledgements,
    ) -> Registered {
        let Self { id, before, took, by } = self;
        let pod = before.pod.clone();
        let is_repeated = matches!(by, Attempt::Earlier);
        let commit = match by {
            Attempt::This => commit::last_on(&mut connection, before, acknowledgements).await,
            Attempt::Earlier => commit::all_on(&mut connection).await,
        };
        let commit = match commit {
            Ok(commit) => {
                connection.give_back();
                commit
            }
            Err(error) => {
                tracing::warn!("what MySQL says of a commit is not known: {}", causes(&error));
                Commit::default()
            }
        };
        Registered { id, pod, took, commit, is_repeated }
    }
}

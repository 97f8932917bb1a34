//! Applies the migrations to the primary.

use app_core::mysql::MysqlError;
use sqlx::{
    FromRow, MySqlConnection,
    migrate::{MigrateError, Migrator},
    mysql::MySqlDatabaseError,
};

/// The column or the index that a migration adds exists: ER_DUP_FIELDNAME, ER_DUP_KEYNAME.
const EXISTS: [u16; 2] = [1060, 1061];

/// A migration as the database records it.
#[derive(FromRow)]
struct Recorded {
    version: i64,
    success: bool,
    checksum: Vec<u8>,
}

/// Applies every migration that is not recorded yet. Returns a sentence about migrations that this write-app does not
/// have, or an empty text.
///
/// MySQL commits a change of the schema by itself, so a server may crash between a migration and its
/// record. Each migration is one statement that does no harm when it runs again. Where the server says
/// that the change is there already, the migration is recorded as done.
///
/// A newer write-app may have been here, and was then rolled back. Its migrations only add to the schema, so this
/// write-app can serve.
///
/// # Errors
///
/// [`MysqlError::SchemaDiffers`] where a migration was changed after it was applied, or where another write-app has
/// not finished one and this write-app's own are missing.
pub(super) async fn run(connection: &mut MySqlConnection) -> Result<String, MysqlError> {
    let mut migrator = sqlx::migrate!();
    // sqlx's lock waits without end. Without it, two pods may race to record a migration; the pod that
    // loses tries again.
    migrator.set_locking(false).set_ignore_missing(true);
    forget_unfinished(&migrator, connection).await?;
    let recorded = recorded(connection).await?;
    // sqlx itself refuses where another write-app's migration is not finished.
    if !has_all(&migrator, &recorded)? {
        apply(&migrator, connection).await?;
    }
    Ok(about_unknown(&migrator, &recorded))
}

async fn recorded(connection: &mut MySqlConnection) -> Result<Vec<Recorded>, MysqlError> {
    let recorded =
        sqlx::query_as("SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(connection)
            .await;
    match recorded.map_err(MysqlError::from) {
        Err(MysqlError::SchemaMissing(_)) => Ok(Vec::new()),
        result => result,
    }
}

/// Whether each migration of this write-app is recorded as done.
fn has_all(migrator: &Migrator, recorded: &[Recorded]) -> Result<bool, MysqlError> {
    let mut has_all = true;
    for migration in migrator.iter() {
        match recorded.iter().find(|row| row.version == migration.version) {
            Some(row) if row.checksum != *migration.checksum => {
                return Err(MysqlError::SchemaDiffers(changed(migration.version)));
            }
            found => has_all &= found.is_some_and(|row| row.success),
        }
    }
    Ok(has_all)
}

fn changed(version: i64) -> String {
    format!(
        "the primary has applied migration {version} with another text than this write-app has (the checksums \
         differ): run the write-app that applied it, or build this one with the migration as it was"
    )
}

fn about_unknown(migrator: &Migrator, recorded: &[Recorded]) -> String {
    let unknown = recorded.iter().filter(|row| !migrator.version_exists(row.version));
    let named = unknown
        .map(|row| format!("{}{}", row.version, if row.success { "" } else { " (not finished)" }));
    let named = named.collect::<Vec<_>>().join(", ");
    if named.is_empty() {
        return named;
    }
    format!(
        "the schema is newer than this write-app, which does not know these migrations: {named}"
    )
}

async fn apply(migrator: &Migrator, connection: &mut MySqlConnection) -> Result<(), MysqlError> {
    loop {
        match run_all(migrator, connection).await {
            // One migration further than before, each time.
            Err(error) if is_done(&error) => record_unfinished(migrator, connection).await?,
            result => return result.map_err(database_error),
        }
    }
}

async fn run_all(
    migrator: &Migrator,
    connection: &mut MySqlConnection,
) -> Result<(), MigrateError> {
    migrator.run_direct(None, connection, false).await
}

fn is_done(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref());
    error.is_some_and(|error: &MySqlDatabaseError| EXISTS.contains(&error.number()))
}

fn database_error(error: MigrateError) -> MysqlError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        MigrateError::VersionMismatch(version) => MysqlError::SchemaDiffers(changed(version)),
        MigrateError::Dirty(version) => MysqlError::SchemaDiffers(format!(
            "another write-app began migration {version} and has not finished it, and this write-app has \
             migrations to apply: wait for the other, or run it again"
        )),
        other => MysqlError::Other(sqlx::Error::Migrate(Box::new(other))),
    }
}

/// The newest migration of this write-app. Newer ones are another write-app's, which may be at work.
fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// sqlx refuses to go on where a migration was begun and not recorded as done.
async fn forget_unfinished(
    migrator: &Migrator,
    connection: &mut MySqlConnection,
) -> Result<(), MysqlError> {
    let deleted = sqlx::query("DELETE FROM _sqlx_migrations WHERE NOT success AND version <= ?")
        .bind(newest(migrator))
        .execute(connection)
        .await;
    match deleted.map_err(MysqlError::from) {
        Ok(_) | Err(MysqlError::SchemaMissing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn record_unfinished(
    migrator: &Migrator,
    connection: &mut MySqlConnection,
) -> Result<(), MysqlError> {
    sqlx::query("UPDATE _sqlx_migrations SET success = TRUE WHERE NOT success AND version <= ?")
        .bind(newest(migrator))
        .execute(connection)
        .await?;
    Ok(())
}

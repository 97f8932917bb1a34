//! Applies the migrations to the primary.

use app_core::mysql::MysqlError;
use sqlx::{
    MySqlConnection,
    migrate::{MigrateError, Migrator},
    mysql::MySqlDatabaseError,
};

/// The column or the index that a migration adds exists: ER_DUP_FIELDNAME, ER_DUP_KEYNAME.
const EXISTS: [u16; 2] = [1060, 1061];

/// Applies every migration that is not recorded yet.
///
/// MySQL commits a change of the schema by itself, so a server may crash between a migration and its
/// record. Each migration is one statement that does no harm when it runs again. Where the server says
/// that the change is there already, the migration is recorded as done.
pub(super) async fn run(connection: &mut MySqlConnection) -> Result<(), MysqlError> {
    let mut migrator = sqlx::migrate!();
    // sqlx's lock waits without end. Without it, two pods may race to record a migration; the pod that
    // loses tries again.
    migrator.set_locking(false);
    forget_unfinished(connection).await?;
    loop {
        match run_all(&migrator, connection).await {
            // One migration further than before, each time.
            Err(error) if is_done(&error) => record_unfinished(connection).await?,
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
        other => MysqlError::Other(sqlx::Error::Migrate(Box::new(other))),
    }
}

/// sqlx refuses to go on where a migration was begun and not recorded as done.
async fn forget_unfinished(connection: &mut MySqlConnection) -> Result<(), MysqlError> {
    let deleted =
        sqlx::query("DELETE FROM _sqlx_migrations WHERE NOT success").execute(connection).await;
    match deleted.map_err(MysqlError::from) {
        Ok(_) | Err(MysqlError::SchemaMissing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn record_unfinished(connection: &mut MySqlConnection) -> Result<(), MysqlError> {
    sqlx::query("UPDATE _sqlx_migrations SET success = TRUE WHERE NOT success")
        .execute(connection)
        .await?;
    Ok(())
}

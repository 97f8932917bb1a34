//! The schema, brought to the primary step by step.

use app_core::mysql::MysqlError;
use sqlx::{
    MySqlConnection,
    migrate::{MigrateError, Migrator},
    mysql::MySqlDatabaseError,
};

/// The column or the index that a step adds is there: ER_DUP_FIELDNAME, ER_DUP_KEYNAME.
const IS_THERE: [u16; 2] = [1060, 1061];

/// Takes every step that is not recorded yet.
///
/// MySQL commits a change of the schema by itself, so a server may crash between a step and its record.
/// Each step is one statement that does no harm when it comes again: it is taken again, or where the
/// server says that it is done, recorded.
pub(super) async fn bring(connection: &mut MySqlConnection) -> Result<(), MysqlError> {
    let mut steps = sqlx::migrate!();
    // The lock that sqlx would take waits without end. Whoever loses the race to record a step simply
    // tries again.
    steps.set_locking(false);
    forget_unfinished(connection).await?;
    loop {
        match take(&steps, connection).await {
            // One step further than before, each time.
            Err(error) if is_done(&error) => record_unfinished(connection).await?,
            result => return result.map_err(database_error),
        }
    }
}

async fn take(steps: &Migrator, connection: &mut MySqlConnection) -> Result<(), MigrateError> {
    steps.run_direct(None, connection, false).await
}

fn is_done(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref());
    error.is_some_and(|error: &MySqlDatabaseError| IS_THERE.contains(&error.number()))
}

fn database_error(error: MigrateError) -> MysqlError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => MysqlError::Other(sqlx::Error::Migrate(Box::new(other))),
    }
}

/// sqlx would refuse to go on where a step was begun and not recorded as done.
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

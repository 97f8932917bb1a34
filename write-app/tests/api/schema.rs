//! Migrations, and a server that crashed during one.

use demo::{apps::WRITE_APP, for_tests::shared};

/// Changes the record of migrations to what a crash leaves behind, and starts another write-app. All
/// migrations must be recorded then.
async fn assert_migrated_after(crash: &str) {
    let cluster = &shared().cluster;
    cluster.sql(0, crash).await.unwrap();

    let app = shared().app_with_host(WRITE_APP, "mysql-0.mysql").await.unwrap();
    app.wait_until_ready().await.unwrap();

    let recorded =
        "SELECT GROUP_CONCAT(version, success ORDER BY version) FROM userdb._sqlx_migrations";
    assert_eq!(cluster.sql(0, recorded).await.unwrap(), "11,21,31", "{crash}");
    let index = "SELECT COUNT(*) FROM information_schema.statistics
                 WHERE table_schema = 'userdb' AND index_name = 'users_name'";
    assert_eq!(cluster.sql(0, index).await.unwrap(), "1");
}

#[tokio::test]
async fn a_migration_that_was_applied_and_not_recorded_is_recorded() {
    shared().write_app.wait_until_ready().await.unwrap();

    assert_migrated_after("UPDATE userdb._sqlx_migrations SET success = FALSE WHERE version = 2")
        .await;
    assert_migrated_after("DELETE FROM userdb._sqlx_migrations WHERE version = 2").await;
    assert_migrated_after("DELETE FROM userdb._sqlx_migrations").await;
}

//! One test for each fault.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::cycle::{Apps, Codes, DEADLINE, Observed, SUCCESS};

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_call_a_killed_server_unreachable() {
    let mut apps = Apps::start().await;
    let mut observed = Observed::of("primary killed");
    // At first, the apps may also see a name without an address, or a connection that breaks.
    let gone: &[&str] =
        &["database_unreachable", "database_name_unknown", "database_connection_lost"];
    for _ in Observed::repetitions() {
        apps.servers.cluster.kill_pod(0).await.unwrap();
        observed.responses(&apps, &Codes { write: gone, read: gone }).await;
        apps.servers.cluster.start_pod(0).unwrap();
        apps.servers.cluster.wait_until_ready(0).await.unwrap();
        observed.recovery(&apps).await;
    }
    observed.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_call_a_frozen_server_unreachable_or_slow() {
    let mut apps = Apps::start().await;
    let mut observed = Observed::of("primary frozen");
    let silent: &[&str] = &["database_unreachable", "database_slow"];
    for _ in Observed::repetitions() {
        apps.servers.cluster.freeze(0).unwrap();
        observed.responses(&apps, &Codes { write: silent, read: silent }).await;
        apps.servers.cluster.thaw(0).unwrap();
        observed.recovery(&apps).await;
    }
    observed.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_call_a_server_with_a_locked_table_slow() {
    let apps = Apps::start().await;
    let mut observed = Observed::of("table locked");
    // MySQL gives up the lock by itself, and says so.
    let slow: &[&str] = &["database_locked"];
    let codes = Codes { write: slow, read: slow };
    for _ in Observed::repetitions() {
        let asking = observed.responses(&apps, &codes);
        // The lock lasts as long as its connection.
        while_held(&apps, "LOCK TABLES userdb.users WRITE", asking).await;
        observed.recovery(&apps).await;
    }
    observed.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_call_a_server_that_refuses_writes_read_only() {
    let apps = Apps::start().await;
    let mut observed = Observed::of("primary read-only");
    for _ in Observed::repetitions() {
        apps.sql("SET GLOBAL super_read_only = ON").await;
        observed
            .responses(&apps, &Codes { write: &["database_read_only"], read: &[SUCCESS] })
            .await;
        apps.sql("SET GLOBAL read_only = OFF").await;
        observed.recovery(&apps).await;
    }
    observed.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_name_a_server_without_a_free_connection() {
    let apps = Apps::start().await;
    let mut observed = Observed::of("no connection left");
    let full: &[&str] = &["database_too_many_connections"];
    // The readiness probe may get no connection either, and then the Service has no ready pod.
    let full_or_unready: &[&str] = &["database_too_many_connections", "database_unreachable"];
    apps.sql(END_CONNECTIONS).await;
    for _ in Observed::repetitions() {
        let asking = async {
            observed.responses(&apps, &Codes { write: full, read: full_or_unready }).await;
            until_sql(&apps, "SET GLOBAL max_connections = 100", |_| true).await;
        };
        // This connection takes the only place. mysqld has one more, for administrators.
        let fault = "SET GLOBAL max_connections = 1; CALL userdb.end_connections()";
        while_held(&apps, fault, asking).await;
        observed.recovery(&apps).await;
    }
    observed.print();
}

/// Runs SQL on a connection that stays open during `work`.
async fn while_held(apps: &Apps, sql: &str, work: impl Future<Output = ()>) {
    let sleepers = "FROM performance_schema.processlist WHERE state = 'User sleep'";
    let count = format!("SELECT COUNT(*) {sleepers}");
    let held = format!("{sql}; DO SLEEP(60)");
    tokio::select! {
        ended = apps.servers.cluster.sql(0, &held) => panic!("{held}: {ended:?}"),
        () = async {
            until_sql(apps, &count, |count| count != "0").await;
            work.await;
        } => {}
    }
    let kill = format!("SELECT CONCAT('KILL ', id) {sleepers}");
    let kill = until_sql(apps, &kill, |_| true).await;
    // This fails if the server has noticed that the client is gone, and has ended the connection.
    drop(apps.servers.cluster.sql(0, &kill).await);
    until_sql(apps, &count, |count| count == "0").await;
}

/// A procedure that ends the apps' connections. Error 1094 says that a connection has ended already.
const END_CONNECTIONS: &str = "
    DELIMITER //
    CREATE PROCEDURE userdb.end_connections() BEGIN
        DECLARE one BIGINT UNSIGNED;
        DECLARE is_done BOOLEAN DEFAULT FALSE;
        DECLARE connections CURSOR FOR SELECT id FROM performance_schema.processlist
            WHERE user IN ('appuser', 'reader');
        DECLARE CONTINUE HANDLER FOR NOT FOUND SET is_done = TRUE;
        DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
        OPEN connections;
        REPEAT
            FETCH connections INTO one;
            KILL one;
        UNTIL is_done END REPEAT;
    END //
    DELIMITER ;";

/// Runs SQL until its result is right. A failure may mean that the administrators' connection is in use too.
async fn until_sql(apps: &Apps, sql: &str, is_right: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let answer = apps.servers.cluster.sql(0, sql).await;
        if let Ok(answer) = &answer
            && is_right(answer)
        {
            return answer.clone();
        }
        assert!(start.elapsed() < DEADLINE, "{sql}: {answer:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

//! The faults, one test each.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::cycle::{Apps, Codes, DEADLINE, Met, SUCCESS};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_called_unreachable() {
    let mut apps = Apps::start().await;
    let mut met = Met::nothing("primary killed");
    // In the first moment a name without an address, or a connection that breaks, is as true.
    let gone: &[&str] =
        &["database_unreachable", "database_name_unknown", "database_connection_lost"];
    for _ in Met::times() {
        apps.servers.cluster.kill_pod(0).await.unwrap();
        met.answers(&apps, &Codes { write: gone, read: gone }).await;
        apps.servers.cluster.start_pod(0).unwrap();
        apps.servers.cluster.wait_until_ready(0).await.unwrap();
        met.recovery(&apps).await;
    }
    met.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_called_unreachable_or_slow() {
    let apps = Apps::start().await;
    let mut met = Met::nothing("primary frozen");
    let silent: &[&str] = &["database_unreachable", "database_slow"];
    for _ in Met::times() {
        apps.servers.cluster.set_frozen(0, true).unwrap();
        met.answers(&apps, &Codes { write: silent, read: silent }).await;
        apps.servers.cluster.set_frozen(0, false).unwrap();
        met.recovery(&apps).await;
    }
    met.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_called_slow() {
    let apps = Apps::start().await;
    let mut met = Met::nothing("table locked");
    let slow: &[&str] = &["database_slow"];
    let codes = Codes { write: slow, read: slow };
    for _ in Met::times() {
        let asked = met.answers(&apps, &codes);
        // The lock ends with its connection.
        while_held(&apps, "LOCK TABLES userdb.users WRITE", asked).await;
        met.recovery(&apps).await;
    }
    met.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_called_read_only() {
    let apps = Apps::start().await;
    let mut met = Met::nothing("primary read-only");
    for _ in Met::times() {
        apps.sql("SET GLOBAL super_read_only = ON").await;
        met.answers(&apps, &Codes { write: &["database_read_only"], read: &[SUCCESS] }).await;
        apps.sql("SET GLOBAL read_only = OFF").await;
        met.recovery(&apps).await;
    }
    met.print();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_free_connection_is_called_so() {
    let apps = Apps::start().await;
    let mut met = Met::nothing("no connection left");
    let full: &[&str] = &["database_too_many_connections"];
    // Nor can the probe always get in, and then the Service has no pod to lead to.
    let full_or_unready: &[&str] = &["database_too_many_connections", "database_unreachable"];
    apps.sql(END_CONNECTIONS).await;
    for _ in Met::times() {
        let asked = async {
            met.answers(&apps, &Codes { write: full, read: full_or_unready }).await;
            until_it_says(&apps, "SET GLOBAL max_connections = 100", |_| true).await;
        };
        // While this connection is open nobody is let in; the one place more is for administrators.
        let fault = "SET GLOBAL max_connections = 1; CALL userdb.end_connections()";
        while_held(&apps, fault, asked).await;
        met.recovery(&apps).await;
    }
    met.print();
}

/// Runs a script in a connection that stays open while something else is done.
async fn while_held(apps: &Apps, script: &str, done: impl Future<Output = ()>) {
    let sleepers = "FROM performance_schema.processlist WHERE state = 'User sleep'";
    let count = format!("SELECT COUNT(*) {sleepers}");
    let held = format!("{script}; DO SLEEP(60)");
    tokio::select! {
        ended = apps.servers.cluster.sql(0, &held) => panic!("{held}: {ended:?}"),
        () = async {
            until_it_says(apps, &count, |count| count != "0").await;
            done.await;
        } => {}
    }
    let kill = format!("SELECT CONCAT('KILL ', id) {sleepers}");
    let kill = until_it_says(apps, &kill, |_| true).await;
    // The server may find by itself that its client is gone, and then there is nothing to kill.
    drop(apps.servers.cluster.sql(0, &kill).await);
    until_it_says(apps, &count, |count| count == "0").await;
}

/// A procedure that ends the apps' connections; one may have ended by itself.
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

/// Asks until the answer is as it should be. An administrator may find no place either.
async fn until_it_says(apps: &Apps, sql: &str, is_right: impl Fn(&str) -> bool) -> String {
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

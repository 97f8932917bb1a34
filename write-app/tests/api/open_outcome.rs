//! Registrations that MySQL does not finish. The client hears within four seconds what became of its registration, or
//! that this is unknown. No session stays behind at the server.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use demo::for_tests::Stalls;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    client::new_email,
    idempotency::{OwnPrimary, SLOW_INSERT},
};

/// More than write-app's connections.
const CLIENTS: u32 = 40;

/// How soon a client must hear.
const NAMED: Duration = Duration::from_secs(4);

/// write-app's connections, and one that asks why a write takes long.
const SESSIONS: u32 = 21;

/// What keeps every INSERT from its end, and what must wait behind that lock.
const LOCKS: [(&str, Option<&str>); 5] = [
    ("LOCK TABLES userdb.users WRITE", None),
    ("LOCK TABLES userdb.users READ", None),
    ("FLUSH TABLES WITH READ LOCK", None),
    ("BEGIN; SELECT id FROM userdb.users FOR UPDATE", None),
    ("BEGIN; SELECT id FROM userdb.users", Some("ALTER TABLE userdb.users COMMENT 'changed'")),
];

/// What a client may hear while a lock lasts.
const LOCKED: [&str; 4] =
    ["database_locked", "database_busy", "database_slow", "database_unreachable"];

/// The answers to one wave of registrations.
struct Wave {
    key: String,
    stalls: Stalls,
    answers: Vec<(StatusCode, Value, Duration)>,
}

impl Wave {
    /// Registers as many users as there are clients, all at once, and counts write-app's sessions meanwhile.
    async fn send(primary: &OwnPrimary) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let stalls = Stalls::watch();
        let key = format!("wave-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let key = format!("{key}-{client}");
            let submitting = primary.submit(&key, &format!("{key}@example.org"));
            let begun = Instant::now();
            clients.spawn(async move {
                let (status, body) = submitting.await.unwrap();
                (status, body, begun.elapsed())
            });
        }
        let mut answers = Vec::new();
        while answers.len() < CLIENTS as usize {
            let sessions: u32 = primary.sql(SESSIONS_OF_WRITE_APP).await.parse().unwrap();
            assert!(sessions <= SESSIONS, "{sessions} sessions");
            while let Some(answer) = clients.try_join_next() {
                answers.push(answer.unwrap());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Self { key, stalls, answers }
    }

    /// Each client heard in time, one of these codes.
    fn assert_named(&self, codes: &[&str]) {
        for (status, body, took) in &self.answers {
            assert_eq!(*status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
            assert!(codes.contains(&body["code"].as_str().unwrap()), "{body}");
            assert!(*took < NAMED + self.stalls.so_far(), "{took:?}: {body}");
        }
    }

    /// How many clients heard that it is unknown.
    fn unknown(&self) -> usize {
        self.answers.iter().filter(|(_, body, _)| body["outcome"] == "unknown").count()
    }

    fn count(&self) -> String {
        format!("SELECT COUNT(*) FROM userdb.users WHERE idempotency_key LIKE '{}-%'", self.key)
    }
}

const SESSIONS_OF_WRITE_APP: &str =
    "SELECT COUNT(*) FROM performance_schema.processlist WHERE user = 'appuser'";

const SESSIONS_AT_WORK: &str = "SELECT COUNT(*) FROM performance_schema.processlist \
     WHERE user = 'appuser' AND command <> 'Sleep'";

const SLEEPERS: &str = "SELECT CONCAT('KILL ', id, ';') FROM performance_schema.processlist WHERE state = 'User sleep'";

pub(crate) async fn until_sql(primary: &OwnPrimary, sql: &str, expected: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = primary.sql(sql).await;
        if answer == expected {
            return;
        }
        assert!(Instant::now() < end, "{sql}: {answer}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Does some work while a session holds a lock, and another waits behind it.
async fn while_held<T>(
    primary: &OwnPrimary,
    (lock, behind): (&str, Option<&str>),
    work: impl Future<Output = T>,
) -> T {
    let held = format!("{lock}; DO SLEEP(60)");
    let waiting = async {
        primary.connection_that("state = 'User sleep'").await;
        match behind {
            Some(behind) => primary.sql(behind).await,
            None => std::future::pending().await,
        }
    };
    let worked = tokio::select! {
        ended = primary.servers.cluster.sql(0, &held) => panic!("{held}: {ended:?}"),
        ended = waiting => panic!("{behind:?}: {ended:?}"),
        worked = async {
            primary.connection_that("state = 'User sleep'").await;
            if behind.is_some() {
                primary.connection_that("state = 'Waiting for table metadata lock'").await;
            }
            work.await
        } => worked,
    };
    for kill in primary.sql(SLEEPERS).await.lines() {
        // This fails where the server has noticed that the client is gone.
        drop(primary.servers.cluster.sql(0, kill).await);
    }
    // With its session, a lock ends.
    until_sql(primary, SLEEPERS, "").await;
    worked
}

/// A wave during which MySQL and write-app had the processor when they needed it. On a busy machine MySQL may end the
/// INSERT too late for a certain answer. Then the outcome is unknown, and each client hears that in time.
async fn undisturbed_wave(primary: &OwnPrimary, held: (&str, Option<&str>)) -> Wave {
    for _ in 0..8 {
        let wave = while_held(primary, held, async {
            let wave = Wave::send(primary).await;
            // The lock is still there.
            until_sql(primary, SESSIONS_AT_WORK, "0").await;
            wave
        })
        .await;
        wave.assert_named(&LOCKED);
        if wave.unknown() == 0 {
            return wave;
        }
        println!("{held:?}: {} outcomes were unknown", wave.unknown());
    }
    panic!("{held:?}: some outcomes were unknown each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_lock_lasts_every_client_hears_soon_that_no_user_was_registered_and_no_session_stays()
 {
    let primary = OwnPrimary::start(1).await;
    // From now on, write-app has connections.
    Wave::send(&primary).await;
    for held in LOCKS {
        let wave = undisturbed_wave(&primary, held).await;
        let (status, body) = primary.submit(&wave.key, &new_email()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{held:?}: {body}");
        assert_eq!(primary.sql(&wave.count()).await, "0", "{held:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_commits_wait_for_a_replica_longer_than_clients_do_the_outcome_is_unknown() {
    let primary = OwnPrimary::start(2).await;
    primary.sql("SET GLOBAL rpl_semi_sync_source_timeout = 60000").await;
    Wave::send(&primary).await;
    primary.servers.cluster.sql(1, "STOP REPLICA IO_THREAD").await.unwrap();

    let wave = Wave::send(&primary).await;
    // The first attempt still has the row.
    let first = format!("{}-0", wave.key);
    let (_, again) = primary.submit(&first, &format!("{first}@example.org")).await.unwrap();

    wave.assert_named(&["database_slow", "database_busy", "database_unreachable"]);
    assert!(LOCKED.contains(&again["code"].as_str().unwrap()), "{again}");
    primary.servers.cluster.sql(1, "START REPLICA IO_THREAD").await.unwrap();
    until_sql(&primary, SESSIONS_AT_WORK, "0").await;
    let stored: usize = primary.sql(&wave.count()).await.parse().unwrap();
    // The second attempt may have been the one that was sent.
    let at_most = wave.unknown() + usize::from(again["outcome"] == "unknown");
    assert!((wave.unknown()..=at_most).contains(&stored), "{stored} of {}", wave.unknown());
    assert!(wave.unknown() > 0, "some were sent");
}

/// Begins to register, and returns once MySQL is at the INSERT.
async fn at_the_insert(primary: &OwnPrimary, user: &str) -> JoinHandle<(StatusCode, Value)> {
    let attempt = primary.submit(user, &format!("{user}@example.org"));
    primary.connection_that("state = 'User sleep'").await;
    attempt
}

#[tokio::test(flavor = "multi_thread")]
async fn if_the_primary_freezes_or_stops_during_the_insert_the_outcome_is_unknown_and_the_key_finds_out()
 {
    let mut primary = OwnPrimary::start(1).await;
    primary.sql(SLOW_INSERT).await;

    let (begun, stalls) = (Instant::now(), Stalls::watch());
    let attempt = at_the_insert(&primary, "frozen").await;
    primary.servers.cluster.freeze(0).unwrap();
    let (_, body) = attempt.await.unwrap();
    let took = begun.elapsed();
    primary.servers.cluster.thaw(0).unwrap();
    assert_eq!([&body["outcome"], &body["code"]], ["unknown", "database_slow"], "{body}");
    assert!(took < NAMED + stalls.so_far(), "{took:?}");
    until_sql(&primary, SESSIONS_AT_WORK, "0").await;

    let attempt = at_the_insert(&primary, "stopped").await;
    primary.sql("SHUTDOWN").await;
    let (_, body) = attempt.await.unwrap();
    assert_eq!([&body["outcome"], &body["code"]], ["unknown", "database_connection_lost"]);

    primary.servers.cluster.stop_pod(0).await.unwrap();
    primary.servers.cluster.start_pod(0).unwrap();
    primary.servers.cluster.wait_until_ready(0).await.unwrap();
    primary.sql("DROP TRIGGER userdb.slow").await;
    for user in ["frozen", "stopped"] {
        let (status, body) = primary.submit(user, &format!("{user}@example.org")).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        let count = format!("SELECT COUNT(*) FROM userdb.users WHERE idempotency_key = '{user}'");
        assert_eq!(primary.sql(&count).await, "1");
    }
}

/// Returns once a session waits for a lock.
const UNTIL_WAITED_FOR: &str = "
    DELIMITER //
    CREATE PROCEDURE userdb.until_waited_for() BEGIN
        WHILE NOT EXISTS (SELECT 1 FROM performance_schema.data_lock_waits) DO
            DO SLEEP(0.01);
        END WHILE;
    END //
    DELIMITER ;";

/// A session has inserted a row with write-app's key, and write-app waits for it. Then the session inserts write-app's
/// email. MySQL ends write-app's INSERT, because it has changed less.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again_and_the_client_hears_of_success() {
    let primary = OwnPrimary::start(1).await;
    primary.sql(UNTIL_WAITED_FOR).await;
    let insert = "INSERT INTO userdb.users (name, email, idempotency_key) VALUES ('Eve',";
    let other = format!(
        "BEGIN; {insert} 'eve@example.org', 'key'), ('Eve', 'eva@example.org', NULL), ('Eve', 'evi@example.org', NULL);
         CALL userdb.until_waited_for(); {insert} 'ada@example.org', NULL); ROLLBACK"
    );
    let attempt = async {
        primary.connection_that("state = 'User sleep'").await;
        primary.submit("key", "ada@example.org").await.unwrap()
    };

    let (other, (status, body)) = tokio::join!(primary.servers.cluster.sql(0, &other), attempt);

    other.unwrap();
    assert_eq!((status, &body["repeated"]), (StatusCode::OK, &false.into()), "{body}");
    let deadlocks =
        "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'";
    assert_ne!(primary.sql(deadlocks).await, "0");
}

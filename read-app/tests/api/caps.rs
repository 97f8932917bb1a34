//! Many reads, and reads of pods that do not answer: each read has an end, and no read takes the connections that others
//! need.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use app_core::mysql::budget;
use demo::{
    apps::{READ_APP, RunningApp},
    for_tests::{SeparateCluster, shared},
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{get, is_too_slow, served, until};

/// No server has this transaction, or will.
const NEVER: &str = "11111111-1111-1111-1111-111111111111:1";

type Answer = (StatusCode, Value);

/// Asks at the same time.
fn ask(app: &RunningApp, path: &str, times: usize) -> JoinSet<(Answer, Duration)> {
    let (client, url) = (Client::new(), app.url() + path);
    let mut asking = JoinSet::new();
    for _ in 0..times {
        let (client, url) = (client.clone(), url.clone());
        asking.spawn(async move {
            let begun = Instant::now();
            let response = client.get(url).send().await.unwrap();
            ((response.status(), response.json().await.unwrap()), begun.elapsed())
        });
    }
    asking
}

/// read-app with an account that no other app has, so that its sessions can be counted.
async fn app_with_account(name: &str) -> RunningApp {
    let account = format!(
        "CREATE USER {name}@'%' IDENTIFIED BY '{name}'; GRANT SELECT ON userdb.* TO {name}@'%'"
    );
    let cluster = &shared().cluster;
    cluster.sql(0, &account).await.unwrap();
    until("the account on the replica", async || {
        let count = format!("SELECT COUNT(*) FROM mysql.user WHERE user = '{name}'");
        cluster.sql(1, &count).await.unwrap() == "1"
    })
    .await;
    let variables = [("DB_USER", name), ("DB_PASSWORD", name)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    shared().app_with(READ_APP, variables.into()).await.unwrap()
}

/// Whether a pod was too slow to answer, as it may be on a machine that is busy. It was not refused a connection.
fn is_slow(body: &Value) -> bool {
    is_too_slow(body) && body["code"] != "database_busy"
}

async fn most_sessions(account: &str, asking: &mut JoinSet<(Answer, Duration)>) -> Vec<Answer> {
    let sessions =
        format!("SELECT COUNT(*) FROM performance_schema.processlist WHERE user = '{account}'");
    let (all, mut answers) = (asking.len(), Vec::new());
    while answers.len() < all {
        for pod in [0, 1] {
            let open: u32 = shared().cluster.sql(pod, &sessions).await.unwrap().parse().unwrap();
            assert!(open <= budget::READ_APP, "{open} sessions of {account} at mysql-{pod}");
        }
        while let Some(answer) = asking.try_join_next() {
            answers.push(answer.unwrap().0);
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_to_a_pod_opens_more_connections_than_its_share_and_the_reads_beyond_it_hear_so() {
    let app = app_with_account("capped").await;
    for query in
        ["via=mysql&with=new", "via=mysql-read&with=new", "via=mysql&with=new&strategy=sticky"]
    {
        let path = format!("/users?{query}&wait=3&after={NEVER}");
        let mut asking = ask(&app, &path, 60);
        // Reads that wait leave connections to those that do not.
        let (status, body) = get(&app, "/users?via=mysql&with=new").await;
        assert!(status == StatusCode::OK || is_slow(&body), "{query}: {status}: {body}");

        let answers = most_sessions("capped", &mut asking).await;

        let answers = answers.iter().map(|(_, body)| body).filter(|body| !is_slow(body));
        let codes: BTreeSet<_> =
            answers.map(|body| body["code"].as_str().unwrap_or_default()).collect();
        assert_eq!(codes, BTreeSet::from(["database_busy", "replica_behind"]), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_waits_for_a_commit_leaves_the_kept_connection_to_others_and_sees_the_commit() {
    let app = shared().app_with_host(READ_APP, "mysql-read").await.unwrap();
    // On a machine that is busy, all of it may take longer than a read waits. Then it shows nothing, and is done again.
    for number in 1..=3 {
        served(&app, "/users?with=pool").await;
        // The primary gives this to an empty transaction, below.
        let token = format!("22222222-2222-2222-2222-222222222222:{number}");
        let mut waiting = ask(&app, &format!("/users?with=pool&wait=5&after={token}"), 10);

        for _ in 0..3 {
            served(&app, "/users?with=pool").await;
        }
        let ended_early = waiting.try_join_next();
        let commit = format!("SET GTID_NEXT = '{token}'; BEGIN; COMMIT; SET GTID_NEXT = AUTOMATIC");
        shared().cluster.sql(0, &commit).await.unwrap();

        let mut answers = waiting.join_all().await;
        answers.extend(ended_early.map(Result::unwrap));
        if answers.iter().all(|((status, _), _)| *status == StatusCode::OK) {
            for ((_, body), _) in answers {
                // An attempt may fail because all the others wait, and the next one come after the commit.
                let waited = body["after"]["outcome"] == "after_waiting";
                assert!(waited || body["served"]["failed_attempts"] != json!([]), "{body}");
            }
            return;
        }
        for ((status, body), took) in answers {
            let is_late = took >= Duration::from_secs(5) || is_too_slow(&body);
            assert!(status == StatusCode::OK || is_late, "after {took:?}: {body}");
        }
    }
    panic!("it took too long each time");
}

/// Two pods for one test, and a read-app that has connections to both.
async fn own_pods() -> (SeparateCluster, RunningApp) {
    let servers = SeparateCluster::start(2).await.unwrap();
    // write-app makes the table.
    let write_app = servers.serve(demo::apps::WRITE_APP).await.unwrap();
    let body = json!({ "name": "Ada", "email": "ada@example.org" });
    let submitted = Client::new().post(write_app.url() + "/submit").json(&body).send().await;
    submitted.unwrap().error_for_status().unwrap();
    let app = servers.serve(READ_APP).await.unwrap();
    until("both pods", async || {
        let (_, pods) = get(&app, "/pods").await;
        let answering =
            pods["pods"].as_array().unwrap().iter().filter(|pod| pod["answers"] == true);
        answering.count() == 2
    })
    .await;
    (servers, app)
}

const WAITING: &str = "SELECT COUNT(*) FROM performance_schema.processlist \
     WHERE user = 'reader' AND state LIKE 'Waiting for table%'";

/// Every way to read gets its users from the other pod.
async fn assert_the_other_pod_answers(app: &RunningApp, pod: &str) {
    for user in ["ada", "eve", "bob", "kim"] {
        let sticky = format!("/users?via=mysql&with=pool&strategy=sticky&user={user}");
        let mut asking = ask(app, &sticky, 12);
        while let Some(answer) = asking.join_next().await {
            let ((status, body), took) = answer.unwrap();
            assert_eq!(status, StatusCode::OK, "{took:?}: {body}");
            assert_eq!(body["mysql_pod"], pod);
            assert!(took < Duration::from_secs(4), "{took:?}: {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_frozen_or_locked_or_busy_or_lacks_the_table_costs_a_read_an_attempt_at_another_pod()
 {
    let (mut servers, app) = own_pods().await;
    let cluster = &mut servers.cluster;

    // The first reads wait for the lock, and take all of the pod's kept connections.
    let held = "LOCK TABLES userdb.users WRITE; DO SLEEP(60)";
    let sleeper = "SELECT id FROM performance_schema.processlist WHERE state = 'User sleep'";
    tokio::select! {
        ended = cluster.sql(0, held) => panic!("{ended:?}"),
        () = async {
            until("the lock", async || !cluster.sql(0, sleeper).await.unwrap().is_empty()).await;
            assert_the_other_pod_answers(&app, "mysql-1").await;
            // The reads have gone elsewhere, and none of their sessions still waits.
            until("the end of the sessions", async || {
                cluster.sql(0, WAITING).await.unwrap() == "0"
            })
            .await;
        } => {}
    }
    let kill = format!("KILL {}", cluster.sql(0, sleeper).await.unwrap());
    drop(cluster.sql(0, &kill).await);

    // As on a replica that is new, and gets the table a moment later.
    let rename = |from: &str, to: &str| format!("SET sql_log_bin = 0; RENAME TABLE {from} TO {to}");
    cluster.sql(0, &rename("userdb.users", "userdb.later")).await.unwrap();
    assert_the_other_pod_answers(&app, "mysql-1").await;
    cluster.sql(0, &rename("userdb.later", "userdb.users")).await.unwrap();

    cluster.freeze(0).unwrap();
    assert_the_other_pod_answers(&app, "mysql-1").await;
    cluster.thaw(0).unwrap();
}

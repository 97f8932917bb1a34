//! Many clients at once, under the pods' memory limits.

use std::time::{Duration, Instant};

use app_core::mysql::MysqlError;
use sqlx::{
    ConnectOptions as _, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    deployment::deployment,
    kubectl::{forward, kubectl},
    scenario::Scenario,
    traffic::Load,
};

/// How long the load lasts.
const LOADED: Duration = Duration::from_secs(20);

/// Clients of both apps, without a pause. The apps open up to 52 connections for them.
const CROWD: Load = Load { writers: 35, readers: 35, rest: Duration::ZERO };

/// Sessions on mysql-0 beside the apps' connections. Together they stay below the server's limit of 100 connections,
/// which probes.rs tests: on a busy machine a server keeps a closed connection for some time.
const SESSIONS: usize = 30;

/// How long a session pauses between two sorts. Without a pause the sessions would take all processor time of a small
/// machine, and this test is about memory.
const BETWEEN_SORTS: Duration = Duration::from_millis(500);

/// Connects. While the server has no connection left, it tries again, as the apps do.
async fn connect_until(
    options: &MySqlConnectOptions,
    end: Instant,
) -> Result<MySqlConnection, MysqlError> {
    loop {
        match options.connect().await.map_err(MysqlError::from) {
            Err(MysqlError::TooManyConnections(_)) if Instant::now() < end => {
                sleep(Duration::from_millis(100)).await;
            }
            answer => return answer,
        }
    }
}

/// One session that sorts and groups all users again and again. Returns how many times it did.
async fn sort_until(options: MySqlConnectOptions, end: Instant) -> Result<usize, MysqlError> {
    let mut connection = connect_until(&options, end).await?;
    let query = "SELECT email, COUNT(*) FROM users GROUP BY email ORDER BY MAX(created_at), email";
    let mut times = 0;
    while Instant::now() < end {
        sqlx::query(query).fetch_all(&mut connection).await?;
        times += 1;
        sleep(BETWEEN_SORTS).await;
    }
    Ok(times)
}

/// Opens the sessions on mysql-0 and keeps them busy until the end.
fn keep_sessions_busy(end: Instant) {
    let template = r#"--output=go-template={{index .data "appuser-password" | base64decode}}"#;
    let password = kubectl(&["get", "secret", "mysql-credentials", template]);
    let forward = forward("pod/mysql-0", ":3306");
    let options = MySqlConnectOptions::new()
        .host("127.0.0.1")
        .port(forward.port)
        .username("appuser")
        .password(&password)
        .database("userdb")
        .ssl_mode(MySqlSslMode::Required);
    let runtime = Runtime::new().unwrap();
    let sessions = [(); SESSIONS].map(|()| runtime.spawn(sort_until(options.clone(), end)));
    let times = sessions.map(|session| runtime.block_on(session).unwrap().unwrap());
    println!("figure: {SESSIONS} sessions sorted all users {} times", times.iter().sum::<usize>());
}

/// The most memory that a MySQL pod used: the server alone, and all with the page cache.
fn print_peak_memory(pod: &str) {
    let script = "grep VmHWM /proc/1/status; \
                  cat /sys/fs/cgroup/memory.peak 2> /dev/null || \
                  cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes";
    let answer = kubectl(&["exec", pod, "--", "bash", "-c", script]);
    // VmHWM:  431234 kB, and then a number of bytes.
    let numbers = answer.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
    let [server, all] = numbers.collect::<Vec<_>>()[..] else { panic!("{answer}") };
    let (server, all) = (server >> 10, all >> 20);
    println!("figure: {pod}: mysqld had up to {server} MiB, all with the page cache {all} MiB");
}

/// The most connections that a MySQL pod had at once, and how many it refused since it had no more.
fn print_connections(pod: &str) {
    let query = "SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME IN \
                 ('Max_used_connections', 'Connection_errors_max_connections') ORDER BY VARIABLE_NAME";
    let answer = kubectl(&["exec", pod, "--", "mysql", "-uroot", "-Ne", query]);
    let numbers: Vec<_> = answer.split_whitespace().collect();
    let [refused, most] = numbers[..] else { panic!("{answer}") };
    println!("figure: {pod} had up to {most} connections, and refused {refused}");
}

/// How often each container was started again, and why.
fn ends_of_containers() -> String {
    let container = "{.restartCount} {.lastState.terminated.reason} ";
    let path = format!("{{range .items[*].status.containerStatuses[*]}}{container}{{end}}");
    kubectl(&["get", "pods", &format!("--output=jsonpath={path}")])
}

#[test]
fn a_hundred_clients_at_once_exhaust_no_memory() {
    let _turn = deployment();
    let before = ends_of_containers();
    let scenario = Scenario::begin_with("100 clients at once", CROWD);

    keep_sessions_busy(Instant::now() + LOADED);

    let outcome = scenario.heal(2);
    for pod in ["mysql-0", "mysql-1"] {
        print_peak_memory(pod);
        print_connections(pod);
    }
    assert_eq!(ends_of_containers(), before);
    outcome.assert_no_request_failed();
}

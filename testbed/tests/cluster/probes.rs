//! Probes must restart a dead server, and no other.

use std::time::Duration;

use crate::{
    deployment::deployment,
    kubectl::{restarts, sql, try_kubectl, try_sql, until},
    scenario::Scenario,
};

/// Longer than the liveness probe is patient: six times ten seconds.
const LONGER_THAN_LIVENESS: Duration = Duration::from_secs(75);

/// Takes all connections of a server. The sessions end by themselves.
fn take_all_connections(pod: &str) {
    sql(pod, "SET GLOBAL max_connections = 10");
    let seconds = LONGER_THAN_LIVENESS.as_secs();
    // monitor@localhost needs no password, and is no administrator: those get one connection more.
    let client = format!(
        "mysql --no-defaults --socket=/var/run/mysqld/mysqld.sock --user=monitor \
         --execute 'SELECT SLEEP({seconds})'"
    );
    let script =
        format!("for session in $(seq 12); do {client} > /dev/null 2>&1 & done; exec >&- 2>&-");
    try_kubectl(&["exec", pod, "--", "bash", "-c", &script]).unwrap();
    let refused = ["exec", pod, "--", "mysqladmin", "--no-defaults", "--user=monitor", "ping"];
    until(&format!("{pod} to refuse a connection"), || match try_kubectl(&refused) {
        Err(refusal) if refusal.contains("Too many connections") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn no_probe_restarts_a_server_whose_connections_are_all_taken() {
    let _turn = deployment();
    let pods = ["mysql-0", "mysql-1"];
    let before = pods.map(restarts);
    let scenario = Scenario::begin("all connections taken");

    for pod in pods {
        take_all_connections(pod);
    }
    std::thread::sleep(LONGER_THAN_LIVENESS);
    for pod in pods {
        until("the limit to be restored", || try_sql(pod, "SET GLOBAL max_connections = 100"));
    }

    scenario.heal(2);
    assert_eq!(pods.map(restarts), before, "restarted by a probe");
}

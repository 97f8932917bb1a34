//! Probes must restart a dead server, and no other.

use std::time::Duration;

use crate::{
    deployment::deployment,
    kubectl::{Session, kubectl, liveness_patience, restarts, try_kubectl, until},
    scenario::Scenario,
};

/// Sessions that take all connections of a server, and end by themselves. When this is dropped, the server allows
/// more connections again.
struct Taken {
    /// This session is opened first: later even an administrator may not get a connection.
    administrator: Session,
}

impl Taken {
    fn all(pod: &'static str, duration: Duration) -> Self {
        let administrator = Session::open(pod, "SET GLOBAL max_connections = 10");
        let taken = Self { administrator };
        // MySQL keeps one more connection for an administrator; monitor@localhost is not one.
        let client = "mysql --no-defaults --socket=/var/run/mysqld/mysqld.sock --user=monitor";
        let sleep = format!("{client} --execute 'SELECT SLEEP({})'", duration.as_secs());
        let script = format!("for session in $(seq 12); do {sleep} > /dev/null 2>&1 & done");
        kubectl(&["exec", pod, "--", "bash", "-c", &script]);
        // `mysqladmin ping` would not do: it succeeds when the server refuses the connection.
        let attempt = format!("{client} --execute 'DO 1'");
        until(&format!("{pod} to refuse a connection"), || {
            match try_kubectl(&["exec", pod, "--", "bash", "-c", &attempt]) {
                Err(refusal) if refusal.contains("Too many connections") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        taken
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // If this fails, the pod stays unready, and the next wait says so.
        let _ = self.administrator.run("SET GLOBAL max_connections = 100");
    }
}

#[test]
fn no_probe_restarts_a_server_whose_connections_are_all_taken() {
    let _turn = deployment();
    let pods = ["mysql-0", "mysql-1"];
    let before = pods.map(restarts);
    let scenario = Scenario::begin("all connections taken");

    let longer_than_liveness = liveness_patience() * 5 / 4;
    let taken = pods.map(|pod| Taken::all(pod, longer_than_liveness));
    std::thread::sleep(longer_than_liveness);
    drop(taken);

    scenario.heal(2);
    assert_eq!(pods.map(restarts), before, "restarted by a probe");
}

//! `GET /users`: the pod that served, and the fifty newest users.

use crate::{
    contest::{CLIENTS, Contest, Results, Turn, measure},
    goals::{READS, by_go},
    load::{Load, Pace, RequestKind},
    mysqlslap::READ,
    peers::Peer,
    report::{Part, contest_table, row, table},
    server::{READ_APP, Server},
    setup::{REPLICA, Setup},
    statistics::short,
};

/// A read over kept connections, as in the peers' pools.
pub(crate) const POOLED: &str = "/users?via=mysql&with=pool";

/// All combinations of Service and connection, and the page.
const WAYS: [(&str, &str); 5] = [
    ("over `mysql`, pool", POOLED),
    ("over `mysql`, a new connection for each query", "/users?via=mysql"),
    ("over `mysql-read`, its one kept connection", "/users?with=pool"),
    ("over `mysql-read`, a new connection for each query: the default", "/users"),
    ("the page", "/?via=mysql&with=pool"),
];

/// The headless name is that of one pod, so that read-app asks the same server as mysqlslap and the peers.
pub(crate) const ONE_POD: [(&str, &str); 1] = [("DB_HEADLESS_HOST", "mysql-1.mysql")];

pub(crate) async fn part(setup: &Setup, peers: &[Peer]) -> anyhow::Result<(Part, Results)> {
    eprintln!("reads");
    let app = READ_APP.start(&setup.cluster, &ONE_POD).await?;
    let contest = Contest {
        kind: RequestKind::Get(POOLED.to_owned()),
        mysqlslap: setup.mysqlslap(REPLICA, READ_APP, &READ)?,
        servers: Contest::servers(("read-app", app), peers, &setup.reader()?).await?,
        mysqlds: setup.mysqlds().await?,
    };
    let results = contest.run(&setup.extent).await?;
    let ways = ways(setup, &contest).await?;
    let text = format!(
        "`GET /users` returns the pod that served and the 50 newest of 100 users. All servers ask mysql-1, with an account that can \
         only read. mysqlslap sends the same two statements and throws the rows away.\n\n{}\n\
         ### read-app by Service and connection, with {CLIENTS} connections\n\nThe stand-in for the Service `mysql-read` is a \
         program that forwards every byte, which costs more than kube-proxy's rules.\n\n{ways}",
        contest_table(&results, "pairs of SELECTs")
    );
    let goals = by_go(&results, &READS);
    Ok((Part { title: "Reads", goals, text }, results))
}

async fn ways(setup: &Setup, contest: &Contest) -> anyhow::Result<String> {
    let (_, app) = &contest.servers[0];
    let mut rows = Vec::new();
    for (name, path) in WAYS {
        let turn = turn(setup, contest, app, path).await?;
        let processor = [turn.server, turn.mysqld].map(short);
        let latencies = [50, 99].map(|percent| short(turn.latencies.percentile(percent)));
        let (rate, failed) =
            (short(turn.per_second), format!("{:.1} %", turn.failed_share * 100.0));
        let [p50, p99] = latencies;
        let [server, mysqld] = processor;
        rows.push(row(&[name, &rate, &p50, &p99, &server, &mysqld, &failed]));
    }
    let head =
        ["request", "requests/s", "p50, ms", "p99, ms", "read-app, µs", "mysqlds, µs", "not 200"];
    Ok(table(&head, &rows))
}

async fn turn(setup: &Setup, contest: &Contest, app: &Server, path: &str) -> anyhow::Result<Turn> {
    let load = Load {
        server: app.address,
        kind: RequestKind::Get(path.to_owned()),
        connections: CLIENTS,
        pace: Pace::AsFast,
        time: setup.extent.turn / 2,
    };
    measure(load, app.group(), contest.mysqlds).await
}

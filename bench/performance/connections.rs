//! What a new connection for each query costs read-app, and what it costs mysqlslap.

use std::time::Instant;

use sqlx::{ConnectOptions as _, Connection as _};

use crate::{
    goals::Goal,
    load::{Load, Pace, RequestKind},
    login::Login,
    mysqlslap::{Connections, Mysqlslap},
    reads::{ONE_POD, POOLED},
    report::{Part, row, table},
    server::{READ_APP, Server},
    setup::{REPLICA, Setup},
    statistics::{Sample, milliseconds},
};

/// A short statement, because the connection is what is measured.
const STATEMENT: [&str; 1] = ["SELECT @@report_host"];

/// How many connections sqlx opens in a round.
const TURNS: u32 = 50;

/// Milliseconds for a connection, for each round.
#[derive(Default)]
struct Costs {
    mysqlslap: Vec<f64>,
    sqlx: Vec<f64>,
    app: Vec<f64>,
}

pub(crate) async fn part(setup: &Setup) -> anyhow::Result<Part> {
    eprintln!("new connections");
    let app = READ_APP.start(&setup.cluster, &ONE_POD).await?;
    let slap = setup.mysqlslap(REPLICA, READ_APP, &STATEMENT)?;
    let mut costs = Costs::default();
    for _ in 0..setup.extent.rounds {
        costs.mysqlslap.push(by_mysqlslap(setup, &slap).await?);
        costs.sqlx.push(by_sqlx(&setup.reader()?).await?);
        costs.app.push(by_app(setup, &app).await?);
    }
    let ratio = Sample::ratios(&costs.app, &costs.mysqlslap);
    let goals = vec![Goal::at_most(
        "a new connection for each query, ratio to mysqlslap",
        0.5,
        "x",
        &ratio,
    )];
    Ok(Part { title: "New connections", goals, text: costs.text() })
}

impl Costs {
    fn text(&self) -> String {
        let row = |name: &str, costs: &[f64]| {
            let (cost, ratio): (Sample, _) =
                (costs.iter().copied().collect(), Sample::ratios(costs, &self.mysqlslap));
            row(&[name, &cost.to_string(), &ratio.to_string()])
        };
        let rows = [
            row("mysqlslap, in C", &self.mysqlslap),
            row("sqlx without read-app, connect and close", &self.sqlx),
            row("read-app", &self.app),
        ];
        format!(
            "One client sends one query after the other to mysql-1. A connection costs TCP, TLS, authentication, and closing it. \
             For mysqlslap and read-app, the figure is the difference between a query on a new connection and one on a kept \
             connection.\n\n{}",
            table(&["client", "ms for a connection", "ratio to mysqlslap"], &rows)
        )
    }
}

async fn by_mysqlslap(setup: &Setup, slap: &Mysqlslap) -> anyhow::Result<f64> {
    let time = setup.extent.turn / 4;
    let new = slap.per_second(1, time, Connections::New).await?;
    let kept = slap.per_second(1, time, Connections::Kept).await?;
    Ok(1e3 / new - 1e3 / kept)
}

async fn by_sqlx(login: &Login) -> anyhow::Result<f64> {
    let options = login.options();
    let start = Instant::now();
    for _ in 0..TURNS {
        options.connect().await?.close().await?;
    }
    Ok(milliseconds(start.elapsed()) / f64::from(TURNS))
}

async fn by_app(setup: &Setup, app: &Server) -> anyhow::Result<f64> {
    let new = latency(setup, app, "/users?via=mysql").await?;
    Ok(new - latency(setup, app, POOLED).await?)
}

/// The mean latency with one client in milliseconds; mysqlslap also gives a mean.
pub(crate) async fn latency(setup: &Setup, app: &Server, path: &str) -> anyhow::Result<f64> {
    let load = Load {
        server: app.address,
        kind: RequestKind::Get(path.to_owned()),
        connections: 1,
        pace: Pace::AsFast,
        time: setup.extent.turn / 4,
    };
    Ok(load.offer().await?.latencies.mean())
}

//! How soon a commit is visible on the replica, and how long a new replica takes to start.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::{
    goals::{Goal, Met},
    load::{Connection, Load, Pace, RequestKind},
    report::{Part, row, table},
    server::{Server, WRITE_APP},
    setup::Setup,
    statistics::{Latencies, short},
};

/// Registrations a second during the measurement.
const RATE: f64 = 500.0;

/// The pause between two registrations that are followed to the replica.
const PERIOD: Duration = Duration::from_millis(20);

pub(crate) async fn visible(setup: &Setup) -> anyhow::Result<Part> {
    eprintln!("commit to visible on the replica");
    let app = WRITE_APP.start(&setup.cluster, &[]).await?;
    let time = setup.extent.turn * 4;
    let (server, pace) = (app.address, Pace::PerSecond(RATE));
    let load = Load { server, kind: RequestKind::Register, connections: 16, pace, time };
    let (written, seen) = tokio::join!(load.offer(), follow(setup, &app, time));
    let (written, seen) = (written?, seen?);
    let what =
        format!("response of write-app to visible on the replica, p99 at {RATE} writes a second");
    let p99 = seen.percentile(99).into();
    let mut goal = Goal::at_most(&what, 10.0, " ms", &p99);
    // The goal is for this rate.
    if written.per_second() < 0.95 * RATE {
        goal.met = Met::No;
        goal.measured += &format!(", but at {} a second", short(written.per_second()));
    }
    let text = format!(
        "The load generator registers {RATE} users a second (measured: {}). Meanwhile, every {} ms one more registration is timed, \
         from write-app's response until mysql-1 has applied the GTID in the response. Of {}: p50 {} ms, p99 {} ms, the \
         longest {} ms.\n",
        short(written.per_second()),
        PERIOD.as_millis(),
        seen.count(),
        short(seen.percentile(50)),
        short(seen.percentile(99)),
        short(seen.percentile(100)),
    );
    Ok(Part { title: "From commit to visible", goals: vec![goal], text })
}

async fn follow(setup: &Setup, app: &Server, time: Duration) -> anyhow::Result<Latencies> {
    let mut replica = setup.reader()?.options().connect().await?;
    let mut connection = Connection::open(app.address).await?;
    let (start, mut latencies) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let (_, body) = connection.send(RequestKind::Register.request(app.address)?).await?;
        let answered = Instant::now();
        let body: Value = serde_json::from_slice(&body)?;
        let gtid = body["gtid"].as_str().context("a registration has no GTID")?;
        let late: i64 = sqlx::query_scalar("SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 10)")
            .bind(gtid)
            .fetch_one(&mut replica)
            .await?;
        ensure!(late == 0, "the replica did not have {gtid} within ten seconds");
        latencies.push(answered.elapsed());
        tokio::time::sleep(PERIOD).await;
    }
    Ok(latencies.into())
}

/// How much data a new replica cloned, and how long it took from start to ready.
pub(crate) struct Clone {
    mebibytes: f64,
    took: Duration,
}

/// Starts one more replica, and stops it when it is ready.
pub(crate) async fn clone(setup: &mut Setup, ordinal: u8) -> anyhow::Result<Clone> {
    eprintln!("starting a new replica");
    let size = "SELECT SUM(FILE_SIZE) / 1048576 FROM information_schema.INNODB_TABLESPACES \
                WHERE SPACE_TYPE = 'Single' OR NAME = 'mysql'";
    let mebibytes = setup.primary(size).await?.parse()?;
    let start = Instant::now();
    setup.cluster.start_pod(ordinal)?;
    setup.cluster.wait_until_ready(ordinal).await?;
    let took = start.elapsed();
    setup.cluster.stop_pod(ordinal).await?;
    Ok(Clone { mebibytes, took })
}

pub(crate) fn clones(clones: &[Clone]) -> Part {
    let rows: Vec<_> = clones
        .iter()
        .map(|clone| row(&[&short(clone.mebibytes), &format!("{:.1}", clone.took.as_secs_f64())]))
        .collect();
    let text = format!(
        "The time from the start of one more replica until it is ready. The replica makes an empty server, clones mysql-0, starts \
         without network to compare GTIDs, and starts again. The time for the data itself is the difference between the rows.\n\n{}",
        table(&["tables of the primary, MiB", "seconds"], &rows)
    );
    Part { title: "Growth: replicas", goals: Vec::new(), text }
}

//! How much memory the apps and mysqld take, and how fast an app starts.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    goals::{Goal, Met},
    load::{Load, Pace, RequestKind},
    process::{most_resident, resident},
    report::{Part, row, table},
    server::{App, READ_APP, Server, WRITE_APP},
    setup::{PRIMARY, REPLICA, Setup},
    statistics::{Sample, milliseconds, short},
};

/// How long an app gets no requests before its idle memory is measured.
const IDLE_TIME: Duration = Duration::from_secs(3);

/// The number of connections that are open at once.
const CONNECTIONS: usize = 1000;

/// One request a second for each connection, so that the app closes none for idleness.
const REQUESTS_PER_SECOND: f64 = CONNECTIONS as f64;

/// The memory request of the StatefulSet's container, in MiB.
const MYSQLD_REQUEST: f64 = 384.0;

/// The figures of one app. Memory and image are in MiB.
struct Footprint {
    name: &'static str,
    starts: Sample,
    idle: f64,
    with_connections: f64,
    image: Option<f64>,
}

/// The resident memory of the primary and the replica at a moment, in MiB.
pub(crate) type Moment = (&'static str, [f64; 2]);

pub(crate) async fn part(setup: &Setup, memory: &[Moment]) -> anyhow::Result<Part> {
    eprintln!("footprint");
    let apps = [footprint(setup, WRITE_APP).await?, footprint(setup, READ_APP).await?];
    let mut goals: Vec<_> = apps.iter().flat_map(Footprint::goals).collect();
    goals.push(Goal::new(
        "from `kubectl apply` to all Ready",
        "at most 60 s".to_owned(),
        "16.2 s to 33.6 s, by `.ci/run cluster`".to_owned(),
        Met::Yes,
    ));
    for ordinal in [PRIMARY, REPLICA] {
        let most = most_resident(setup.mysqld(ordinal).await?)?;
        let what = format!("mysqld of mysql-{ordinal}: highest memory in this run");
        goals.push(Goal::at_most(&what, MYSQLD_REQUEST, " MiB", &most.into()));
    }
    let text = format!("{}\n{}", apps_text(&apps), mysqlds_text(memory));
    Ok(Part { title: "Footprint", goals, text })
}

fn apps_text(apps: &[Footprint]) -> String {
    let rows = apps.iter().map(|app| {
        let image = app.image.map_or("–".to_owned(), short);
        row(&[
            app.name,
            &app.starts.to_string(),
            &short(app.idle),
            &short(app.with_connections),
            &image,
        ])
    });
    let head =
        ["app", "start to first response, ms", "idle, MiB", "1,000 connections, MiB", "image, MiB"];
    format!(
        "The start time ends with the first response to `GET /healthz`. The resident memory is measured {} s after the start, and with \
         {CONNECTIONS} open connections that each send `GET /healthz` once a second.\n\n{}",
        IDLE_TIME.as_secs(),
        table(&head, &rows.collect::<Vec<_>>())
    )
}

fn mysqlds_text(memory: &[Moment]) -> String {
    let rows = memory
        .iter()
        .map(|(moment, [primary, replica])| row(&[moment, &short(*primary), &short(*replica)]));
    let rows: Vec<_> = rows.collect();
    table(&["mysqld, resident, MiB", "mysql-0", "mysql-1"], &rows)
}

async fn footprint(setup: &Setup, app: App) -> anyhow::Result<Footprint> {
    let mut starts = Vec::new();
    for _ in 0..2 * setup.extent.rounds {
        let start = Instant::now();
        let server = start_alone(setup, app)?;
        server.wait_for_ok("/healthz").await?;
        starts.push(milliseconds(start.elapsed()));
    }
    let server = start_alone(setup, app)?;
    server.wait_for_ok("/readyz").await?;
    sleep(IDLE_TIME).await;
    let idle = resident(server.id())?;
    let with_connections = resident_with_connections(&server).await?;
    let (name, starts) = (app.about.name, starts.into_iter().collect());
    Ok(Footprint { name, starts, idle, with_connections, image: image(name) })
}

/// Starts the app without `setpriv`, which would add to the start time and the memory.
fn start_alone(setup: &Setup, app: App) -> anyhow::Result<Server> {
    Server::start(app.command(&setup.cluster, &[])?)
}

async fn resident_with_connections(server: &Server) -> anyhow::Result<f64> {
    let load = Load {
        server: server.address,
        kind: RequestKind::Get("/healthz".to_owned()),
        connections: CONNECTIONS,
        pace: Pace::PerSecond(REQUESTS_PER_SECOND),
        time: IDLE_TIME,
    };
    let (offered, resident) = tokio::join!(load.offer(), async {
        sleep(IDLE_TIME.mul_f64(0.9)).await;
        resident(server.id())
    });
    offered?;
    resident
}

/// The size of the image in MiB, if `.ci/images` has built one.
fn image(name: &str) -> Option<f64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let image = root.join("target/images").join(format!("{name}.tar"));
    Some(std::fs::metadata(image).ok()?.len() as f64 / f64::from(1 << 20))
}

impl Footprint {
    fn goals(&self) -> Vec<Goal> {
        let what = |what: &str| format!("{}: {what}", self.name);
        let image = match self.image {
            Some(image) => Goal::at_most(&what("image"), 8.0, " MiB", &image.into()),
            None => Goal::not_measured(
                &what("image"),
                "at most 8 MiB",
                "`.ci/run images` has not been run",
            ),
        };
        vec![
            Goal::at_most(&what("resident when idle"), 8.0, " MiB", &self.idle.into()),
            Goal::at_most(
                &what("resident with 1,000 connections"),
                24.0,
                " MiB",
                &self.with_connections.into(),
            ),
            Goal::at_most(&what("start to first response"), 10.0, " ms", &self.starts),
            image,
        ]
    }
}

//! What more pods are good for, on the cluster that kubectl reaches: `-- --on-cluster`.
//!
//! Each pod has the same share of a processor, so that several pods on one machine grow as if each had another machine.
//! The first row of each table has no such limit: it shows what this machine can do.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bench::Section;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::{
    crowd::{Crowd, PAGES},
    goals::{Goal, goals_table},
    load::{Connection, Load, Pace, RequestKind},
    report::{row, table},
    setup::Extent,
    statistics::Sample,
    workload::{MYSQL, READ_APP, WRITE_APP, Workload, kubectl},
};

/// Where the page has the figures.
pub(crate) const SECTION: Section = Section {
    begin: "<!-- `cargo bench -p bench -- --on-cluster` writes this section. -->",
    end: "<!-- The end of that section. -->",
};

const HEAD: &str = "## Growth on a cluster

Another command measures this, on the cluster that kubectl reaches, with the folder `kubernetes/` applied:

```sh
cargo bench -p bench -- --on-cluster
```

Each pod gets the same share of a processor, so small that it is used up before the machine is busy. So several pods on
one machine grow as if each had another machine. A pod's probes take a part of its share. The first row of each table has
no limit: that is what this machine can do. The load generator has some connections for each pod, and sends the next
request on each as soon as it has a response. Afterwards the command replaces all pods, also mysql-0, by such as the
manifests have.
";

/// Reads over kept connections. read-app asks the pods that have not used up their share.
const READ: &str = "/users?via=mysql&with=pool&strategy=least-connections";

/// The same, from each pod in turn.
const READ_IN_TURN: &str = "/users?via=mysql&with=pool&strategy=round-robin";

/// How long new pods may take until they serve reads.
const ALL_SERVE: Duration = Duration::from_secs(60);

/// Requests to growing numbers of pods of one kind.
struct Series {
    what: &'static str,
    workload: Workload,
    /// Each pod's thousandths of a processor.
    share: u32,
    /// The numbers of pods.
    pods: [usize; 3],
    /// The NodePort.
    port: u16,
    /// What the requests get. Without a path, they register users.
    path: Option<&'static str>,
    /// So many connections for each pod.
    connections: usize,
}

const SERIES: [Series; 3] = [
    Series {
        what: "reads by MySQL pods",
        workload: MYSQL,
        share: 150,
        pods: [2, 3, 4],
        port: 30001,
        path: Some(READ),
        connections: 8,
    },
    Series {
        what: "reads by copies of read-app",
        workload: READ_APP,
        share: 100,
        pods: [1, 2, 3],
        port: 30001,
        path: Some(READ),
        connections: 16,
    },
    Series {
        what: "writes by copies of write-app",
        workload: WRITE_APP,
        share: 50,
        pods: [1, 2, 3],
        port: 30000,
        path: None,
        connections: 16,
    },
];

/// What a number of pods served.
struct Served {
    pods: usize,
    limit: String,
    /// Served requests a second.
    rounds: Vec<f64>,
    /// The largest share of other requests in a round.
    failed_share: f64,
}

/// The claims of the pods that are there only to be measured.
const CLAIMS: [&str; 2] = ["data-mysql-2", "data-mysql-3"];

/// Fails where the cluster is not as kubernetes/ has it: nothing else would be put back, and no claim may be deleted that
/// was there before.
pub(crate) async fn check() -> anyhow::Result<()> {
    for series in SERIES {
        series.workload.check().await?;
    }
    let get = ["get", "persistentvolumeclaims", "--ignore-not-found", "--output=name"];
    let claims = kubectl(&[&get[..], &CLAIMS].concat()).await?;
    ensure!(claims.is_empty(), "delete these first, if their data may go: {claims}");
    let (node, ports) = (node()?, SERIES.map(|series| series.port));
    for port in ports {
        let connected = TcpStream::connect((node, port)).await;
        connected.with_context(|| {
            format!("no app at {node}:{port}; NODE_ADDRESS says at which address the NodePorts are")
        })?;
    }
    Ok(())
}

/// Measures all of it.
pub(crate) async fn measure(extent: &Extent) -> anyhow::Result<String> {
    let (mut goals, mut tables, mut pages) = (Vec::new(), String::new(), Vec::new());
    for series in SERIES {
        let served = series.measure(extent).await?;
        tables += &format!("\n### {}\n\n{}", heading(series.what), series.table(&served));
        goals.extend(series.goals(&served));
        if series.path.is_some() {
            pages.push(series.pages(extent).await?);
        }
        series.workload.restore().await?;
    }
    delete_claims().await?;
    let [by_mysql, by_read_app] = pages[..] else { bail!("two of the series must be reads") };
    let crowd = Crowd { by_read_app, by_mysql };
    Ok(format!("{HEAD}\n{}{tables}\n{crowd}", goals_table(&goals)))
}

/// Replaces all pods by such as the manifests have, also where one workload refuses. Returns the first error.
pub(crate) async fn restore() -> anyhow::Result<()> {
    let mut restored = Ok(());
    for series in SERIES {
        restored = restored.and(series.workload.restore().await);
    }
    restored.and(delete_claims().await)
}

async fn delete_claims() -> anyhow::Result<()> {
    let delete = ["delete", "persistentvolumeclaims", "--ignore-not-found"];
    kubectl(&[&delete[..], &CLAIMS].concat()).await.map(drop)
}

impl Series {
    async fn measure(&self, extent: &Extent) -> anyhow::Result<Vec<Served>> {
        let kind = match self.path {
            Some(path) => RequestKind::Get(path.to_owned()),
            None => RequestKind::Register,
        };
        let mut all = vec![self.serve(self.pods[0], "none", &kind, extent).await?];
        for pods in self.pods.into_iter().take(extent.pods) {
            self.workload.scale(pods).await?;
            self.workload.limit(self.share).await?;
            if self.workload.object == MYSQL.object {
                until_all_serve(pods).await?;
            }
            all.push(self.serve(pods, &self.limit(), &kind, extent).await?);
        }
        Ok(all)
    }

    /// How many requests of an open page one whole processor serves each second, of each kind of [`PAGES`].
    async fn pages(&self, extent: &Extent) -> anyhow::Result<[f64; 2]> {
        let mut rates = [0.0; 2];
        let pods = self.pods[extent.pods - 1];
        for (rate, path) in rates.iter_mut().zip(PAGES) {
            let served =
                self.serve(pods, &self.limit(), &RequestKind::Ask(path.to_owned()), extent).await?;
            let processors = pods as f64 * f64::from(self.share) / 1000.0;
            *rate = Sample::from_iter(served.rounds).median() / processors;
        }
        Ok(rates)
    }

    async fn serve(
        &self,
        pods: usize,
        limit: &str,
        kind: &RequestKind,
        extent: &Extent,
    ) -> anyhow::Result<Served> {
        eprintln!("{}: {pods}, limit {limit}, {kind:?}", self.what);
        let load = Load {
            server: SocketAddr::new(node()?, self.port),
            kind: kind.clone(),
            connections: self.connections * pods,
            pace: Pace::AsFast,
            time: extent.turn,
        };
        load.clone().offer().await?; // Opens the apps' connections.
        let mut served =
            Served { pods, limit: limit.to_owned(), rounds: Vec::new(), failed_share: 0.0 };
        for _ in 0..extent.rounds {
            let responses = load.clone().offer().await?;
            served.rounds.push(responses.per_second());
            served.failed_share = served.failed_share.max(responses.failed_share());
        }
        Ok(served)
    }

    /// As the manifests write it.
    fn limit(&self) -> String {
        format!("{}m", self.share)
    }

    /// The ratio of each number of pods to the first, compared with the ratio of the numbers.
    fn goals(&self, served: &[Served]) -> Vec<Goal> {
        let goal = |more: &Served| {
            let first = &served[1];
            let what =
                format!("{}: {}, ratio to linear growth from {}", self.what, more.pods, first.pods);
            Goal::at_least(&what, 0.9, "x", &linear(more, first))
        };
        served[2..].iter().map(goal).collect()
    }

    fn table(&self, served: &[Served]) -> String {
        let first = median(&served[1]);
        let cells = |one: &Served| {
            let rate: Sample = one.rounds.iter().copied().collect();
            let times: Sample = one.rounds.iter().map(|rate| rate / first).collect();
            let failed = format!("{:.1} %", one.failed_share * 100.0);
            row(&[
                &one.pods.to_string(),
                &one.limit,
                &rate.to_string(),
                &times.to_string(),
                &failed,
            ])
        };
        let rows: Vec<_> = served.iter().map(cells).collect();
        let ratio = format!("ratio to {} with a limit", served[1].pods);
        table(&[self.what, "processor for each", "requests/s", &ratio, "not served"], &rows)
    }
}

/// Reads until each MySQL pod has served a read: DNS may take half a minute to name a new one.
async fn until_all_serve(pods: usize) -> anyhow::Result<()> {
    let server = SocketAddr::new(node()?, 30001);
    let (end, mut served) = (Instant::now() + ALL_SERVE, BTreeSet::new());
    while served.len() < pods {
        ensure!(
            Instant::now() < end,
            "only {served:?} of {pods} pods served reads within {ALL_SERVE:?}"
        );
        let mut connection = Connection::open(server).await?;
        let request = RequestKind::Get(READ_IN_TURN.to_owned()).request(server)?;
        let (_, body) = connection.send(request).await?;
        let body: Value = serde_json::from_slice(&body)?;
        served.extend(body["mysql_pod"].as_str().map(str::to_owned));
    }
    Ok(())
}

/// How much of linear growth this is.
fn linear(more: &Served, first: &Served) -> Sample {
    let linear = median(first) * more.pods as f64 / first.pods as f64;
    more.rounds.iter().map(|rate| rate / linear).collect()
}

fn median(served: &Served) -> f64 {
    Sample::from_iter(served.rounds.iter().copied()).median()
}

/// With a capital letter.
fn heading(what: &str) -> String {
    let (first, rest) = what.split_at(1);
    first.to_uppercase() + rest
}

/// Where the NodePorts are.
fn node() -> anyhow::Result<IpAddr> {
    match std::env::var("NODE_ADDRESS") {
        // As in a URL, an IPv6 address may be in brackets.
        Ok(address) => address.trim_matches(['[', ']']).parse().with_context(|| {
            format!("NODE_ADDRESS must be an IP address such as 192.168.1.20, not {address}")
        }),
        Err(_) => Ok(Ipv4Addr::LOCALHOST.into()),
    }
}

//! What more pods are good for, on the cluster that kubectl reaches: `-- --on-cluster`.
//!
//! Each pod has the same share of a processor, so that several pods on one machine grow as if each had another machine.
//! The first row of each table has no such limit: it shows what this machine can do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use bench::Section;

use crate::{
    crowd::{Crowd, PAGES},
    goals::{Goal, goals_table},
    load::{Load, Pace, RequestKind},
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

Each pod gets the same share of a processor, without a restart. It uses the share up before the machine is busy, so
several pods on one machine grow as if each had another machine. Its probes take a part of the share. The first row of
each table has no limit: that is what this machine can do. The load generator has some connections for each pod, and
sends the next request on each as soon as it has a response.
";

/// Reads over kept connections. read-app asks the pods that have not used up their share.
const READ: &str = "/users?via=mysql&with=pool&strategy=least-connections";

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
    /// Responses with status 200 a second.
    rounds: Vec<f64>,
    /// The largest share of other responses in a round.
    failed_share: f64,
}

/// Measures all of it.
pub(crate) async fn measure(extent: &Extent) -> anyhow::Result<String> {
    let pods = kubectl(&["get", MYSQL.object, "--output=jsonpath={.spec.replicas}"]).await?;
    ensure!(pods == "2", "{} has {pods} pods: begin with two, as kubernetes/ has", MYSQL.object);
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
    let [by_mysql, by_read_app] = pages[..] else { unreachable!("two of the series are reads") };
    let crowd = Crowd { by_read_app, by_mysql };
    Ok(format!("{HEAD}\n{}{tables}\n{crowd}", goals_table(&goals)))
}

/// Puts everything back as the manifests have it.
pub(crate) async fn restore() -> anyhow::Result<()> {
    for series in SERIES {
        series.workload.restore().await?;
    }
    delete_claims().await
}

/// The claims of the pods that were there only to be measured.
async fn delete_claims() -> anyhow::Result<()> {
    let claims = ["data-mysql-2", "data-mysql-3"];
    let delete = ["delete", "persistentvolumeclaims", "--ignore-not-found"];
    kubectl(&[&delete[..], &claims].concat()).await.map(drop)
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
                self.serve(pods, &self.limit(), &RequestKind::Get(path.to_owned()), extent).await?;
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
        let cells = |one: &Served| {
            let rate: Sample = one.rounds.iter().copied().collect();
            let times = Sample::ratios(&one.rounds, &served[1].rounds);
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
        let first = format!("ratio to {} with a limit", served[1].pods);
        table(&[self.what, "processor for each", "requests/s", &first, "not 200"], &rows)
    }
}

/// How much of linear growth this is.
fn linear(more: &Served, first: &Served) -> Sample {
    let pods = more.pods as f64 / first.pods as f64;
    let linear: Vec<_> = first.rounds.iter().map(|rate| rate * pods).collect();
    Sample::ratios(&more.rounds, &linear)
}

/// With a capital letter.
fn heading(what: &str) -> String {
    let (first, rest) = what.split_at(1);
    first.to_uppercase() + rest
}

/// Where the NodePorts are.
fn node() -> anyhow::Result<IpAddr> {
    match std::env::var("NODE_ADDRESS") {
        Ok(address) => address.parse().with_context(|| format!("NODE_ADDRESS is {address}")),
        Err(_) => Ok(Ipv4Addr::LOCALHOST.into()),
    }
}

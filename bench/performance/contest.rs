//! mysqlslap, an app and the peers do the same work in turns, so that a disturbance of the machine affects all of them.

use std::time::Duration;

use crate::{
    load::{Load, Pace, RequestKind},
    login::Login,
    mysqlslap::{Connections, Mysqlslap},
    peers::Peer,
    process::{self, ProcessGroup},
    server::Server,
    setup::Extent,
    statistics::{Latencies, Sample},
};

/// The number of connections at which the contenders are compared.
pub(crate) const CLIENTS: usize = 16;

/// A server manages a rate if its throughput is this much higher.
const MANAGES: f64 = 1.1;

/// mysqld accepts two hundred connections in all, and the app and the peers keep theirs.
const MOST_FOR_MYSQLSLAP: usize = 64;

/// The contenders, and the requests that they get.
pub(crate) struct Contest {
    pub(crate) kind: RequestKind,
    pub(crate) mysqlslap: Mysqlslap,
    pub(crate) servers: Vec<(&'static str, Server)>,
    /// The process ids of the primary and the replica: a write is work for both.
    pub(crate) mysqlds: [u32; 2],
}

/// The turns of mysqlslap and of all servers. The first server is the app.
pub(crate) struct Results {
    pub(crate) limit: Limit,
    pub(crate) servers: Vec<Contender>,
}

/// How often a second mysqlslap does the statements.
#[derive(Default)]
pub(crate) struct Limit {
    /// With [`CLIENTS`] clients, for each round.
    pub(crate) rounds: Vec<f64>,
    /// By the number of clients.
    pub(crate) by_clients: Vec<(usize, f64)>,
}

/// The turns of one server.
#[derive(Default)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// As fast as the server can with [`CLIENTS`] connections, for each round.
    pub(crate) rounds: Vec<Turn>,
    /// At half of the app's throughput, for each round. A server that does not manage it gets half of its own.
    pub(crate) paced: Vec<Turn>,
    /// By the number of connections.
    pub(crate) by_connections: Vec<(usize, Turn)>,
}

/// One server's turn.
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    pub(crate) latencies: Latencies,
    pub(crate) failed_share: f64,
    /// The server's processor time for each request, in microseconds.
    pub(crate) server: f64,
    /// The same for the primary and the replica together.
    pub(crate) mysqld: f64,
    /// The same for this process, the load generator.
    pub(crate) generator: f64,
    /// The server's memory in MiB.
    pub(crate) memory: f64,
}

impl Contest {
    /// Starts the peers, and returns them after the app.
    pub(crate) async fn servers(
        app: (&'static str, Server),
        peers: &[Peer],
        login: &Login,
    ) -> anyhow::Result<Vec<(&'static str, Server)>> {
        let mut servers = vec![app];
        for peer in peers {
            servers.push((peer.name, peer.start(login).await?));
        }
        Ok(servers)
    }

    pub(crate) async fn run(&self, extent: &Extent) -> anyhow::Result<Results> {
        let named = |(name, _): &(&'static str, _)| Contender { name, ..Contender::default() };
        let servers = self.servers.iter().map(named).collect();
        let mut results = Results { limit: Limit::default(), servers };
        for (number, _) in self.servers.iter().enumerate() {
            self.turn(number, CLIENTS, Pace::AsFast, extent.turn / 2).await?; // Warms up.
        }
        for round in 0..extent.rounds {
            eprintln!("  round {} of {}", round + 1, extent.rounds);
            self.round(round, extent, &mut results).await?;
        }
        eprintln!("  latency at half of the app's throughput");
        for _ in 0..extent.rounds.div_ceil(2) {
            self.paced_round(extent, &mut results).await?;
        }
        for connections in extent.connections {
            eprintln!("  {connections} connections");
            self.with_connections(*connections, extent, &mut results).await?;
        }
        Ok(results)
    }

    /// Each round begins with another server.
    async fn round(
        &self,
        round: usize,
        extent: &Extent,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let limit = self.mysqlslap.per_second(CLIENTS, extent.turn, Connections::Kept).await?;
        results.limit.rounds.push(limit);
        for offset in 0..self.servers.len() {
            let number = (round + offset) % self.servers.len();
            let turn = self.turn(number, CLIENTS, Pace::AsFast, extent.turn).await?;
            results.servers[number].rounds.push(turn);
        }
        Ok(())
    }

    async fn paced_round(&self, extent: &Extent, results: &mut Results) -> anyhow::Result<()> {
        let of_app = results.servers[0].per_second().median() / 2.0;
        for (number, contender) in results.servers.iter_mut().enumerate() {
            let own = contender.per_second().median();
            let rate = if own > MANAGES * of_app { of_app } else { own / 2.0 };
            let pace = Pace::PerSecond(rate.max(1.0));
            contender.paced.push(self.turn(number, CLIENTS, pace, extent.turn).await?);
        }
        Ok(())
    }

    async fn with_connections(
        &self,
        connections: usize,
        extent: &Extent,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let time = extent.turn / 2;
        if connections <= MOST_FOR_MYSQLSLAP {
            let most = self.mysqlslap.per_second(connections, time, Connections::Kept).await?;
            results.limit.by_clients.push((connections, most));
        }
        for (number, contender) in results.servers.iter_mut().enumerate() {
            let turn = self.turn(number, connections, Pace::AsFast, time).await?;
            contender.by_connections.push((connections, turn));
        }
        Ok(())
    }

    async fn turn(
        &self,
        number: usize,
        connections: usize,
        pace: Pace,
        time: Duration,
    ) -> anyhow::Result<Turn> {
        let (_, server) = &self.servers[number];
        let load =
            Load { server: server.address, kind: self.kind_for(number), connections, pace, time };
        measure(load, server.group(), self.mysqlds).await
    }

    /// Only the app knows query parameters, which tell it to keep connections as the peers do.
    fn kind_for(&self, number: usize) -> RequestKind {
        match &self.kind {
            RequestKind::Get(_) if number > 0 => RequestKind::Get("/users".to_owned()),
            kind => kind.clone(),
        }
    }
}

/// Offers a load, and measures the processor time and memory that it takes.
pub(crate) async fn measure(
    load: Load,
    server: ProcessGroup,
    mysqlds: [u32; 2],
) -> anyhow::Result<Turn> {
    let used = || {
        let generator = process::processor_time(std::process::id())?;
        let mysqlds: Duration =
            mysqlds.into_iter().map(process::processor_time).sum::<anyhow::Result<_>>()?;
        anyhow::Ok([server.processor_time()?, mysqlds, generator])
    };
    let before = used()?;
    let responses = load.offer().await?;
    let after = used()?;
    let each = |number: usize| {
        (after[number] - before[number]).as_secs_f64() * 1e6 / responses.latencies.count() as f64
    };
    Ok(Turn {
        per_second: responses.per_second(),
        failed_share: responses.failed_share(),
        server: each(0),
        mysqld: each(1),
        generator: each(2),
        memory: server.memory()?,
        latencies: responses.latencies,
    })
}

impl Results {
    /// How often a second mysqlslap does the statements, by the number of clients.
    pub(crate) fn limit_curve(&self) -> Vec<(usize, f64)> {
        let at_clients = self.limit.rounds.iter().copied().collect();
        curve(&self.limit.by_clients, &at_clients)
    }

    /// Requests a second of a server, by the number of connections.
    pub(crate) fn curve(&self, number: usize) -> Vec<(usize, f64)> {
        let Some(server) = self.servers.get(number) else { return Vec::new() };
        let others = server.by_connections.iter().map(|(with, turn)| (*with, turn.per_second));
        curve(&others.collect::<Vec<_>>(), &server.per_second())
    }
}

/// Adds the point at [`CLIENTS`], the median of the rounds, and sorts by the number of connections.
fn curve(others: &[(usize, f64)], at_clients: &Sample) -> Vec<(usize, f64)> {
    let mut curve = others.to_vec();
    curve.push((CLIENTS, at_clients.median()));
    curve.sort_by_key(|(connections, _)| *connections);
    curve
}

impl Contender {
    pub(crate) fn per_second(&self) -> Sample {
        self.rounds.iter().map(|turn| turn.per_second).collect()
    }

    /// One figure of each round.
    pub(crate) fn of_rounds(&self, figure: fn(&Turn) -> f64) -> Sample {
        self.rounds.iter().map(figure).collect()
    }

    /// One figure of each round at half of the app's throughput.
    pub(crate) fn of_paced(&self, figure: fn(&Turn) -> f64) -> Sample {
        self.paced.iter().map(figure).collect()
    }
}

impl Turn {
    /// The 99th percentile of the latencies, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        self.latencies.percentile(99)
    }
}

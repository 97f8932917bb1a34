//! The same work by everybody: mysqlslap, an app and the peers take turns, so that whatever disturbs the machine meanwhile
//! disturbs all of them.

use std::time::Duration;

use crate::{
    load::{Answers, Ask, Load, Pace},
    mysqlslap::{Connections, Mysqlslap},
    peers::Peer,
    process::{self, ProcessGroup},
    server::Server,
    setup::{Extent, Login},
    statistics::{Latencies, Sample},
};

/// With how many connections the contenders are compared.
pub(crate) const CLIENTS: usize = 16;

/// mysqld accepts a hundred connections.
const MOST_FOR_MYSQLSLAP: usize = 64;

/// The contenders, and what they are asked.
pub(crate) struct Contest {
    pub(crate) ask: Ask,
    pub(crate) mysqlslap: Mysqlslap,
    pub(crate) servers: Vec<(&'static str, Server)>,
    /// The processes of the primary and the replica: a write is work for both.
    pub(crate) mysqlds: [u32; 2],
}

/// What was measured: mysqlslap's turns and all servers', of which the first is the app.
pub(crate) struct Results {
    pub(crate) limit: Limit,
    pub(crate) servers: Vec<Contender>,
}

/// What mysqlslap got done a second.
#[derive(Default)]
pub(crate) struct Limit {
    /// With [`CLIENTS`], each round.
    pub(crate) rounds: Vec<f64>,
    /// By clients.
    pub(crate) by_clients: Vec<(usize, f64)>,
}

/// The turns of one server.
#[derive(Default)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// As fast as it can with [`CLIENTS`], each round.
    pub(crate) rounds: Vec<Turn>,
    /// At half of its own throughput, each round.
    pub(crate) paced: Vec<Turn>,
    /// By connections.
    pub(crate) by_connections: Vec<(usize, Turn)>,
}

/// One server's turn.
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    pub(crate) latencies: Latencies,
    pub(crate) failed_share: f64,
    /// Processor time a request in microseconds: the server's, both mysqlds', and this process's for making the load.
    pub(crate) server: f64,
    pub(crate) mysqld: f64,
    pub(crate) generator: f64,
    /// The server's memory in MiB.
    pub(crate) memory: f64,
}

impl Contest {
    /// Starts the peers beside an app.
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
        eprintln!("  latency at half of each one's throughput");
        for _ in 0..extent.rounds.div_ceil(2) {
            self.paced_round(extent, &mut results).await?;
        }
        for connections in extent.connections {
            eprintln!("  {connections} connections");
            self.with_connections(*connections, extent, &mut results).await?;
        }
        Ok(results)
    }

    /// Somebody else begins each time.
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
        for (number, contender) in results.servers.iter_mut().enumerate() {
            let pace = Pace::PerSecond((contender.per_second().median() / 2.0).max(1.0));
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
            Load { server: server.address, ask: self.ask_of(number), connections, pace, time };
        measure(load, server.group(), self.mysqlds).await
    }

    /// The app is told to keep connections, as the peers do; they know no other parameters.
    fn ask_of(&self, number: usize) -> Ask {
        match &self.ask {
            Ask::Get(_) if number > 0 => Ask::Get("/users".to_owned()),
            ask => ask.clone(),
        }
    }
}

/// Offers a load, and looks what everybody has used for it.
pub(crate) async fn measure(
    load: Load,
    server: ProcessGroup,
    mysqlds: [u32; 2],
) -> anyhow::Result<Turn> {
    let used = || {
        let own = process::processor_time(std::process::id())?;
        let mysqlds: Duration =
            mysqlds.into_iter().map(process::processor_time).sum::<anyhow::Result<_>>()?;
        anyhow::Ok([server.processor_time()?, mysqlds, own])
    };
    let before = used()?;
    let answers = load.offer().await?;
    let after = used()?;
    let each = |number: usize| {
        (after[number] - before[number]).as_secs_f64() * 1e6 / answers.latencies.count() as f64
    };
    Ok(Turn {
        per_second: answers.per_second(),
        failed_share: Answers::failed_share(&answers),
        server: each(0),
        mysqld: each(1),
        generator: each(2),
        memory: server.memory()?,
        latencies: answers.latencies,
    })
}

impl Contender {
    pub(crate) fn per_second(&self) -> Sample {
        self.rounds.iter().map(|turn| turn.per_second).collect()
    }

    /// Any figure of the rounds.
    pub(crate) fn of_rounds(&self, figure: fn(&Turn) -> f64) -> Sample {
        self.rounds.iter().map(figure).collect()
    }

    /// Any figure of the rounds at half of its throughput.
    pub(crate) fn of_paced(&self, figure: fn(&Turn) -> f64) -> Sample {
        self.paced.iter().map(figure).collect()
    }
}

impl Turn {
    /// In milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        self.latencies.percentile(99)
    }
}

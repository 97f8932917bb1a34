//! What a page costs with more users, and what a read costs with more servers to choose from.

use demo::{
    cluster_dns,
    endpoints::Endpoints,
    for_tests::TEST_NETWORKS,
    network::{MYSQL_PORT, Network},
    read_service,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    connections::latency,
    goals::Goal,
    reads::{ONE_POD, POOLED},
    report::{Part, row, table},
    server::{READ_APP, Server},
    setup::{REPLICA, Setup, users},
    statistics::{Sample, short},
};

/// The schema of the large table.
pub(crate) const LARGE: &str = "large";

/// How many users one INSERT makes. More would take memory that no registration takes.
const CHUNK: u64 = 10_000;

/// Makes the large table, and lets read-app's account read it.
pub(crate) async fn fill(setup: &Setup) -> anyhow::Result<()> {
    let rows = setup.extent.rows;
    eprintln!("filling a table with {rows} users");
    let table = format!(
        "CREATE DATABASE {LARGE}; CREATE TABLE {LARGE}.users LIKE userdb.users; GRANT SELECT ON {LARGE}.* TO reader;"
    );
    setup.primary(&table).await?;
    for before in (0..rows).step_by(CHUNK as usize) {
        setup.primary(&users(LARGE, before, CHUNK.min(rows - before))).await?;
    }
    setup.wait_for_replica().await
}

pub(crate) async fn page(setup: &Setup) -> anyhow::Result<Part> {
    eprintln!("pages of a small and of a large table");
    let small = READ_APP.start(&setup.cluster, &ONE_POD).await?;
    let [host] = ONE_POD;
    let large = READ_APP.start(&setup.cluster, &[host, ("DB_NAME", LARGE)]).await?;
    let middle = format!("{POOLED}&older_than={}", setup.extent.rows / 2);
    let (mut few, mut newest, mut old) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=setup.extent.rounds {
        few.push(latency(setup, &small, POOLED).await?);
        newest.push(latency(setup, &large, POOLED).await?);
        old.push(latency(setup, &large, &middle).await?);
    }
    // Leave out the first round, which fills caches.
    Ok(page_part(setup.extent.rows, [few, newest, old].map(|costs| costs[1..].to_vec())))
}

fn page_part(rows: u64, [few, newest, old]: [Vec<f64>; 3]) -> Part {
    let ratios = [&newest, &old].map(|costs| Sample::ratios(costs, &few));
    let what = ["the newest page", "a page in the middle"]
        .map(|page| format!("{page} of {} rows, ratio to 100 rows", short(rows as f64)));
    let goals = what.iter().zip(&ratios);
    let goals = goals.map(|(what, ratio)| Goal::at_most(what, 1.1, "x", ratio)).collect();
    let costs = |costs: Vec<f64>| costs.into_iter().collect::<Sample>().to_string();
    let rows = [
        row(&["100 rows, the newest page", &costs(few), ""]),
        row(&["all rows, the newest page", &costs(newest), &ratios[0].to_string()]),
        row(&["all rows, a page in the middle", &costs(old), &ratios[1].to_string()]),
    ];
    let text = format!(
        "One client sends `GET {POOLED}`, to the small and the large table in turns. The large table is larger than InnoDB's buffer \
         pool of 64 MiB; a page reads 51 rows by the primary key.\n\n{}",
        table(&["page", "mean, ms", "ratio"], &rows)
    );
    Part { title: "Growth: users", goals, text }
}

pub(crate) async fn routing(setup: &Setup) -> anyhow::Result<Part> {
    eprintln!("routing");
    // read-app may keep one connection to each server, and watches each over another one.
    setup.cluster.sql(REPLICA, "SET GLOBAL max_connections = 400").await?;
    let mut many = Vec::new();
    for count in setup.extent.endpoints {
        many.push((*count, ManyServers::start(setup, *count).await?, Vec::new()));
    }
    for _ in 0..=setup.extent.rounds {
        for (_, servers, costs) in &mut many {
            costs.push(latency(setup, &servers.app, POOLED).await?);
        }
    }
    let costs = many.into_iter().map(|(count, _, costs)| (count, costs[1..].to_vec()));
    let costs = costs.collect::<Vec<_>>();
    setup.cluster.sql(REPLICA, "SET GLOBAL max_connections = DEFAULT").await?;
    Ok(routing_part(&costs))
}

/// `costs` are the mean latencies by the number of servers.
fn routing_part(costs: &[(u8, Vec<f64>)]) -> Part {
    let title = "Growth: servers to choose from";
    let [(few, first), .., (many, last)] = costs else {
        return Part { title, goals: Vec::new(), text: String::new() };
    };
    let what = format!("a read with {many} servers to choose from, ratio to {few} servers");
    let goals = vec![Goal::at_most(&what, 1.1, "x", &Sample::ratios(last, first))];
    let rows: Vec<_> = costs
        .iter()
        .map(|(count, costs)| {
            let mean: Sample = costs.iter().copied().collect();
            let ratio = Sample::ratios(costs, first);
            row(&[&count.to_string(), &mean.to_string(), &ratio.to_string()])
        })
        .collect();
    let text = format!(
        "One client sends `GET {POOLED}`, with `round-robin`. DNS lists this many servers, and each forwards to the same mysqld. \
         So only the choice differs, and the watching: read-app asks each server three times a second.\n\n{}",
        table(&["servers", "mean, ms", "ratio"], &rows)
    );
    Part { title, goals, text }
}

/// read-app with a DNS server that lists many servers, which all forward to one mysqld.
struct ManyServers {
    app: Server,
    _dns: cluster_dns::DnsServer,
    _service: AbortOnDropHandle<()>,
    _endpoints: Vec<AbortOnDropHandle<()>>,
}

impl ManyServers {
    async fn start(setup: &Setup, count: u8) -> anyhow::Result<Self> {
        let (network, endpoints) = (Network::claim_any(TEST_NETWORKS)?, Endpoints::default());
        let mysqld = Endpoints::default();
        mysqld.add("mysqld", setup.cluster.address(REPLICA));
        mysqld.set_ready("mysqld", true);
        let mut forwarding = Vec::new();
        for number in 0..count {
            let (name, address) = (format!("mysql-{number}"), network.pod(number));
            endpoints.add(&name, address);
            endpoints.set_ready(&name, true);
            let address = (address, MYSQL_PORT).into();
            forwarding.push(read_service::serve(address, mysqld.clone()).await?);
        }
        let service = network.read_service();
        let dns = cluster_dns::serve(network.dns(), endpoints.clone(), *service.ip()).await?;
        let read_service = read_service::serve(service.into(), endpoints).await?;
        let dns_server = network.dns().to_string();
        let app = READ_APP.start(&setup.cluster, &[("DNS_SERVER", &dns_server)]).await?;
        // Open the connections: the first query to each server does that.
        for _ in 0..3 * u32::from(count) {
            app.wait_for_ok(POOLED).await?;
        }
        Ok(Self { app, _dns: dns, _service: read_service, _endpoints: forwarding })
    }
}

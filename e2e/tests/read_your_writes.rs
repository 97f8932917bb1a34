//! A client reads what it has just written, from a replica that applies everything two seconds late.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use demo::{
    apps::{READ_APP, RunningApp, WRITE_APP},
    for_tests::SeparateCluster,
};
use e2e::repetitions;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The number of pairs of a write and a read. Most reads from the replica wait for two seconds.
fn pairs_made() -> u32 {
    repetitions(400, 10_000)
}

/// The number of pairs in flight. Half of the reads get to the replica, and each read-app lets twelve wait at once.
const CLIENTS: u32 = 28;

/// Half of the clients use each read-app, so that the limit of one read-app does not limit the test.
const READ_APPS: usize = 2;

/// How long a client tries to write or to read.
const PATIENCE: Duration = Duration::from_secs(60);

/// A primary with a replica that is two seconds behind, and the apps.
struct LaggingCluster {
    servers: SeparateCluster,
    write_app: RunningApp,
    read_apps: Vec<RunningApp>,
}

impl LaggingCluster {
    async fn start() -> Self {
        let servers = SeparateCluster::start(2).await.unwrap();
        let write_app = servers.serve(WRITE_APP).await.unwrap();
        let mut read_apps = Vec::new();
        for _ in 0..READ_APPS {
            read_apps.push(servers.serve(READ_APP).await.unwrap());
        }
        let delay = "STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 2; \
                     START REPLICA SQL_THREAD";
        servers.cluster.sql(1, delay).await.unwrap();
        Self { servers, write_app, read_apps }
    }

    async fn stop(self) {
        for app in self.read_apps {
            app.stop().await.unwrap();
        }
        self.write_app.stop().await.unwrap();
        self.servers.cluster.stop().await.unwrap();
    }
}

/// What the reads of one client returned.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reads {
    fresh: u32,
    stale: u32,
    waited: u32,
    /// Responses with status 503.
    refused: u32,
}

/// One client.
struct Person {
    client: Client,
    write: String,
    read: String,
    next: Arc<AtomicU32>,
    with_token: bool,
}

impl Person {
    /// Registers a user and reads it back at once, until all pairs are done.
    async fn work(self, pairs: u32) -> Reads {
        let mut reads = Reads::default();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= pairs {
                return reads;
            }
            let email = format!("pair{number}-{}@example.org", self.with_token);
            self.pair(&email, &mut reads).await;
        }
    }

    async fn pair(&self, email: &str, reads: &mut Reads) {
        let written = self.written(email).await;
        // Search for the user: the other clients register more users meanwhile than fit on a page.
        let mut url = format!("{}?search={}", self.read, email.replace('@', "%40"));
        if self.with_token {
            url += &format!("&wait=5&after={}", written["gtid"].as_str().unwrap());
        }
        let read = self.read(&url, reads).await;
        let found =
            read["users"].as_array().unwrap().iter().any(|user| user["id"] == written["id"]);
        *(if found { &mut reads.fresh } else { &mut reads.stale }) += 1;
        reads.waited += u32::from(read["after"]["outcome"] == "after_waiting");
    }

    /// Registers, and tries again under its key after status 503: the machine may be busy, which this test is not about.
    async fn written(&self, email: &str) -> Value {
        let body = json!({ "name": "Ada", "email": email });
        let end = Instant::now() + PATIENCE;
        loop {
            let request = self.client.post(&self.write).header("idempotency-key", email);
            let written = request.json(&body).send().await.unwrap();
            let status = written.status();
            let body: Value = written.json().await.unwrap();
            match status {
                StatusCode::OK => return body,
                StatusCode::SERVICE_UNAVAILABLE => assert!(Instant::now() < end, "{body}"),
                _ => panic!("{status}: {body}"),
            }
        }
    }

    /// Reads, and tries again in the same way.
    async fn read(&self, url: &str, reads: &mut Reads) -> Value {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let read = self.client.get(url).send().await.unwrap();
            let status = read.status();
            let body: Value = read.json().await.unwrap();
            match status {
                StatusCode::OK => return body,
                StatusCode::SERVICE_UNAVAILABLE => reads.refused += 1,
                _ => panic!("{status}: {body}"),
            }
        }
        panic!("{url} was refused for {PATIENCE:?}")
    }
}

async fn pairs(lagging: &LaggingCluster, pairs: u32, with_token: bool) -> Reads {
    let next = Arc::new(AtomicU32::new(0));
    let (client, mut people) = (Client::new(), JoinSet::new());
    for number in 0..CLIENTS as usize {
        let person = Person {
            client: client.clone(),
            write: lagging.write_app.url() + "/submit",
            read: lagging.read_apps[number % READ_APPS].url() + "/users",
            next: next.clone(),
            with_token,
        };
        people.spawn(person.work(pairs));
    }
    let all = people.join_all().await;
    Reads {
        fresh: all.iter().map(|reads| reads.fresh).sum(),
        stale: all.iter().map(|reads| reads.stale).sum(),
        waited: all.iter().map(|reads| reads.waited).sum(),
        refused: all.iter().map(|reads| reads.refused).sum(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_token_no_read_is_stale_and_without_it_some_are() {
    let lagging = LaggingCluster::start().await;
    let start = Instant::now();

    let with_token = pairs(&lagging, pairs_made(), true).await;
    let without = pairs(&lagging, 100, false).await;

    let took = start.elapsed();
    println!("figure: with the token {with_token:?}, without {without:?}, in {took:.0?}");
    assert_eq!((with_token.fresh, with_token.stale), (pairs_made(), 0));
    // The replica answered many of the reads, after it had waited.
    assert!(with_token.waited > pairs_made() / 4, "{with_token:?}");
    assert!(without.stale > 10, "{without:?}");
    assert!(took > Duration::from_secs(2), "no read waited: {took:?}");
    lagging.stop().await;
}

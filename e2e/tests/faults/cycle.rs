//! What both apps answer during a fault and after it.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use demo::{
    apps::{READ_APP, RunningApp, WRITE_APP},
    for_tests::{SeparateCluster, Stalls},
};
use e2e::repetitions;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

/// How often each test makes its fault.
fn times() -> u32 {
    repetitions(2, 20)
}

/// How soon a response names the cause.
const NAMED: Duration = Duration::from_secs(4);

/// How soon after the fault both apps work again.
const RECOVERED: Duration = Duration::from_secs(5);

/// The code of a response without a failure.
pub(crate) const SUCCESS: &str = "success";

/// How long to wait for anything else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A primary without replicas, and both apps.
pub(crate) struct Apps {
    pub(crate) servers: SeparateCluster,
    write_app: RunningApp,
    read_app: RunningApp,
    stalls: Stalls,
}

/// The codes that the apps may answer during a fault.
pub(crate) struct Codes<'a> {
    pub(crate) write: &'a [&'a str],
    pub(crate) read: &'a [&'a str],
}

impl Apps {
    /// Starts both apps with a primary that runs.
    pub(crate) async fn with_servers(servers: SeparateCluster) -> Self {
        let write_app = servers.serve(WRITE_APP).await.unwrap();
        let read_app = servers.serve(READ_APP).await.unwrap();
        Self { servers, write_app, read_app, stalls: Stalls::watch() }
    }

    pub(crate) async fn start() -> Self {
        Self::with_servers(SeparateCluster::start(1).await.unwrap()).await
    }

    pub(crate) async fn sql(&self, sql: &str) -> String {
        self.servers.cluster.sql(0, sql).await.unwrap()
    }

    /// How long this takes, without the time in which the machine did other work.
    async fn timed<T>(&self, work: impl Future<Output = T>) -> (T, Duration) {
        let (begun, stalled) = (Instant::now(), self.stalls.so_far());
        let done = work.await;
        (done, begun.elapsed().saturating_sub(self.stalls.so_far() - stalled))
    }

    /// Registers a user. Returns the code of the response, and how long it took.
    pub(crate) async fn write(&self) -> (String, Duration) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let email = format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "name": "Ada", "email": email });
        let request = Client::new().post(self.write_app.url() + "/submit").json(&body);
        self.timed(async { code(request.send().await.unwrap()).await }).await
    }

    async fn read(&self, query: &str) -> (String, Duration) {
        let request = Client::new().get(self.read_app.url() + "/users" + query);
        self.timed(async { code(request.send().await.unwrap()).await }).await
    }

    /// Sends a write, a read over a new connection and a read over a kept one, all at the same time.
    async fn all(&self) -> [(String, Duration); 3] {
        let (write, new, kept) =
            tokio::join!(self.write(), self.read(""), self.read("?via=mysql&with=pool"));
        [write, new, kept]
    }

    /// Waits until all requests succeed.
    async fn recovery(&self) {
        let start = Instant::now();
        loop {
            let codes = self.all().await;
            if codes.iter().all(|(code, _)| code == SUCCESS) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "not recovered after {DEADLINE:?}: {codes:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn code(response: Response) -> String {
    let body: Value = response.json().await.unwrap();
    body["code"].as_str().unwrap_or(SUCCESS).to_owned()
}

/// What the apps answered in all repetitions of a fault.
pub(crate) struct Observed {
    fault: &'static str,
    codes: BTreeSet<String>,
    named: Duration,
    recovered: Duration,
}

impl Observed {
    pub(crate) fn of(fault: &'static str) -> Self {
        let (named, recovered) = (Duration::ZERO, Duration::ZERO);
        Self { fault, codes: BTreeSet::new(), named, recovered }
    }

    pub(crate) fn repetitions() -> std::ops::Range<u32> {
        0..times()
    }

    pub(crate) fn response(&mut self, (code, took): (String, Duration), allowed: &[&str]) {
        assert!(allowed.contains(&code.as_str()), "{}: {code} after {took:?}", self.fault);
        assert!(took <= NAMED, "{}: {code} after {took:?}", self.fault);
        self.named = self.named.max(took);
        self.codes.insert(code);
    }

    /// Asks the apps during the fault.
    pub(crate) async fn responses(&mut self, apps: &Apps, codes: &Codes<'_>) {
        let [write, new, kept] = apps.all().await;
        self.response(write, codes.write);
        self.response(new, codes.read);
        self.response(kept, codes.read);
    }

    /// Waits for both apps after the fault.
    pub(crate) async fn recovery(&mut self, apps: &Apps) {
        let (_, took) = apps.timed(apps.recovery()).await;
        assert!(took <= RECOVERED, "{}: recovered after {took:?}", self.fault);
        self.recovered = self.recovered.max(took);
    }

    /// Prints the row for docs/trust.md.
    pub(crate) fn print(self) {
        let Self { fault, codes, named, recovered } = self;
        let codes = codes.into_iter().filter(|code| code != SUCCESS).collect::<Vec<_>>().join(", ");
        println!("figure: | {fault} | {} | {codes} | {named:.1?} | {recovered:.1?} |", times());
    }
}

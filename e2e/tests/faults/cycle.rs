//! A fault that comes and goes, and both apps meanwhile.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use demo::{
    apps::{READ_APP, RunningApp, WRITE_APP},
    for_tests::SeparateCluster,
};
use e2e::repetitions;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

/// How often each fault comes.
fn times() -> u32 {
    repetitions(2, 20)
}

/// How soon an answer names the cause.
const NAMED: Duration = Duration::from_secs(4);

/// How soon after the fault an app works again.
const RECOVERED: Duration = Duration::from_secs(5);

/// What an answer is called that is no failure.
pub(crate) const SUCCESS: &str = "success";

/// How long something may take that has no figure of its own.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A primary, without replicas, and both apps beside it.
pub(crate) struct Apps {
    pub(crate) servers: SeparateCluster,
    write_app: RunningApp,
    read_app: RunningApp,
}

/// What the apps may answer meanwhile.
pub(crate) struct Codes<'a> {
    pub(crate) write: &'a [&'a str],
    pub(crate) read: &'a [&'a str],
}

impl Apps {
    /// Beside a primary that runs.
    pub(crate) async fn beside(servers: SeparateCluster) -> Self {
        let write_app = servers.serve(WRITE_APP).await.unwrap();
        let read_app = servers.serve(READ_APP).await.unwrap();
        Self { servers, write_app, read_app }
    }

    pub(crate) async fn start() -> Self {
        Self::beside(SeparateCluster::start(1).await.unwrap()).await
    }

    pub(crate) async fn sql(&self, sql: &str) -> String {
        self.servers.cluster.sql(0, sql).await.unwrap()
    }

    /// Registers somebody: the answer's code, and how long it took.
    pub(crate) async fn write(&self) -> (String, Duration) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let email = format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "name": "Ada", "email": email });
        let request = Client::new().post(self.write_app.url() + "/submit").json(&body);
        let asked = Instant::now();
        (code(request.send().await.unwrap()).await, asked.elapsed())
    }

    async fn read(&self, query: &str) -> (String, Duration) {
        let request = Client::new().get(self.read_app.url() + "/users" + query);
        let asked = Instant::now();
        (code(request.send().await.unwrap()).await, asked.elapsed())
    }

    /// One of each, at once; reads through a new connection and through kept ones.
    async fn all(&self) -> [(String, Duration); 3] {
        let (write, new, kept) =
            tokio::join!(self.write(), self.read(""), self.read("?via=mysql&with=pool"));
        [write, new, kept]
    }

    /// Waits until both apps do what they are for, and says how long that took.
    pub(crate) async fn recovery(&self) -> Duration {
        let start = Instant::now();
        loop {
            let codes = self.all().await;
            if codes.iter().all(|(code, _)| code == SUCCESS) {
                return start.elapsed();
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

/// What was met in all the times.
pub(crate) struct Met {
    fault: &'static str,
    codes: BTreeSet<String>,
    named: Duration,
    recovered: Duration,
}

impl Met {
    pub(crate) fn nothing(fault: &'static str) -> Self {
        let (named, recovered) = (Duration::ZERO, Duration::ZERO);
        Self { fault, codes: BTreeSet::new(), named, recovered }
    }

    pub(crate) fn times() -> std::ops::Range<u32> {
        0..times()
    }

    pub(crate) fn answer(&mut self, (code, took): (String, Duration), allowed: &[&str]) {
        assert!(allowed.contains(&code.as_str()), "{}: {code} after {took:?}", self.fault);
        assert!(took <= NAMED, "{}: {code} after {took:?}", self.fault);
        self.named = self.named.max(took);
        self.codes.insert(code);
    }

    /// While the fault is there: the apps are asked, all at once.
    pub(crate) async fn answers(&mut self, apps: &Apps, codes: &Codes<'_>) {
        let [write, new, kept] = apps.all().await;
        self.answer(write, codes.write);
        self.answer(new, codes.read);
        self.answer(kept, codes.read);
    }

    /// From its end on.
    pub(crate) async fn recovery(&mut self, apps: &Apps) {
        let took = apps.recovery().await;
        assert!(took <= RECOVERED, "{}: recovered after {took:?}", self.fault);
        self.recovered = self.recovered.max(took);
    }

    /// For docs/trust.md.
    pub(crate) fn print(self) {
        let Self { fault, codes, named, recovered } = self;
        let codes = codes.into_iter().filter(|code| code != SUCCESS).collect::<Vec<_>>().join(", ");
        println!("figure: | {fault} | {} | {codes} | {named:.1?} | {recovered:.1?} |", times());
    }
}

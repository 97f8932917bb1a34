//! Clients that register and read during a test, and remember every answer.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinHandle, time::sleep};

use crate::{
    clients::{client, node_port},
    kubectl::until,
    registration::new_email,
};

/// How many clients there are, and how long each pauses between two requests.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) writers: usize,
    pub(crate) readers: usize,
    pub(crate) rest: Duration,
}

/// A few clients at once.
const A_FEW_PEOPLE: Load = Load { writers: 2, readers: 2, rest: Duration::from_millis(100) };

/// The running clients. They stop at once when this is dropped.
pub(crate) struct Traffic {
    runtime: Runtime,
    clients: Vec<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
    writes: Arc<Requests>,
    reads: Arc<Requests>,
}

impl Traffic {
    /// Starts a few clients, and waits until a write and a read were served.
    pub(crate) fn start() -> Self {
        Self::start_with(A_FEW_PEOPLE)
    }

    /// Starts that many clients, and waits until a write and a read were served.
    pub(crate) fn start_with(load: Load) -> Self {
        let runtime = Runtime::new().unwrap();
        let (writes, reads) = (Arc::new(Requests::new()), Arc::new(Requests::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for _ in 0..load.writers {
            let client = register_all_the_while(writes.clone(), stopping.clone(), load.rest);
            clients.push(runtime.spawn(client));
        }
        for _ in 0..load.readers {
            let client = read_all_the_while(reads.clone(), stopping.clone(), load.rest);
            clients.push(runtime.spawn(client));
        }
        let traffic = Self { runtime, clients, stopping, writes, reads };
        traffic.wait_until_served();
        traffic
    }

    /// Waits until a write and a read were served that were sent after this call.
    pub(crate) fn wait_until_served(&self) {
        let now = Instant::now();
        until("a write and a read to be served", || {
            if self.writes.served_since(now) && self.reads.served_since(now) {
                Ok(())
            } else {
                Err(format!("writes: {}; reads: {}", self.writes.failures(), self.reads.failures()))
            }
        });
    }

    /// The registrations so far.
    pub(crate) fn writes(&self) -> &Requests {
        &self.writes
    }

    /// Stops the clients. Each finishes the request that it has sent.
    pub(crate) fn stop(self) -> (Arc<Requests>, Arc<Requests>) {
        self.stopping.store(true, Ordering::Relaxed);
        for client in self.clients {
            self.runtime.block_on(client).unwrap();
        }
        for requests in [&self.writes, &self.reads] {
            requests.log().ended = Some(Instant::now());
        }
        (self.writes, self.reads)
    }
}

async fn register_all_the_while(writes: Arc<Requests>, stopping: Arc<AtomicBool>, rest: Duration) {
    let client = client();
    while !stopping.load(Ordering::Relaxed) {
        let email = new_email();
        let body = json!({ "name": "Ada", "email": email });
        writes.send(client.post(node_port(30000, "/submit")).json(&body), email).await;
        sleep(rest).await;
    }
}

async fn read_all_the_while(reads: Arc<Requests>, stopping: Arc<AtomicBool>, rest: Duration) {
    let client = client();
    while !stopping.load(Ordering::Relaxed) {
        reads.send(client.get(node_port(30001, "/users")), String::new()).await;
        sleep(rest).await;
    }
}

/// Requests of one kind, and how they were answered.
pub(crate) struct Requests {
    began: Instant,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    served: Vec<Served>,
    failed: BTreeMap<String, usize>,
    ended: Option<Instant>,
}

/// A request that was answered with 200. Only this acknowledges a write.
struct Served {
    email: String,
    asked: Instant,
    answered: Instant,
}

impl Requests {
    fn new() -> Self {
        Self { began: Instant::now(), log: Mutex::default() }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: RequestBuilder, email: String) {
        let asked = Instant::now();
        let outcome = outcome(request).await;
        let mut log = self.log();
        match outcome {
            Ok(()) => log.served.push(Served { email, asked, answered: Instant::now() }),
            Err(failure) => *log.failed.entry(failure).or_default() += 1,
        }
    }

    /// Whether a request was served that was sent after this moment.
    fn served_since(&self, moment: Instant) -> bool {
        self.log().served.iter().any(|served| served.asked >= moment)
    }

    /// When the first request was served that was sent after this moment.
    pub(crate) fn first_served_since(&self, moment: Instant) -> Option<Instant> {
        let log = self.log();
        log.served.iter().filter(|one| one.asked >= moment).map(|one| one.answered).min()
    }

    /// How long the slowest served request took.
    pub(crate) fn slowest(&self) -> Duration {
        let log = self.log();
        log.served.iter().map(|one| one.answered - one.asked).max().unwrap_or_default()
    }

    /// The emails of the registrations that were acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<String> {
        self.log().served.iter().map(|served| served.email.clone()).collect()
    }

    /// How many were refused, or not answered.
    pub(crate) fn failed(&self) -> usize {
        self.log().failed.values().sum()
    }

    /// What the refusals were, and how often.
    pub(crate) fn failures(&self) -> String {
        format!("{:?}", self.log().failed)
    }

    /// The longest time between two served requests. The beginning and the end count as served.
    pub(crate) fn longest_outage(&self) -> Duration {
        let log = self.log();
        let mut moments: Vec<Instant> = log.served.iter().map(|served| served.answered).collect();
        moments.push(self.began);
        moments.push(log.ended.unwrap_or_else(Instant::now));
        moments.sort();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

/// Nothing for 200; otherwise what came instead.
async fn outcome(request: RequestBuilder) -> Result<(), String> {
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    if status == StatusCode::OK {
        return response.bytes().await.map(drop).map_err(no_answer);
    }
    let retry = response.headers().contains_key(RETRY_AFTER);
    let body: Value = response.json().await.unwrap_or_default();
    let hint = if status == StatusCode::SERVICE_UNAVAILABLE && !retry {
        " without Retry-After"
    } else {
        ""
    };
    Err(format!("{} {}{hint}", status.as_u16(), body["code"].as_str().unwrap_or("no code")))
}

fn no_answer(error: reqwest::Error) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        format!("no connection: {}", root_cause(&error))
    } else {
        format!("the answer broke off: {}", root_cause(&error))
    }
}

/// The first cause of an error, such as "Connection refused (os error 111)".
fn root_cause(error: &dyn Error) -> &dyn Error {
    error.source().map_or(error, root_cause)
}

//! More requests than an app serves at once: it refuses the rest at once, and still answers probes.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    MACHINE,
    client::{Client, Outcome, get},
    process::READ_APP,
};

/// Twice as many as the app serves at once.
const CLIENTS: usize = 512;

/// A read that takes five seconds: it waits for a transaction that never comes.
const LONG: &str = "/users?via=mysql&with=pool&wait=5&after=11111111-1111-1111-1111-111111111111:1";

#[derive(Debug, Default)]
struct Answers {
    overloaded: Vec<Duration>,
    other: usize,
}

async fn ask(mut client: Client, address: SocketAddr, path: &str) -> (Option<String>, Duration) {
    let asked = Instant::now();
    let Outcome::Answered(_, body) = client.send(get(address, path)).await else {
        panic!("no answer")
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    (body["code"].as_str().map(str::to_owned), asked.elapsed())
}

/// Asks for the app's health until told to stop.
async fn probe(address: SocketAddr, mut stopped: oneshot::Receiver<()>) {
    let mut client = Client::new(address);
    while stopped.try_recv().is_err() {
        for path in ["/healthz", "/readyz"] {
            let outcome = client.send(get(address, path)).await;
            assert!(matches!(outcome, Outcome::Answered(StatusCode::OK, _)), "{outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_above_the_limit_are_refused_at_once_and_probes_are_not() {
    let _alone = MACHINE.write().await;
    let app = READ_APP.start().await;
    let (address, mut asking) = (app.address, JoinSet::new());
    for _ in 0..CLIENTS {
        asking.spawn(ask(Client::new(address), address, LONG));
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let probing = tokio::spawn(probe(address, stopped));

    let mut answers = Answers::default();
    for (code, took) in asking.join_all().await {
        match code.as_deref() {
            Some("overloaded") => answers.overloaded.push(took),
            _ => answers.other += 1,
        }
    }
    stop.send(()).unwrap();
    probing.await.unwrap();

    let slowest = answers.overloaded.iter().max().unwrap();
    println!(
        "figure: of {CLIENTS} long requests at once {} were refused, within {slowest:.1?}",
        answers.overloaded.len()
    );
    assert!(answers.overloaded.len() + answers.other == CLIENTS && answers.other >= 200);
    assert!(*slowest < Duration::from_secs(5), "{slowest:?}: the others take five seconds");
}

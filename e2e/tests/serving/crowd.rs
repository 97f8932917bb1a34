//! How long registrations take with almost as many clients as write-app serves at once: a figure.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use hyper::StatusCode;
use tokio::task::JoinSet;

use crate::{
    MACHINE,
    client::{Client, Outcome, post},
    process::WRITE_APP,
};

/// How many registrations each client makes.
const EACH: usize = 10;

/// Registers again and again; how long each took.
async fn register(mut client: Client, address: SocketAddr) -> Vec<Duration> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut took = Vec::new();
    for _ in 0..EACH {
        let email = format!("crowd{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed));
        let body = format!(r#"{{"name":"Ada","email":"{email}"}}"#);
        let asked = Instant::now();
        let outcome = client.send(post(address, "/submit", &body)).await;
        let Outcome::Answered(status, body) = outcome else { panic!("{outcome:?}") };
        // On a slow disk some get no connection to MySQL in time. None is refused as one too many.
        let body = String::from_utf8_lossy(&body);
        assert!(status == StatusCode::OK || !body.contains("overloaded"), "{status}: {body}");
        took.push(asked.elapsed());
    }
    took
}

/// The limit rests on this: how long registrations take with up to twelve times as many clients as write-app
/// has connections to MySQL.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_is_refused_below_the_limit_of_requests_in_flight() {
    let _alone = MACHINE.write().await;
    let app = WRITE_APP.start().await;
    for clients in [20, 64, 240] {
        let (begun, mut registering) = (Instant::now(), JoinSet::new());
        for _ in 0..clients {
            let client = Client::new(app.address);
            registering.spawn(register(client, app.address));
        }
        let mut took = registering.join_all().await.concat();
        took.sort();
        let rate = took.len() as f64 / begun.elapsed().as_secs_f64();
        let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        println!(
            "figure: {clients} clients: {rate:.0} registrations a second, p50 {p50:.0?}, p99 {p99:.0?}"
        );
    }
}

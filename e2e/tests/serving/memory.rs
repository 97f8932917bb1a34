//! How much memory idle connections take.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    MACHINE,
    process::{Binary, READ_APP, WRITE_APP},
};

const CONNECTIONS: usize = 1000;

/// The limit of the Deployments.
const LIMIT: u64 = 64 * 1024;

/// How often each connection is used, so that none is idle for too long while others are opened.
const PERIOD: Duration = Duration::from_secs(1);

const REQUEST: &[u8] = b"GET /assets/icon.svg HTTP/1.1\r\nhost: app\r\n\r\n";

/// Keeps one connection open and in use until told to stop. Fails where it is closed.
async fn kept(address: SocketAddr, answered: Arc<Semaphore>, mut stop: watch::Receiver<bool>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    loop {
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"</svg>\n") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        answered.add_permits(1);
        if timeout(PERIOD, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

async fn measure(binary: Binary) {
    // Longer than a busy machine takes to come back to each.
    let app = binary.start_with(&[("KEEP_ALIVE_SECONDS", "60")]).await;
    let before = app.resident();
    let answered = Arc::new(Semaphore::new(0));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();

    for _ in 0..CONNECTIONS {
        connections.spawn(kept(app.address, answered.clone(), stopped.clone()));
    }
    // Three each, so that all are open at the end.
    drop(answered.acquire_many(3 * CONNECTIONS as u32).await.unwrap());
    let resident = app.resident();
    stop.send(true).unwrap();
    connections.join_all().await;

    println!(
        "figure: {} with {CONNECTIONS} keep-alive connections: {resident} KiB resident, {before} KiB before",
        binary.about.name
    );
    assert!(resident < LIMIT, "{resident} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_fit_beside_the_app_in_its_limit() {
    let _alone = MACHINE.write().await;
    for binary in [WRITE_APP, READ_APP] {
        measure(binary).await;
    }
}

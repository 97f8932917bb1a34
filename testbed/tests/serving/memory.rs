//! What connections cost that nobody uses at the moment.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    MACHINE,
    process::{Binary, READ_APP, WRITE_APP},
};

const CONNECTIONS: usize = 1000;

/// The limit of the Deployments.
const LIMIT: u64 = 64 * 1024;

/// A connection on which one request has been answered.
async fn rested(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /glossary HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"</html>\n") && !answer.ends_with(b"</html>") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    stream
}

async fn measure(binary: Binary) {
    let app = binary.start().await;
    let before = app.resident();
    let mut opening = JoinSet::new();

    for _ in 0..CONNECTIONS {
        opening.spawn(rested(app.address));
    }
    let connections = opening.join_all().await;

    let resident = app.resident();
    println!(
        "figure: {} with {} keep-alive connections: {resident} KiB resident, {before} KiB before",
        binary.about.name,
        connections.len()
    );
    assert!(resident < LIMIT, "{resident} KiB");
    for connection in &connections {
        let ended = connection.try_read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(ended, Err(std::io::ErrorKind::WouldBlock), "all are open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_fit_beside_the_app_in_its_limit() {
    let _alone = MACHINE.write().await;
    for binary in [WRITE_APP, READ_APP] {
        measure(binary).await;
    }
}

//! A client with one connection at a time that says what became of each request. It never repeats a request
//! that it has sent.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// Longer than any response may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered(StatusCode, Bytes),
    /// The app accepts no more connections.
    Refused,
    /// It was sent on a connection that had served before, and got no response.
    Broken(String),
    /// It was sent on a new connection, which the app had perhaps not accepted, and got no response.
    BrokenWhenNew(String),
}

pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// How many connections the kernel has opened for it.
    pub(crate) opened: u64,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, opened: 0 }
    }

    /// Sends a request on its connection, or on a new one where the server has closed it.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome {
        loop {
            let is_new = self.connection.is_none();
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => match self.connect().await {
                    Ok(connection) => connection,
                    Err(_) => return Outcome::Refused,
                },
            };
            match send(&mut connection, request.clone()).await {
                Ok((status, body)) => {
                    self.connection = Some(connection);
                    return Outcome::Answered(status, body);
                }
                // Closed before anything was written: a client then opens a new connection.
                Err(Failure::NotSent(_)) if !is_new => {}
                Err(Failure::NotSent(why) | Failure::Sent(why)) if is_new => {
                    return Outcome::BrokenWhenNew(why);
                }
                Err(Failure::NotSent(why) | Failure::Sent(why)) => return Outcome::Broken(why),
            }
        }
    }

    async fn connect(&mut self) -> std::io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        self.opened += 1;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Ok(sender)
    }
}

enum Failure {
    NotSent(String),
    Sent(String),
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        let why = format!("{error:?}");
        if error.is_canceled() { Self::NotSent(why) } else { Self::Sent(why) }
    }
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Failure> {
    let response = async {
        let ready = connection.ready().await;
        ready.map_err(|error| Failure::NotSent(format!("{error:?}")))?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        Ok((head.status, body.collect().await?.to_bytes()))
    };
    let late = |_| Failure::Sent(format!("no response within {DEADLINE:?}"));
    timeout(DEADLINE, response).await.map_err(late)?
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    let request =
        Request::get(format!("http://{address}{path}")).header("host", address.to_string());
    request.body(Full::default()).unwrap()
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://{address}{path}"))
        .header("host", address.to_string())
        .header("content-type", "application/json");
    request.body(Full::from(body.to_owned())).unwrap()
}

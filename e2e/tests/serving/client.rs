//! A client with one connection at a time, HTTP/1.1 or HTTP/2, that says what became of each request:
//! nothing is sent again behind the test's back.
//!
//! HTTP/2 is spoken by h2 itself. hyper's client may report a request as cut off by a GOAWAY that comes
//! while it hands the request over, although the server has it and answers.

use std::{net::SocketAddr, time::Duration};

use h2::Reason;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(h2::client::SendRequest<Bytes>),
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered(StatusCode, Bytes),
    /// Nobody accepts connections any more.
    DoorClosed,
    /// It was sent on a connection that had served before, and got no answer.
    Broken(String),
    /// The same on a new connection, which perhaps nobody had accepted.
    BrokenWhenNew(String),
}

pub(crate) struct Client {
    address: SocketAddr,
    protocol: Protocol,
    connection: Option<Sender>,
    /// How many connections the kernel has opened for it.
    pub(crate) opened: u64,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, protocol: Protocol) -> Self {
        Self { address, protocol, connection: None, opened: 0 }
    }

    /// Sends a request on its connection, or on a new one where the server has closed it.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome {
        loop {
            let is_new = self.connection.is_none();
            let mut sender = match self.connection.take() {
                Some(sender) => sender,
                None => match self.connect().await {
                    Ok(sender) => sender,
                    Err(_) => return Outcome::DoorClosed,
                },
            };
            match sender.send(request.clone()).await {
                Ok((status, body)) => {
                    self.connection = Some(sender);
                    return Outcome::Answered(status, body);
                }
                // Closed before anything was written: a new connection is what a client then opens.
                Err(NotAnswered::NotSent(_)) if !is_new => {}
                Err(NotAnswered::NotSent(why) | NotAnswered::Sent(why)) if is_new => {
                    return Outcome::BrokenWhenNew(why);
                }
                Err(NotAnswered::NotSent(why) | NotAnswered::Sent(why)) => {
                    return Outcome::Broken(why);
                }
            }
        }
    }

    async fn connect(&mut self) -> std::io::Result<Sender> {
        let stream = TcpStream::connect(self.address).await?;
        self.opened += 1;
        Ok(match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let handshake = h2::client::handshake(stream).await;
                let (sender, connection) = handshake.map_err(std::io::Error::other)?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        })
    }
}

enum NotAnswered {
    NotSent(String),
    Sent(String),
}

impl From<hyper::Error> for NotAnswered {
    fn from(error: hyper::Error) -> Self {
        let why = format!("{error:?}");
        if error.is_canceled() { Self::NotSent(why) } else { Self::Sent(why) }
    }
}

impl From<h2::Error> for NotAnswered {
    fn from(error: h2::Error) -> Self {
        // What GOAWAY cuts off was not processed: https://www.rfc-editor.org/rfc/rfc9113#section-6.8
        let was_sent_away = error.is_go_away() && error.is_remote();
        let why = format!("{error:?}");
        if was_sent_away && error.reason() == Some(Reason::NO_ERROR) {
            Self::NotSent(why)
        } else {
            Self::Sent(why)
        }
    }
}

fn not_sent(error: impl std::fmt::Debug) -> NotAnswered {
    NotAnswered::NotSent(format!("{error:?}"))
}

impl Sender {
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), NotAnswered> {
        let answering = async {
            match self {
                Self::Http1(sender) => by_http1(sender, request).await,
                Self::Http2(sender) => by_http2(sender.clone(), request).await,
            }
        };
        let late = |_| NotAnswered::Sent(format!("no answer within {PATIENCE:?}"));
        timeout(PATIENCE, answering).await.map_err(late)?
    }
}

async fn by_http1(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), NotAnswered> {
    sender.ready().await.map_err(not_sent)?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok((head.status, body.collect().await?.to_bytes()))
}

async fn by_http2(
    sender: h2::client::SendRequest<Bytes>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), NotAnswered> {
    let (head, body) = request.into_parts();
    let mut sender = sender.ready().await.map_err(not_sent)?;
    let begun = sender.send_request(Request::from_parts(head, ()), false);
    let (answer, mut sending) = begun.map_err(not_sent)?;
    // Where the server wants no more of it, its answer says why.
    let _wanted = sending.send_data(body.collect().await.unwrap().to_bytes(), true);
    let (head, mut body) = answer.await?.into_parts();
    let mut whole = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        whole.extend_from_slice(&part);
    }
    Ok((head.status, whole.into()))
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

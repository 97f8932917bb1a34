//! A client with one connection at a time, HTTP/1.1 or HTTP/2, that says what became of each request:
//! nothing is sent again behind the test's back.

use std::{error::Error as _, net::SocketAddr, time::Duration};

use h2::Reason;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
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
    Http2(http2::SendRequest<Full<Bytes>>),
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
        let io = TokioIo::new(stream);
        Ok(match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let handshake = http2::handshake(TokioExecutor::new(), io).await;
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
        let by_http2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
        // What GOAWAY cuts off was not processed: https://www.rfc-editor.org/rfc/rfc9113#section-6.8
        let was_sent_away = by_http2.is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
        });
        if error.is_canceled() || was_sent_away {
            Self::NotSent(format!("{error:?}"))
        } else {
            Self::Sent(format!("{error:?}"))
        }
    }
}

impl Sender {
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), NotAnswered> {
        let answering = async {
            self.ready().await.map_err(|error| NotAnswered::NotSent(format!("{error:?}")))?;
            let (head, body) = self.answer(request).await?.into_parts();
            Ok((head.status, body.collect().await?.to_bytes()))
        };
        let late = |_| NotAnswered::Sent(format!("no answer within {PATIENCE:?}"));
        timeout(PATIENCE, answering).await.map_err(late)?
    }

    async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        }
    }

    async fn answer(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }
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

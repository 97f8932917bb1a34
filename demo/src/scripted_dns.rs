//! A DNS server for tests, which answers what a test tells it: addresses, a failure, or nothing at all.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hickory_server::{
    Server,
    proto::{
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType},
    },
};
use tokio::net::UdpSocket;

use crate::dns_answers::{Answer, Answers, Sender};

/// The seconds of every answer. The resolver caches for a second whatever this is.
const TTL: u32 = 30;

/// What the server does when it is asked for a name.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It answers with these addresses, each in a record of its kind.
    Addresses(Vec<IpAddr>),
    /// It answers SERVFAIL.
    Failure,
    /// It does not answer.
    Silence,
}

/// A DNS server that answers until it is dropped.
pub struct ScriptedDns {
    script: Script,
    address: SocketAddr,
    server: Server<Sender<Script>>,
}

/// The replies by full name, such as `mysql.default.svc.cluster.local.`; `*.corp.example.com.` is a wildcard.
#[derive(Clone, Default)]
struct Script {
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
    /// How often each name was asked for.
    asked: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl ScriptedDns {
    /// Serves on a free port of loopback. Until it is told otherwise, it answers that no name exists.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (script, address) = (Script::default(), socket.local_addr()?);
        let mut server = Server::new(Sender(script.clone()));
        server.register_socket(socket);
        Ok(Self { script, address, server })
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this is the reply for the full name.
    pub fn reply(&self, name: &str, reply: Reply) {
        self.script.replies().insert(name.to_owned(), reply);
    }

    /// How often each full name was asked for so far.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, u32> {
        self.script.asked().clone()
    }

    /// From now on the name does not exist.
    pub fn forget(&self, name: &str) {
        self.script.replies().remove(name);
    }
}

impl Drop for ScriptedDns {
    fn drop(&mut self) {
        self.server.shutdown_token().cancel();
    }
}

impl Script {
    fn replies(&self) -> MutexGuard<'_, BTreeMap<String, Reply>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply_for(&self, name: &Name) -> Option<Reply> {
        let (name, replies) = (name.to_lowercase().to_ascii(), self.replies());
        let wildcard = |known: &str| known.strip_prefix('*').is_some_and(|end| name.ends_with(end));
        let matching = replies
            .get(&name)
            .or_else(|| replies.iter().find(|(known, _)| wildcard(known)).map(|(_, reply)| reply));
        matching.cloned()
    }
}

impl Answers for Script {
    fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        *self.asked().entry(name.to_lowercase().to_ascii()).or_default() += 1;
        match self.reply_for(name) {
            Some(Reply::Addresses(addresses)) => Answer::Records(records(name, kind, addresses)),
            Some(Reply::Failure) => Answer::Refusal(ResponseCode::ServFail),
            Some(Reply::Silence) => Answer::Silence,
            None => Answer::Refusal(ResponseCode::NXDomain),
        }
    }
}

fn records(name: &Name, kind: RecordType, addresses: Vec<IpAddr>) -> Vec<Record> {
    let all = addresses.into_iter().map(|address| match address {
        IpAddr::V4(address) => RData::A(address.into()),
        IpAddr::V6(address) => RData::AAAA(address.into()),
    });
    let of_kind = all.filter(|data| data.record_type() == kind);
    of_kind.map(|data| Record::from_rdata(name.clone(), TTL, data)).collect()
}

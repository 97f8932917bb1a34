//! A DNS server for the names of the Services `mysql` and `mysql-read`. It follows the specification of
//! DNS in Kubernetes:
//! <https://github.com/kubernetes/dns/blob/master/docs/specification.md>. It may keep its answers for a while, as the
//! DNS servers of many clusters do.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use hickory_server::{
    Server,
    proto::{
        op::ResponseCode,
        rr::{
            Name, RData, Record, RecordType,
            rdata::{A, SOA, SRV},
        },
    },
};
use tokio::{
    net::{TcpListener, UdpSocket},
    time::sleep,
};

use crate::{
    dns_answers::{Answer, Answers, Sender},
    dns_cache::DnsCache,
    endpoints::Endpoints,
    network::MYSQL_PORT,
};

/// The search domains of a pod, in order: a short name such as `mysql` is looked up in each.
pub const SEARCH: &str = "default.svc.cluster.local svc.cluster.local cluster.local";

/// The zone of the cluster's names.
const ZONE: &str = "cluster.local.";

/// How long a TCP connection may be idle.
const TCP_IDLE: Duration = Duration::from_secs(5);

/// How often, and for how long, to try to bind the address.
const BIND_PERIOD: Duration = Duration::from_millis(20);
const BIND_DEADLINE: Duration = Duration::from_secs(2);

/// Answers on `address`, over UDP and TCP, until the returned server is dropped.
///
/// # Errors
///
/// If the address is in use.
pub async fn serve(
    address: SocketAddrV4,
    endpoints: Endpoints,
    read_service: Ipv4Addr,
) -> io::Result<DnsServer> {
    let udp = bind_udp(address).await?;
    let tcp = TcpListener::bind(address).await?;
    let names = ClusterNames { endpoints, read_service, cache: DnsCache::default() };
    let mut server = Server::new(Sender(names.clone()));
    server.register_socket(udp);
    server.register_listener(tcp, TCP_IDLE, 16);
    Ok(DnsServer { server, names })
}

/// Tries for two seconds: the check whether the address is free has bound it a moment ago, and a program that this process
/// is just starting holds this process's sockets until it begins.
async fn bind_udp(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let end = Instant::now() + BIND_DEADLINE;
    loop {
        match UdpSocket::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                sleep(BIND_PERIOD).await;
            }
            result => return result,
        }
    }
}

/// A DNS server that answers until it is dropped.
pub struct DnsServer {
    server: Server<Sender<ClusterNames>>,
    names: ClusterNames,
}

impl DnsServer {
    /// From now on it repeats an answer for so many seconds, or asks anew each time.
    pub fn set_cache(&self, seconds: Option<u32>) {
        self.names.cache.keep_for(seconds);
    }

    /// For how many seconds it repeats an answer.
    #[must_use]
    pub fn cache(&self) -> Option<u32> {
        self.names.cache.seconds()
    }

    /// Looks names up as its clients do.
    pub(crate) fn names(&self) -> ClusterNames {
        self.names.clone()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.server.shutdown_token().cancel();
    }
}

/// What the names stand for. A clone shares the pods and the cache.
#[derive(Clone)]
pub(crate) struct ClusterNames {
    endpoints: Endpoints,
    read_service: Ipv4Addr,
    cache: DnsCache,
}

impl ClusterNames {
    /// The address of a pod, by the short name that its clients use.
    pub(crate) fn address_of(&self, pod: &str) -> Option<Ipv4Addr> {
        let name = Name::from_ascii(format!("{pod}.mysql.default.svc.{ZONE}")).ok()?;
        let Answer::Records(records) = self.answer(&name, RecordType::A) else { return None };
        records.into_iter().find_map(|record| match record.data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
    }

    fn new_answer(&self, name: &Name, kind: RecordType, ttl: u32) -> Answer {
        let records = self.records(name, kind, ttl);
        let code = if records.is_some() { ResponseCode::NoError } else { ResponseCode::NXDomain };
        match records {
            Some(records) if !records.is_empty() => Answer::Records(records),
            _ => soa(ttl).map_or(Answer::Refusal(code), |soa| Answer::Nothing(code, soa.into())),
        }
    }

    /// The records of one type, perhaps none; `None` if the name does not exist.
    fn records(&self, name: &Name, kind: RecordType, ttl: u32) -> Option<Vec<Record>> {
        let full = name.to_lowercase().to_ascii();
        let short = full.strip_suffix(".default.svc.cluster.local.")?;
        let pods = self.endpoints.all();
        let addresses: Vec<Ipv4Addr> = match short {
            "mysql-read" => vec![self.read_service],
            "mysql" => pods.values().map(|pod| pod.address).collect(),
            "_mysql._tcp.mysql" => return Some(self.srv_records(name, kind, ttl)),
            _ => vec![pods.get(short.strip_suffix(".mysql")?)?.address],
        };
        let records = addresses
            .into_iter()
            .map(|address| Record::from_rdata(name.clone(), ttl, RData::A(A(address))));
        Some(if kind == RecordType::A { records.collect() } else { Vec::new() })
    }

    /// One SRV record for each pod, with the pod's name and MySQL's port.
    fn srv_records(&self, name: &Name, kind: RecordType, ttl: u32) -> Vec<Record> {
        let pods = self.endpoints.all().into_keys();
        let targets = pods.filter_map(|pod| {
            Name::from_ascii(format!("{pod}.mysql.default.svc.cluster.local.")).ok()
        });
        let records = targets.map(|target| {
            let service = SRV::new(0, 100, MYSQL_PORT, target);
            Record::from_rdata(name.clone(), ttl, RData::SRV(service))
        });
        if kind == RecordType::SRV { records.collect() } else { Vec::new() }
    }
}

impl Answers for ClusterNames {
    fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        if !name.to_lowercase().to_ascii().ends_with(ZONE) {
            return Answer::Refusal(ResponseCode::NXDomain);
        }
        let question = (name.clone(), kind);
        self.cache.answer(question, Instant::now(), |ttl| self.new_answer(name, kind, ttl))
    }
}

/// The record with which CoreDNS says for how long a client may remember that a name does not exist.
fn soa(ttl: u32) -> Option<Record> {
    let zone = Name::from_ascii(ZONE).ok()?;
    let within = |name: &str| Name::from_ascii(format!("{name}.{ZONE}")).ok();
    let soa = SOA::new(within("ns.dns")?, within("hostmaster")?, 1, 7200, 1800, 86_400, ttl);
    Some(Record::from_rdata(zone, ttl, RData::SOA(soa)))
}

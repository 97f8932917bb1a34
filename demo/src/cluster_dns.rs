//! A DNS server for the names of the Services `mysql` and `mysql-read`. It follows the specification of
//! DNS in Kubernetes:
//! <https://github.com/kubernetes/dns/blob/master/docs/specification.md>.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use hickory_server::{
    Server,
    proto::{
        op::ResponseCode,
        rr::{
            Name, RData, Record, RecordType,
            rdata::{A, SRV},
        },
    },
};
use tokio::net::{TcpListener, UdpSocket};

use crate::{
    dns_answers::{Answer, Answers, Sender},
    endpoints::Endpoints,
    network::MYSQL_PORT,
};

/// The search domains of a pod, in order: a short name such as `mysql` is looked up in each.
pub const SEARCH: &str = "default.svc.cluster.local svc.cluster.local cluster.local";

/// Seconds for which a client may cache an answer: the TTL of CoreDNS as kubeadm installs it.
const TTL: u32 = 30;

/// How long a TCP connection may be idle.
const TCP_IDLE: Duration = Duration::from_secs(5);

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
    let udp = UdpSocket::bind(address).await?;
    let tcp = TcpListener::bind(address).await?;
    let mut server = Server::new(Sender(ClusterNames { endpoints, read_service }));
    server.register_socket(udp);
    server.register_listener(tcp, TCP_IDLE, 16);
    Ok(DnsServer(server))
}

/// A DNS server that answers until it is dropped.
pub struct DnsServer(Server<Sender<ClusterNames>>);

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.0.shutdown_token().cancel();
    }
}

struct ClusterNames {
    endpoints: Endpoints,
    read_service: Ipv4Addr,
}

impl ClusterNames {
    /// The records of one type, perhaps none; `None` if the name does not exist.
    fn records(&self, name: &Name, kind: RecordType) -> Option<Vec<Record>> {
        let full = name.to_lowercase().to_ascii();
        let short = full.strip_suffix(".default.svc.cluster.local.")?;
        let pods = self.endpoints.all();
        let addresses: Vec<Ipv4Addr> = match short {
            "mysql-read" => vec![self.read_service],
            "mysql" => pods.values().map(|pod| pod.address).collect(),
            "_mysql._tcp.mysql" => return Some(self.srv_records(name, kind)),
            _ => vec![pods.get(short.strip_suffix(".mysql")?)?.address],
        };
        let records = addresses
            .into_iter()
            .map(|address| Record::from_rdata(name.clone(), TTL, RData::A(A(address))));
        Some(if kind == RecordType::A { records.collect() } else { Vec::new() })
    }

    /// One SRV record for each pod, with the pod's name and MySQL's port.
    fn srv_records(&self, name: &Name, kind: RecordType) -> Vec<Record> {
        let pods = self.endpoints.all().into_keys();
        let targets = pods.filter_map(|pod| {
            Name::from_ascii(format!("{pod}.mysql.default.svc.cluster.local.")).ok()
        });
        let records = targets.map(|target| {
            let service = SRV::new(0, 100, MYSQL_PORT, target);
            Record::from_rdata(name.clone(), TTL, RData::SRV(service))
        });
        if kind == RecordType::SRV { records.collect() } else { Vec::new() }
    }
}

impl Answers for ClusterNames {
    fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        let records = self.records(name, kind);
        records.map_or(Answer::Refusal(ResponseCode::NXDomain), Answer::Records)
    }
}

//! The door with all addresses: the headless Service `mysql`.
//!
//! DNS answers with an address for each pod, and picking one is the client's affair. So this keeps a
//! list that follows the DNS answer: a pool and a watcher for each address, made when it appears and
//! dropped when it is gone.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use app_core::{
    config::MysqlConfig,
    dns::{DnsError, Resolver},
    mysql::{MysqlError, Pool, PoolStatus, Server, pod_name::PodName},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    db::{Question, ServerIdentity},
    routing::{
        FRESH, PATIENCE, Served, ask_on_kept, ask_on_new, lock,
        mode::{Mode, With},
        strategy::{Candidate, Picker},
        watch::{Observed, PrimaryProgress, State, watch},
    },
};

/// How often the list is compared with the DNS answer, which the resolver remembers for a second.
const FOLLOW_PERIOD: Duration = Duration::from_millis(500);

/// Connections that are kept for each pod.
const POOL_SIZE: u32 = 4;

/// The pods. Cheap to clone; they are followed until the last clone is gone.
#[derive(Clone)]
pub struct Headless {
    members: Arc<Members>,
    _following: Arc<AbortOnDropHandle<()>>,
}

struct Members {
    config: MysqlConfig,
    resolver: Resolver,
    /// By address, so that they are in the same order for everybody.
    by_address: Mutex<BTreeMap<IpAddr, Arc<Member>>>,
    /// One for each kind of connection, so that a page can ask with both at once and each takes turns.
    new: Picker,
    pool: Picker,
    progress: PrimaryProgress,
    /// When each pod last answered a query, through either door.
    answered: Mutex<BTreeMap<String, Instant>>,
}

/// A pod, by one of the addresses in the DNS answer.
pub struct Member {
    address: SocketAddr,
    server: Server,
    pool: Pool<ServerIdentity>,
    under_way: AtomicUsize,
    observed: Observed,
    _watching: AbortOnDropHandle<()>,
}

/// A pod as it is at this moment.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its name, once its server has said it.
    pub name: Option<PodName>,
    /// Its address in the DNS answer.
    pub address: SocketAddr,
    /// What its watcher saw.
    pub state: State,
    /// How many queries are under way to it.
    pub under_way: usize,
}

impl Headless {
    /// Follows the name, from the moment on at which the Service in front of its pods accepts.
    #[must_use]
    pub fn follow(config: &MysqlConfig, resolver: Resolver, service: Server) -> Self {
        let members = Arc::new(Members {
            config: config.clone(),
            resolver,
            by_address: Mutex::default(),
            new: Picker::default(),
            pool: Picker::default(),
            progress: PrimaryProgress::default(),
            answered: Mutex::default(),
        });
        let following = AbortOnDropHandle::new(tokio::spawn(follow(service, members.clone())));
        Self { members, _following: Arc::new(following) }
    }

    /// The name that is followed.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.members.config.host
    }

    /// The pods that the DNS answer lists, in the order of their addresses.
    #[must_use]
    pub fn pods(&self) -> Vec<Pod> {
        self.members.list().values().map(|member| member.pod()).collect()
    }

    /// How long ago a pod answered a query, through either door.
    #[must_use]
    pub fn since_answer(&self, pod: &PodName) -> Option<Duration> {
        lock(&self.members.answered).get(&pod.to_string()).map(Instant::elapsed)
    }

    /// A pod has answered a query.
    pub(super) fn answered(&self, server: &ServerIdentity) {
        lock(&self.members.answered).insert(server.pod.to_string(), Instant::now());
    }

    /// The connections that are kept to each pod.
    pub(super) fn pools(&self) -> Vec<PoolStatus> {
        self.members.list().values().map(|member| member.pool.status()).collect()
    }

    /// Asks the pod that the strategy picks among those that answered their watcher, and says in `asked`
    /// which that is.
    ///
    /// # Errors
    ///
    /// Why there was no answer.
    pub async fn ask(
        &self,
        mode: &Mode,
        question: &Question,
        asked: &mut Option<PodName>,
    ) -> Result<Served, MysqlError> {
        let member = self.pick(mode).await?;
        *asked = member.pod().name;
        let _under_way = UnderWay::count(&member);
        let served = match mode.with {
            With::New => ask_on_new(&member.server, question, ()).await,
            With::Pool => ask_on_kept(&member.pool, question).await,
        };
        if let Err(MysqlError::Unreachable { .. } | MysqlError::ConnectionLost(_)) = &served {
            member.observed.failed("it did not answer a query");
        }
        served
    }

    async fn pick(&self, mode: &Mode) -> Result<Arc<Member>, MysqlError> {
        let listed: Vec<_> = self.members.list().values().cloned().collect();
        let answering = listed.iter().filter(|member| member.observed.answers()).cloned();
        let mut members: Vec<_> = answering.collect();
        if members.is_empty() {
            // Rather a pod that may answer again than none.
            members = listed;
        }
        let picker = match mode.with {
            With::New => &self.members.new,
            With::Pool => &self.members.pool,
        };
        let candidate = |at: usize| members[at].candidate();
        match picker.pick(mode.strategy, members.len(), candidate, &mode.user) {
            Some(index) => Ok(members.swap_remove(index)),
            // Says why there is none, or finds one that is new.
            None => self.members.first_address().await,
        }
    }
}

impl Members {
    fn list(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Arc<Member>>> {
        lock(&self.by_address)
    }

    async fn first_address(&self) -> Result<Arc<Member>, MysqlError> {
        let ip = self.resolver.address(&self.config.host).await?;
        Ok(Arc::new(self.member(ip)))
    }

    fn member(&self, ip: IpAddr) -> Member {
        let config = MysqlConfig { host: ip.to_string(), ..self.config.clone() };
        let server = Server::new(&config, self.resolver.clone());
        let observed = Observed::default();
        let watching = watch(server.clone(), observed.clone(), self.progress.clone());
        Member {
            address: (ip, config.port).into(),
            pool: Pool::new(server.clone(), POOL_SIZE, PATIENCE, FRESH),
            server,
            under_way: AtomicUsize::new(0),
            observed,
            _watching: AbortOnDropHandle::new(tokio::spawn(watching)),
        }
    }

    /// Makes the list equal to the DNS answer.
    fn reconcile_with(&self, addresses: &[IpAddr]) {
        let mut list = self.list();
        list.retain(|address, _| addresses.contains(address));
        for address in addresses {
            list.entry(*address).or_insert_with(|| Arc::new(self.member(*address)));
        }
    }
}

async fn follow(service: Server, members: Arc<Members>) {
    service.wait_until_it_accepts().await;
    loop {
        match members.resolver.addresses(&members.config.host).await {
            Ok(addresses) => members.reconcile_with(&addresses),
            Err(DnsError::NoAddress(_)) => members.reconcile_with(&[]),
            // A DNS server that is silent says nothing of the pods.
            Err(error @ DnsError::NoAnswer(..)) => tracing::debug!(%error, "the list stays"),
        }
        sleep(FOLLOW_PERIOD).await;
    }
}

impl Member {
    fn pod(&self) -> Pod {
        let (name, state) = self.observed.now();
        let under_way = self.under_way.load(Ordering::Relaxed);
        Pod { name, address: self.address, state, under_way }
    }

    fn candidate(&self) -> Candidate {
        let Pod { name, under_way, .. } = self.pod();
        let name = name.map_or_else(|| self.address.to_string(), |name| name.to_string());
        Candidate { name, under_way }
    }
}

/// Counts a query for as long as it is under way.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn count(member: &'a Member) -> Self {
        member.under_way.fetch_add(1, Ordering::Relaxed);
        Self(&member.under_way)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

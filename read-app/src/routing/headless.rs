//! The headless Service `mysql`, with all addresses.
//!
//! DNS answers with an address for each pod, and the client picks one. So this keeps a list that follows the
//! DNS answer. Each address in it has a pool and a watcher, which start when the address appears and end when
//! it is gone.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use app_core::{
    config::MysqlConfig,
    dns::{DnsError, Resolver},
    mysql::{MysqlError, Pool, PoolStatus, Server, budget, pod_name::PodName},
};
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    db::{self, ReadRequest, ReadResult, ServerIdentity},
    routing::{
        Slot,
        mode::{Mode, With},
        story::Story,
        strategy::{Candidate, Picker},
        watch::{Observed, PrimaryProgress, State, watch},
    },
};

/// How often the list is compared with the DNS answer, which the resolver remembers for a second.
const FOLLOW_PERIOD: Duration = Duration::from_millis(500);

/// How often the story is told on.
const STORY_PERIOD: Duration = Duration::from_millis(250);

/// The pods. Cheap to clone; they are followed until the last clone is gone.
#[derive(Clone)]
pub(crate) struct Headless {
    members: Arc<Members>,
    _following: Arc<AbortOnDropHandle<((), ())>>,
}

struct Members {
    config: MysqlConfig,
    resolver: Resolver,
    /// By address, so that every request sees them in the same order.
    by_address: Mutex<BTreeMap<IpAddr, Arc<Member>>>,
    /// One for each kind of connection, so that a page can use both at once and each takes turns.
    new: Picker,
    pool: Picker,
    progress: PrimaryProgress,
    /// When each pod last answered a read, through either Service.
    answered: Mutex<BTreeMap<String, Instant>>,
    /// Whether DNS has ever said which addresses there are.
    has_list: AtomicBool,
    story: Mutex<Story>,
}

/// A pod, by one of the addresses in the DNS answer.
pub(super) struct Member {
    address: SocketAddr,
    server: Server,
    pool: Pool<ServerIdentity>,
    in_flight: AtomicUsize,
    observed: Observed,
    _watching: AbortOnDropHandle<()>,
}

/// A pod as it is at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    /// Its name, once its server has said it.
    pub(crate) name: Option<PodName>,
    /// Its address in the DNS answer.
    pub(crate) address: SocketAddr,
    /// What its watcher saw.
    pub(crate) state: State,
    /// How many reads wait for its answer.
    pub(crate) in_flight: usize,
}

impl Headless {
    /// Follows the name. It begins when `service`, the Service in front of the pods, accepts a connection.
    pub(super) fn follow(config: &MysqlConfig, resolver: Resolver, service: Server) -> Self {
        let members = Arc::new(Members {
            config: config.clone(),
            resolver,
            by_address: Mutex::default(),
            new: Picker::default(),
            pool: Picker::default(),
            progress: PrimaryProgress::default(),
            answered: Mutex::default(),
            has_list: AtomicBool::new(false),
            story: Mutex::default(),
        });
        let telling = tell(members.clone());
        let following = follow(service, members.clone());
        let following = tokio::spawn(async { tokio::join!(following, telling) });
        let following = AbortOnDropHandle::new(following);
        Self { members, _following: Arc::new(following) }
    }

    /// The name that is followed.
    pub(super) fn host(&self) -> &str {
        &self.members.config.host
    }

    /// The pods that the DNS answer lists, in the order of their addresses.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        self.members.pods()
    }

    /// What has happened to the pods.
    pub(crate) fn story(&self) -> Story {
        self.members.story().clone()
    }

    /// Notes that the answers of DNS come from a cache.
    pub(crate) fn note_cache(&self) {
        self.members.story().note_cache(OffsetDateTime::now_utc());
    }

    /// How long ago a pod answered a read, through either Service.
    pub(crate) fn since_answer(&self, pod: &PodName) -> Option<Duration> {
        self.members.answered().get(&pod.to_string()).map(Instant::elapsed)
    }

    /// Remembers that a pod has answered a read just now.
    pub(super) fn answered(&self, pod: &PodName) {
        self.members.answered().insert(pod.to_string(), Instant::now());
    }

    /// The connections that are kept to each pod.
    pub(super) fn pools(&self) -> Vec<PoolStatus> {
        self.members.list().values().map(|member| member.pool.status()).collect()
    }

    /// The pod that the strategy picks among those that answer their watcher, and that this read has not tried.
    ///
    /// # Errors
    ///
    /// Where the name has no address, or DNS does not answer.
    pub(super) async fn pick(
        &self,
        mode: &Mode,
        tried: &[SocketAddr],
    ) -> Result<Arc<Member>, MysqlError> {
        let listed: Vec<_> = self.members.list().values().cloned().collect();
        let mut members = listed.clone();
        members.retain(|member| member.observed.answers() && !tried.contains(&member.address));
        if members.is_empty() {
            members = listed.clone();
            members.retain(|member| member.observed.answers());
        }
        if members.is_empty() {
            // A silent pod may answer again.
            members = listed;
        }
        let picker = match mode.with {
            With::New => &self.members.new,
            With::Pool => &self.members.pool,
        };
        let candidate = |at: usize| members[at].candidate();
        match picker.pick(mode.strategy, members.len(), candidate, &mode.user) {
            Some(index) => Ok(members.swap_remove(index)),
            // Says why there is none, or finds a new one.
            None => self.members.first_address().await,
        }
    }
}

impl Members {
    fn list(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Arc<Member>>> {
        // The map is whole after every step, also where a thread has panicked.
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pods(&self) -> Vec<Pod> {
        self.list().values().map(|member| member.pod()).collect()
    }

    /// Adds it to the list, so that all reads share its connections.
    async fn first_address(&self) -> Result<Arc<Member>, MysqlError> {
        let ip = self.resolver.address(&self.config.host).await?;
        Ok(self.list().entry(ip).or_insert_with(|| Arc::new(self.member(ip))).clone())
    }

    fn member(&self, ip: IpAddr) -> Member {
        let config = MysqlConfig { host: ip.to_string(), ..self.config.clone() };
        let server = Server::new(&config, self.resolver.clone());
        let observed = Observed::default();
        let watching = watch(server.clone(), observed.clone(), self.progress.clone());
        Member {
            address: (ip, config.port).into(),
            pool: db::pool(server.clone(), budget::KEPT_TO_POD),
            server,
            in_flight: AtomicUsize::new(0),
            observed,
            _watching: AbortOnDropHandle::new(tokio::spawn(watching)),
        }
    }

    /// Makes the list equal to the DNS answer.
    fn reconcile(&self, addresses: &[IpAddr]) {
        let mut list = self.list();
        list.retain(|address, _| addresses.contains(address));
        for address in addresses {
            list.entry(*address).or_insert_with(|| Arc::new(self.member(*address)));
        }
        self.has_list.store(true, Ordering::Relaxed);
    }
}

async fn follow(service: Server, members: Arc<Members>) {
    service.wait_until_it_accepts().await;
    loop {
        match members.resolver.addresses(&members.config.host).await {
            Ok(addresses) => members.reconcile(&addresses),
            Err(DnsError::NoAddress(_)) => members.reconcile(&[]),
            // A DNS server that is silent says nothing of the pods.
            Err(error @ DnsError::NoAnswer { .. }) => tracing::debug!(%error, "the list stays"),
        }
        sleep(FOLLOW_PERIOD).await;
    }
}

/// Tells the story of the pods for ever, from the first list on.
async fn tell(members: Arc<Members>) {
    loop {
        if members.has_list.load(Ordering::Relaxed) {
            members.story().note(&members.pods(), OffsetDateTime::now_utc());
        }
        sleep(STORY_PERIOD).await;
    }
}

impl Member {
    /// Its address in the DNS answer.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The pod's name, once its server has said it.
    pub(super) fn name(&self) -> Option<PodName> {
        self.observed.now().0
    }

    /// Reads from this pod. Where it does not answer, it is passed over until its watcher reaches it.
    pub(super) async fn read(
        &self,
        with: With,
        request: &ReadRequest,
        slot: &Slot,
    ) -> Result<ReadResult, MysqlError> {
        let _in_flight = InFlight::count(&self.in_flight);
        let result = match with {
            With::New => db::read_on_new(&self.server, request, slot.clone()).await,
            With::Pool => db::read_on_kept(&self.pool, request).await,
        };
        if let Err(MysqlError::Unreachable { .. } | MysqlError::ConnectionLost(_)) = &result {
            self.observed.failed("it did not answer a query");
        }
        result
    }

    fn pod(&self) -> Pod {
        let (name, state) = self.observed.now();
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        Pod { name, address: self.address, state, in_flight }
    }

    fn candidate(&self) -> Candidate {
        let Pod { name, in_flight, .. } = self.pod();
        let name = name.map_or_else(|| self.address.to_string(), |name| name.to_string());
        Candidate { name, in_flight }
    }
}

/// Counts a read until its result is there, or its future is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn count(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! The pool of connections, beside real servers: what it keeps, what it closes, and what its errors say.
//!
//! Each test has its own DNS server, which can move the name to another server, and can fall silent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{future::pending, net::Ipv4Addr, time::Duration};

use app_core::{
    config::Config,
    dns::{DnsError, Resolver},
    mysql::{MAX_LIFETIME, MysqlError, Pool, PoolConfig, PoolStatus, Pooled, Server},
};
use demo::{
    cluster_dns,
    endpoints::Endpoints,
    for_tests::{TEST_NETWORKS, shared},
    network::{MYSQL_PORT, Network},
    read_service,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

/// The name that the pool's server has.
const NAME: &str = "mysql-0.mysql";

/// How long something may take that has no figure.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a test waits for is still not there after this. A busy machine may take as long for what takes a millisecond. It
/// is shorter than the second after which a DNS server is silent, and a ping too late.
const MOMENT: Duration = Duration::from_millis(900);

/// One connection at a time, used again without a ping.
const CONFIG: PoolConfig = PoolConfig {
    size: 1,
    acquire_timeout: DEADLINE,
    fresh_for: DEADLINE,
    max_lifetime: MAX_LIFETIME,
};

/// As [`CONFIG`], with a ping before each use.
const PINGING: PoolConfig = PoolConfig { fresh_for: Duration::ZERO, ..CONFIG };

/// A DNS server that knows one name, and addresses that nothing listens on.
struct Names {
    network: Network,
    endpoints: Endpoints,
    dns: Option<cluster_dns::DnsServer>,
}

impl Names {
    /// The name stands for the primary.
    async fn of_primary() -> Self {
        let names = Self::of_nothing().await;
        names.move_to(shared().cluster.address(0));
        names
    }

    async fn of_nothing() -> Self {
        let network = Network::claim_any(TEST_NETWORKS).unwrap();
        let endpoints = Endpoints::default();
        let service = *network.read_service().ip();
        let dns = cluster_dns::serve(network.dns(), endpoints.clone(), service).await.unwrap();
        Self { network, endpoints, dns: Some(dns) }
    }

    fn move_to(&self, address: Ipv4Addr) {
        self.endpoints.add("mysql-0", address);
    }

    /// From now on, what is asked at the DNS server's address has no answer.
    async fn silence(&mut self) -> UdpSocket {
        drop(self.dns.take());
        loop {
            match UdpSocket::bind(self.network.dns()).await {
                Ok(socket) => return socket,
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// write-app's configuration with this DNS server and these additions.
    fn config(&self, additions: &[(&str, &str)]) -> Config {
        let dns = self.network.dns().to_string();
        let mut variables = shared().cluster.environment(&write_app::ABOUT).unwrap();
        for (name, value) in
            [("DNS_SERVER", dns.as_str()), ("DB_HOST", NAME)].iter().chain(additions)
        {
            variables.retain(|(known, _)| known != name);
            variables.push((name.into(), value.into()));
        }
        Config::from_variables(&write_app::ABOUT, variables).unwrap()
    }

    fn pool(&self, config: PoolConfig) -> Pool<u8> {
        pool_of(self.config(&[]), config)
    }
}

fn pool_of(Config { database, dns, .. }: Config, config: PoolConfig) -> Pool<u8> {
    Pool::new(Server::new(&database, Resolver::new(dns.as_ref()).unwrap()), config)
}

/// The connection's number at the server, which has each number once.
async fn id(connection: &mut Pooled<u8>) -> u64 {
    sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(&mut **connection).await.unwrap()
}

/// Uses a connection and gives it back.
async fn use_one(pool: &Pool<u8>) -> u64 {
    let mut connection = pool.acquire().await.unwrap();
    let id = id(&mut connection).await;
    connection.give_back();
    id
}

/// Uses connections without a pause until one is another than this, and says when the last use of this one began.
async fn use_until_not(known: u64, pool: &Pool<u8>) -> (u64, Duration) {
    let start = Instant::now();
    let mut last_use = Duration::ZERO;
    loop {
        let begins = start.elapsed();
        let id = use_one(pool).await;
        if id != known {
            return (id, last_use);
        }
        last_use = begins;
        assert!(start.elapsed() < DEADLINE, "connection {known} is still in use");
    }
}

fn status(pool: &Pool<u8>) -> [u32; 3] {
    let PoolStatus { idle, in_use, limit, .. } = pool.status();
    [idle, in_use, limit]
}

/// Begins to acquire a connection, which takes longer than a moment.
async fn acquiring(pool: &Pool<u8>) -> JoinHandle<Result<Pooled<u8>, MysqlError>> {
    let pool = pool.clone();
    let mut acquiring = tokio::spawn(async move { pool.acquire().await });
    timeout(MOMENT, &mut acquiring).await.map(drop).unwrap_err();
    acquiring
}

// --- what is kept ---------------------------------------------------------------------------------

#[tokio::test]
async fn a_connection_is_kept_when_it_is_given_back() {
    let names = Names::of_primary().await;
    for config in [CONFIG, PINGING] {
        let pool = names.pool(config);
        assert_eq!(status(&pool), [0, 0, 1]);
        let mut connection = pool.acquire().await.unwrap();
        assert_eq!(connection.address(), (shared().cluster.address(0), MYSQL_PORT).into());
        let first = id(&mut connection).await;
        assert_eq!(status(&pool), [0, 1, 1]);
        connection.give_back();
        assert_eq!(status(&pool), [1, 0, 1]);
        assert_eq!(use_one(&pool).await, first);
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_it_is_not_given_back() {
    let names = Names::of_primary().await;
    let pool = names.pool(CONFIG);
    let first = use_one(&pool).await;
    drop(pool.acquire().await.unwrap());
    assert_eq!(status(&pool), [0, 0, 1]);
    assert_ne!(use_one(&pool).await, first);

    let closed = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {first}");
    let start = Instant::now();
    while shared().cluster.sql(0, &closed).await.unwrap().trim() != "0" {
        assert!(start.elapsed() < DEADLINE, "the server still has connection {first}");
    }
}

#[tokio::test]
async fn after_a_dropped_query_the_next_request_has_the_answer_to_its_own() {
    let names = Names::of_primary().await;
    let pool = names.pool(CONFIG);
    let mut connection = pool.acquire().await.unwrap();
    let sleeping = sqlx::query("SELECT SLEEP(60)").execute(&mut *connection);
    timeout(MOMENT, sleeping).await.map(drop).unwrap_err();
    drop(connection);

    let mut connection = pool.acquire().await.unwrap();
    let answer = sqlx::query_scalar::<_, i32>("SELECT 42").fetch_one(&mut *connection);
    assert_eq!(timeout(DEADLINE, answer).await.unwrap().unwrap(), 42);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced_before_its_next_use() {
    let names = Names::of_primary().await;
    let pool = names.pool(PINGING);
    let first = use_one(&pool).await;
    shared().cluster.sql(0, &format!("KILL {first}")).await.unwrap();
    assert_ne!(use_one(&pool).await, first);
}

#[tokio::test]
async fn what_was_learned_of_a_connection_holds_for_a_quarter_of_a_second() {
    let names = Names::of_primary().await;
    let pool = names.pool(CONFIG);
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(connection.known(), None);
    let before = Instant::now();
    connection.learn(7);
    let after = Instant::now();
    connection.give_back();

    let connection = pool.acquire().await.unwrap();
    while let Some(known) = connection.known() {
        assert_eq!(*known, 7);
        assert!(after.elapsed() < DEADLINE);
        sleep(Duration::from_millis(1)).await;
    }
    assert!(before.elapsed() >= Duration::from_millis(250), "{:?}", before.elapsed());
}

// --- what is not kept -----------------------------------------------------------------------------

#[tokio::test]
async fn no_connection_outlives_its_lifetime_however_busy_it_is() {
    let max_lifetime = Duration::from_millis(500);
    let names = Names::of_primary().await;
    let pool = names.pool(PoolConfig { max_lifetime, ..CONFIG });
    let mut current = use_one(&pool).await;
    for _ in 0..4 {
        let (next, last_use) = use_until_not(current, &pool).await;
        assert!(last_use < max_lifetime + MOMENT, "a use began after {last_use:?}");
        current = next;
    }
}

#[tokio::test]
async fn no_connection_outlives_a_moved_name_however_busy_it_is() {
    let names = Names::of_primary().await;
    let pool = names.pool(CONFIG);
    let first = use_one(&pool).await;
    let replica = shared().cluster.address(1);
    names.move_to(replica);
    let (_, last_use) = use_until_not(first, &pool).await;
    assert!(last_use < Duration::from_secs(3), "a use began after {last_use:?}");
    assert_eq!(pool.acquire().await.unwrap().address(), (replica, MYSQL_PORT).into());
}

#[tokio::test]
async fn a_connection_that_expires_leaves_the_others_open() {
    let max_lifetime = Duration::from_secs(3);
    let names = Names::of_primary().await;
    let pool = names.pool(PoolConfig { size: 2, max_lifetime, ..CONFIG });
    let start = Instant::now();
    let old = use_one(&pool).await;
    while start.elapsed() < max_lifetime / 2 {
        assert_eq!(use_one(&pool).await, old);
    }
    let old_connection = pool.acquire().await.unwrap();
    let young = use_one(&pool).await;
    old_connection.give_back();
    assert_eq!(status(&pool), [2, 0, 2]);

    assert_eq!(use_until_not(old, &pool).await.0, young);
    assert_eq!(status(&pool), [1, 0, 2]);
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_others_open() {
    let names = Names::of_primary().await;
    let pool = names.pool(PoolConfig { size: 3, ..PINGING });
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(pool.acquire().await.unwrap());
    }
    let mut ids = Vec::new();
    for mut connection in connections {
        ids.push(id(&mut connection).await);
        connection.give_back();
    }
    shared().cluster.sql(0, &format!("KILL {}", ids[2])).await.unwrap();
    let mut in_use = Vec::new();
    let mut ids_after = Vec::new();
    for _ in 0..3 {
        let mut connection = pool.acquire().await.unwrap();
        ids_after.push(id(&mut connection).await);
        in_use.push(connection);
    }
    ids_after.retain(|id| ids.contains(id));
    ids_after.sort_unstable();
    assert_eq!(ids_after, ids[..2]);
}

// --- when DNS is silent, and when nothing can be opened -------------------------------------------

#[tokio::test]
async fn an_idle_connection_is_used_while_dns_is_silent() {
    let mut names = Names::of_primary().await;
    for config in [CONFIG, PINGING] {
        let pool = names.pool(config);
        let first = use_one(&pool).await;
        let _silent = names.silence().await;
        let start = Instant::now();
        while pool.server().address().await.is_ok() {
            assert!(start.elapsed() < DEADLINE, "DNS is not silent");
        }
        for _ in 0..10 {
            assert_eq!(timeout(MOMENT, use_one(&pool)).await.unwrap(), first);
        }
        names = Names::of_primary().await;
    }
}

#[tokio::test]
async fn where_dns_is_silent_or_has_no_address_the_error_says_so() {
    let mut names = Names::of_nothing().await;
    let error = names.pool(CONFIG).acquire().await.map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::Name(DnsError::NoAddress(_))), "{error:?}");
    let _silent = names.silence().await;
    let error = names.pool(CONFIG).acquire().await.map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::Name(DnsError::NoAnswer { .. })), "{error:?}");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_for_the_acquire_timeout() {
    let names = Names::of_nothing().await;
    names.move_to(names.network.pod(0));
    let acquire_timeout = Duration::from_secs(1);
    let start = Instant::now();
    let pool = names.pool(PoolConfig { acquire_timeout, ..CONFIG });
    let error = pool.acquire().await.map(drop).unwrap_err();
    let took = start.elapsed();
    let MysqlError::Unreachable { source: sqlx::Error::Io(error), .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(took > acquire_timeout / 2 && took < acquire_timeout + MOMENT, "{took:?}");
}

#[tokio::test]
async fn a_server_that_refuses_at_first_is_reached_when_it_accepts() {
    let names = Names::of_nothing().await;
    let address = names.network.pod(0);
    names.move_to(address);
    let pool = names.pool(CONFIG);
    let acquiring = acquiring(&pool).await;
    let primary = Endpoints::default();
    primary.add("mysql-0", shared().cluster.address(0));
    primary.set_ready("mysql-0", true);
    let _forwarder = read_service::serve((address, MYSQL_PORT).into(), primary).await.unwrap();
    timeout(DEADLINE / 2, acquiring).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_name_that_moves_while_connecting_is_followed() {
    let names = Names::of_nothing().await;
    let silent = names.network.pod(0);
    // The kernel accepts; a greeting never comes.
    let _listener = TcpListener::bind((silent, MYSQL_PORT)).await.unwrap();
    names.move_to(silent);
    let pool = names.pool(CONFIG);
    let acquiring = acquiring(&pool).await;
    let primary = shared().cluster.address(0);
    names.move_to(primary);
    let connection = timeout(DEADLINE / 2, acquiring).await.unwrap().unwrap().unwrap();
    assert_eq!(connection.address(), (primary, MYSQL_PORT).into());
}

#[tokio::test]
async fn a_server_that_is_silent_is_unreachable_after_the_acquire_timeout() {
    let names = Names::of_nothing().await;
    let silent = names.network.pod(0);
    let _listener = TcpListener::bind((silent, MYSQL_PORT)).await.unwrap();
    names.move_to(silent);
    let pool = names.pool(PoolConfig { acquire_timeout: Duration::from_secs(1), ..CONFIG });
    let start = Instant::now();
    let error = pool.acquire().await.map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::Unreachable { .. }), "{error:?}");
    let took = start.elapsed();
    assert!(took > MOMENT && took < Duration::from_secs(1) + MOMENT, "{took:?}");
}

#[tokio::test]
async fn idle_connections_to_a_server_that_stands_still_do_not_outwait_the_acquire_timeout() {
    let names = Names::of_nothing().await;
    let address = names.network.pod(0);
    names.move_to(address);
    let (freeze, frozen) = watch::channel(false);
    let listener = TcpListener::bind((address, MYSQL_PORT)).await.unwrap();
    let _forwarder = AbortOnDropHandle::new(tokio::spawn(forward_until(frozen, listener)));
    let acquire_timeout = Duration::from_secs(2);
    let pool = names.pool(PoolConfig { size: 4, acquire_timeout, ..PINGING });
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(pool.acquire().await.unwrap());
    }
    connections.into_iter().for_each(Pooled::give_back);

    freeze.send(true).unwrap();
    let start = Instant::now();
    let error = pool.acquire().await.map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < acquire_timeout + MOMENT, "{:?}", start.elapsed());
}

/// Forwards each connection to the primary. Once frozen, it still accepts connections, but forwards nothing.
async fn forward_until(frozen: watch::Receiver<bool>, listener: TcpListener) {
    let primary = shared().cluster.address(0);
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut frozen = frozen.clone();
        tokio::spawn(async move {
            let mut server = TcpStream::connect((primary, MYSQL_PORT)).await.unwrap();
            let until_frozen = async { drop(frozen.wait_for(|frozen| *frozen).await) };
            tokio::select! {
                ended = copy_bidirectional(&mut client, &mut server) => drop(ended),
                () = until_frozen => pending::<()>().await,
            }
        });
    }
}

#[tokio::test]
async fn waiting_and_opening_share_the_acquire_timeout() {
    let names = Names::of_primary().await;
    let acquire_timeout = Duration::from_secs(2);
    let pool = names.pool(PoolConfig { acquire_timeout, ..CONFIG });
    let in_use = pool.acquire().await.unwrap();
    names.move_to(names.network.pod(0));
    let start = Instant::now();
    while pool.server().address().await.unwrap() == in_use.address() {
        assert!(start.elapsed() < DEADLINE, "the name has not moved");
        sleep(Duration::from_millis(10)).await;
    }

    let start = Instant::now();
    let acquiring = acquiring(&pool).await;
    drop(in_use);
    let error = acquiring.await.unwrap().map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < acquire_timeout + MOMENT / 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_refused_account_is_named_at_once() {
    let names = Names::of_primary().await;
    let pool = pool_of(names.config(&[("DB_PASSWORD", "wrong")]), CONFIG);
    let acquired = timeout(DEADLINE / 2, pool.acquire()).await.unwrap();
    let error = acquired.map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::AccessDenied(_)), "{error:?}");
}

#[tokio::test]
async fn the_pool_is_busy_while_every_connection_is_in_use() {
    let names = Names::of_primary().await;
    let pool = names.pool(PoolConfig { acquire_timeout: MOMENT, ..CONFIG });
    let connection = pool.acquire().await.unwrap();
    let start = Instant::now();
    let error = pool.acquire().await.map(drop).unwrap_err();
    assert!(matches!(error, MysqlError::Busy), "{error:?}");
    assert!(start.elapsed() >= MOMENT);
    assert_eq!(status(&pool), [0, 1, 1]);
    connection.give_back();
    assert_eq!(status(&pool), [1, 0, 1]);
}

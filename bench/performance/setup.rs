//! The MySQL servers of the benchmark, and how much it measures.

use std::time::Duration;

use anyhow::Context as _;
use app_core::config::About;
use demo::{LocalCluster, for_tests::SeparateCluster};
use tempfile::TempDir;

use crate::{
    login::Login,
    mysqlslap::Mysqlslap,
    process::resident,
    server::{App, READ_APP, WRITE_APP},
};

/// The primary's ordinal.
pub(crate) const PRIMARY: u8 = 0;

/// The replica's ordinal. All reads go to this one server, because mysqlslap takes one address.
pub(crate) const REPLICA: u8 = 1;

/// How much the benchmark measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// How many turns each contender has.
    pub(crate) rounds: usize,
    /// The length of a turn.
    pub(crate) turn: Duration,
    /// The number of rows in the large table.
    pub(crate) rows: u64,
    /// The numbers of connections at which throughput is measured, besides [`crate::contest::CLIENTS`].
    pub(crate) connections: &'static [usize],
    /// The numbers of servers from which read-app chooses.
    pub(crate) endpoints: &'static [u8],
    /// How many numbers of pods are tried on a cluster.
    pub(crate) pods: usize,
}

pub(crate) const FULL: Extent = Extent {
    rounds: 5,
    turn: Duration::from_secs(4),
    rows: 1_000_000,
    connections: &[1, 4, 64, 256],
    endpoints: &[2, 10, 50],
    pods: 3,
};

pub(crate) const QUICK: Extent = Extent {
    rounds: 2,
    turn: Duration::from_millis(700),
    rows: 20_000,
    connections: &[1, 64],
    endpoints: &[2, 10],
    pods: 2,
};

pub(crate) struct Setup {
    pub(crate) cluster: LocalCluster,
    pub(crate) extent: Extent,
    volumes: TempDir,
    run: TempDir,
}

impl Setup {
    /// Starts a primary and a replica with a hundred users.
    pub(crate) async fn start(extent: Extent) -> anyhow::Result<Self> {
        let SeparateCluster { cluster, volumes, run } = SeparateCluster::start(2).await?;
        let setup = Self { cluster, extent, volumes, run };
        // The app and all peers together have more connections than the manifests' 100.
        for ordinal in [PRIMARY, REPLICA] {
            setup.cluster.sql(ordinal, "SET GLOBAL max_connections = 200").await?;
        }
        // write-app creates the tables.
        drop(WRITE_APP.start(&setup.cluster, &[]).await?);
        setup.primary(&users("userdb", 0, 100)).await?;
        setup.wait_for_replica().await?;
        Ok(setup)
    }

    /// Stops the servers, then removes their folders.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.cluster.stop().await?;
        self.volumes.close()?;
        Ok(self.run.close()?)
    }

    /// Runs SQL as root on the primary.
    pub(crate) async fn primary(&self, sql: &str) -> anyhow::Result<String> {
        self.cluster.sql(PRIMARY, sql).await
    }

    /// Returns when the replica has applied everything that the primary has.
    pub(crate) async fn wait_for_replica(&self) -> anyhow::Result<()> {
        let set = self.primary("SELECT @@GLOBAL.gtid_executed").await?.replace('\n', "");
        let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{set}')");
        self.cluster.sql(REPLICA, &wait).await.map(drop)
    }

    /// read-app's account on the replica.
    pub(crate) fn reader(&self) -> anyhow::Result<Login> {
        self.login(REPLICA, READ_APP.about)
    }

    /// write-app's account on the primary.
    pub(crate) fn writer(&self) -> anyhow::Result<Login> {
        self.login(PRIMARY, WRITE_APP.about)
    }

    fn login(&self, ordinal: u8, about: &About) -> anyhow::Result<Login> {
        let environment = self.cluster.environment(about)?;
        let password = environment.into_iter().find(|(name, _)| name == "DB_PASSWORD");
        let (_, password) = password.context("the account has no password")?;
        let password = password.to_string_lossy().into_owned();
        let address = self.cluster.address(ordinal).to_string();
        Ok(Login { address, user: about.db_user, password })
    }

    /// mysqlslap against one of the servers, with the account of an app.
    pub(crate) fn mysqlslap(
        &self,
        ordinal: u8,
        app: App,
        statements: &'static [&'static str],
    ) -> anyhow::Result<Mysqlslap> {
        let login = self.login(ordinal, app.about)?;
        let settings = self.run.path().join(format!("mysqlslap-{}.cnf", login.user));
        Mysqlslap::new(self.cluster.container(ordinal)?, &login, statements, settings)
    }

    /// The process ids of the primary and the replica.
    pub(crate) async fn mysqlds(&self) -> anyhow::Result<[u32; 2]> {
        Ok([self.mysqld(PRIMARY).await?, self.mysqld(REPLICA).await?])
    }

    /// The resident memory of the primary and the replica, in MiB.
    pub(crate) async fn resident(&self) -> anyhow::Result<[f64; 2]> {
        let [primary, replica] = self.mysqlds().await?;
        Ok([resident(primary)?, resident(replica)?])
    }

    /// The process id of a mysqld.
    pub(crate) async fn mysqld(&self, ordinal: u8) -> anyhow::Result<u32> {
        let file = self.cluster.sql(ordinal, "SELECT @@pid_file").await?;
        Ok(std::fs::read_to_string(file)?.trim().parse()?)
    }
}

/// SQL that inserts `count` users, whose names and emails are numbered from `before + 1`.
pub(crate) fn users(schema: &str, before: u64, count: u64) -> String {
    format!(
        "SET cte_max_recursion_depth = {count};
         INSERT INTO {schema}.users (name, email)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         SELECT CONCAT('User ', n + {before}), CONCAT(LPAD(n + {before}, 9, '0'), '@example.org') FROM numbers;"
    )
}

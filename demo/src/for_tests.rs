//! Local clusters for tests. Servers take ten seconds to start and a test takes one, so the tests of a process
//! share one cluster. A test that stops or damages servers starts a separate cluster.

#![allow(clippy::panic, reason = "only tests call this, and a test that cannot go on must fail")]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    LocalCluster,
    apps::{App, READ_APP, RunningApp, WRITE_APP},
    cache_folder,
    local_cluster::{Plan, START_SECONDS},
    manifests::Files,
    network::Network,
    run_folder,
};

/// Tests use the addresses `127.60.*.*`.
pub const TEST_NETWORKS: u8 = 60;

/// How long a server may take until it is ready, on a machine on which other tests start some too.
const WAIT: Duration = Duration::from_secs(5 * START_SECONDS as u64);

/// The folder in which each test process has a folder for sockets and mounted files, named by its process id.
const RUN_FOLDER: &str = "headless-service-tests";

/// A primary, a replica and both apps, which all tests of a process share.
pub struct SharedCluster {
    /// The servers.
    pub cluster: LocalCluster,
    /// write-app.
    pub write_app: RunningApp,
    /// read-app.
    pub read_app: RunningApp,
}

/// The cluster of this process. The first call starts it.
///
/// It runs until the process ends; the kernel then stops the servers (see [`crate::pod`]).
///
/// # Panics
///
/// If the cluster does not start: the test fails, and its message says what to do.
pub fn shared() -> &'static SharedCluster {
    static SHARED: OnceLock<SharedCluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        // The kernel stops a server when the thread that started it ends. The runtime's threads live as
        // long as the process; a test's thread does not.
        let (sender, started) = std::sync::mpsc::channel();
        runtime().spawn(async move { sender.send(start_shared().await) });
        match started.recv() {
            Ok(Ok(shared)) => shared,
            Ok(Err(error)) => panic!("the local cluster did not start: {error:#}"),
            Err(_) => panic!("the local cluster panicked; its message is above"),
        }
    })
}

impl SharedCluster {
    /// Serves an app that connects to MySQL at `host`. The app runs on after the calling test has ended.
    ///
    /// # Errors
    ///
    /// If the configuration is not valid.
    pub async fn app_with_host(&'static self, app: App, host: &str) -> anyhow::Result<RunningApp> {
        let host = host.to_owned();
        self.app_with(app, [("DB_HOST".to_owned(), host)].into()).await
    }

    /// Serves an app with these variables besides those of its Deployment; they win over the Deployment's.
    ///
    /// # Errors
    ///
    /// If the configuration is not valid.
    pub async fn app_with(
        &'static self,
        app: App,
        variables: Vec<(String, String)>,
    ) -> anyhow::Result<RunningApp> {
        let serving = async move {
            let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            serve(app, &self.cluster, &variables.collect::<Vec<_>>()).await
        };
        run(serving).await
    }
}

/// A cluster for one test, which may stop and damage its servers.
pub struct SeparateCluster {
    /// The servers. This field is the first, so they stop before their folders are removed.
    pub cluster: LocalCluster,
    /// The folder of volumes and logs.
    pub volumes: TempDir,
    /// The folder of sockets and mounted files.
    pub run: TempDir,
}

impl SeparateCluster {
    /// Starts a primary and `pods - 1` replicas, and returns when all of them are ready.
    ///
    /// # Errors
    ///
    /// If a server does not start.
    pub async fn start(pods: u8) -> anyhow::Result<Self> {
        Self::start_with(pods, Files::mysql_credentials()?).await
    }

    /// The same, with these passwords.
    ///
    /// # Errors
    ///
    /// If a server does not start.
    pub async fn start_with(pods: u8, credentials: Files) -> anyhow::Result<Self> {
        let cache = cache_folder()?;
        std::fs::create_dir_all(&cache)?;
        let volumes = tempfile::tempdir_in(&cache)?;
        let run = run_folder::run_folder(&cache)?;
        let cluster = LocalCluster::start(Plan {
            volumes: volumes.path().to_owned(),
            run: run.path().to_owned(),
            cache,
            network: Network::claim_any(TEST_NETWORKS)?,
            pods,
            credentials,
            wait: WAIT,
            progress: |_| {},
        });
        Ok(Self { cluster: cluster.await?, volumes, run })
    }

    /// Serves an app that uses these servers, and returns when the app has reached MySQL.
    ///
    /// # Errors
    ///
    /// If the app does not start or does not reach MySQL.
    pub async fn serve(&self, app: App) -> anyhow::Result<RunningApp> {
        let app = serve(app, &self.cluster, &[]).await?;
        app.wait_until_ready().await?;
        Ok(app)
    }
}

/// The codes with which an app says that a server of MySQL which runs does not answer in time.
pub const TOO_SLOW: [&str; 3] = ["database_busy", "database_slow", "database_unreachable"];

/// Whether a fair coin would pick two pods so often. It exceeds this chi-squared, with one degree of freedom, in one of a
/// thousand series.
#[must_use]
pub fn is_a_fair_coin(counts: &[u32]) -> bool {
    let [one, other] = counts else { return false };
    let [one, other] = [one, other].map(|count| f64::from(*count));
    (one - other).powi(2) / (one + other) < 10.828
}

/// How long the apps of a test could not run because the machine did other work. They promise to answer in time where they
/// can run, so a test of a promise adds this.
pub struct Stalls {
    milliseconds: Arc<AtomicU64>,
    _watching: AbortOnDropHandle<()>,
}

impl Stalls {
    /// Watches the calling test's runtime, which the apps share, from now on.
    #[must_use]
    pub fn watch() -> Self {
        const PERIOD: Duration = Duration::from_millis(10);
        let milliseconds = Arc::<AtomicU64>::default();
        let stalled = milliseconds.clone();
        let watching = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                sleep(PERIOD).await;
                let late = u64::try_from(begun.elapsed().saturating_sub(PERIOD).as_millis());
                // On an idle machine it is late by a millisecond or two.
                stalled.fetch_add(late.unwrap_or(0).saturating_sub(20), Ordering::Relaxed);
            }
        });
        Self { milliseconds, _watching: AbortOnDropHandle::new(watching) }
    }

    /// How long that was until now.
    #[must_use]
    pub fn so_far(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }
}

/// The runtime of the shared cluster, which lives as long as the process.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}")))
}

/// Runs `work` on [`runtime`], so that the tasks it starts outlive the calling test.
///
/// # Errors
///
/// If `work` fails or panics.
pub async fn run<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    runtime().spawn(work).await?
}

async fn start_shared() -> anyhow::Result<SharedCluster> {
    let cache = cache_folder()?;
    let cluster = LocalCluster::start(Plan {
        volumes: folder_of_process(&cache.join("tests"))?,
        run: run_folder()?,
        cache,
        network: Network::claim_any(TEST_NETWORKS)?,
        pods: 2,
        credentials: Files::mysql_credentials()?,
        wait: WAIT,
        progress: |line| eprintln!("local cluster: {line}"),
    })
    .await?;
    let write_app = serve(WRITE_APP, &cluster, &[]).await?;
    let read_app = serve(READ_APP, &cluster, &[]).await?;
    write_app.wait_until_ready().await?;
    read_app.wait_until_ready().await?;
    Ok(SharedCluster { cluster, write_app, read_app })
}

/// Serves an app on a free port.
async fn serve(
    app: App,
    cluster: &LocalCluster,
    additions: &[(&str, &str)],
) -> anyhow::Result<RunningApp> {
    app.serve(TcpListener::bind("127.0.0.1:0").await?, cluster, additions)
}

/// This process's folder for sockets and mounted files.
///
/// # Errors
///
/// If the folder cannot be made, or those of earlier processes cannot be listed.
pub fn run_folder() -> std::io::Result<PathBuf> {
    folder_of_process(&std::env::temp_dir().join(RUN_FOLDER))
}

/// A folder for this process in `parent`. A test process cannot remove its folder at its end, so each process
/// removes the folders of earlier ones.
fn folder_of_process(parent: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(parent)?;
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let owner_runs = Path::new("/proc").join(entry.file_name()).exists();
        // mysqld does not end when its data is removed: it logs errors without end.
        if !owner_runs && !is_used_by_a_server(&entry.path())? {
            // Another process may be removing the folder too.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
    let folder = parent.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Whether a server of the folder's owner still runs: it may be stopping. Its command line names the owner's
/// folder in [`RUN_FOLDER`].
fn is_used_by_a_server(folder: &Path) -> std::io::Result<bool> {
    let Some(owner) = folder.file_name() else { return Ok(false) };
    let run_folder = Path::new(RUN_FOLDER).join(owner).join("");
    let run_folder = run_folder.as_os_str().as_encoded_bytes();
    for process in std::fs::read_dir("/proc")? {
        // A process that has just ended has no command line.
        let command_line = std::fs::read(process?.path().join("cmdline")).unwrap_or_default();
        if command_line.windows(run_folder.len()).any(|part| part == run_folder) {
            return Ok(true);
        }
    }
    Ok(false)
}

//! One local cluster for all tests of a process: servers take ten seconds to start, a test takes one. And
//! servers of their own for tests that break them.

#![allow(clippy::panic, reason = "only tests call this, and a test that cannot go on must fail")]

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    LocalCluster,
    apps::{App, READ_APP, RunningApp, WRITE_APP},
    local_cluster::Plan,
    network::Network,
};

/// Tests use the addresses `127.60.*.*`.
pub const TEST_NETWORKS: u8 = 60;

/// Where the test processes' sockets and settings are, each in a folder of its own.
const RUN_FOLDER: &str = "headless-service-tests";

/// A primary and a replica, and both apps on ports of their own.
pub struct SharedCluster {
    /// The servers.
    pub cluster: LocalCluster,
    /// write-app.
    pub write_app: RunningApp,
    /// read-app.
    pub read_app: RunningApp,
}

/// The process's local cluster, started at the first call.
///
/// Its runtime outlives every test's, and ends with the process; the kernel then stops the servers
/// (see [`crate::pod`]).
///
/// # Panics
///
/// Where it cannot be started: the test fails and says what to do.
pub fn shared() -> &'static SharedCluster {
    static SHARED: OnceLock<SharedCluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        // On a thread of the runtime, which lives as long as the process: the kernel stops a server
        // when the thread that started it ends.
        let (sender, started) = std::sync::mpsc::channel();
        runtime().spawn(async move { sender.send(start().await) });
        match started.recv() {
            Ok(Ok(shared)) => shared,
            Ok(Err(error)) => panic!("the local cluster did not start: {error:#}"),
            Err(_) => panic!("the local cluster panicked; its message is above"),
        }
    })
}

impl SharedCluster {
    /// Serves an app that looks for MySQL at `host`, on a port of its own. It runs where the local cluster
    /// runs, and so outlives the caller.
    ///
    /// # Errors
    ///
    /// Where the configuration is not usable.
    pub async fn app_with_host(&'static self, app: App, host: &str) -> anyhow::Result<RunningApp> {
        let host = host.to_owned();
        self.app_with(app, [("DB_HOST".to_owned(), host)].into()).await
    }

    /// The same with any variables in place of the Deployment's.
    ///
    /// # Errors
    ///
    /// Where the configuration is not usable.
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

/// Servers of one test's own, which it may break, and the folders they live in.
pub struct SeparateCluster {
    /// The servers. They stand first, and so end before their folders do.
    pub cluster: LocalCluster,
    /// The folder of their volumes and logs.
    pub volumes: TempDir,
    /// The folder of their sockets and settings.
    pub run: TempDir,
}

impl SeparateCluster {
    /// Starts a primary and `pods - 1` replicas, and returns when every one is ready.
    ///
    /// # Errors
    ///
    /// Where they do not start.
    pub async fn start(pods: u8) -> anyhow::Result<Self> {
        let cache = cache_folder()?;
        std::fs::create_dir_all(&cache)?;
        let volumes = tempfile::tempdir_in(&cache)?;
        let run = tempfile::tempdir()?;
        let cluster = LocalCluster::start(Plan {
            volumes: volumes.path().to_owned(),
            run: run.path().to_owned(),
            cache,
            network: Network::claim_any(TEST_NETWORKS)?,
            pods,
            progress: |_| {},
        });
        Ok(Self { cluster: cluster.await?, volumes, run })
    }

    /// Serves an app beside them, on a port of its own, and returns when it has reached MySQL.
    ///
    /// # Errors
    ///
    /// Where it cannot be served, or does not reach MySQL.
    pub async fn serve(&self, app: App) -> anyhow::Result<RunningApp> {
        let app = serve(app, &self.cluster, &[]).await?;
        app.wait_until_ready().await?;
        Ok(app)
    }
}

/// Runs something where the local cluster runs, so that what it starts outlives the caller.
///
/// # Errors
///
/// Its own, and where it panicked.
pub async fn run<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    runtime().spawn(work).await?
}

/// Where [`run`] runs things.
pub fn handle() -> &'static tokio::runtime::Handle {
    runtime().handle()
}

async fn serve(
    app: App,
    cluster: &LocalCluster,
    additions: &[(&str, &str)],
) -> anyhow::Result<RunningApp> {
    app.serve(TcpListener::bind("127.0.0.1:0").await?, cluster, additions)
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}")))
}

async fn start() -> anyhow::Result<SharedCluster> {
    let cache = cache_folder()?;
    let cluster = LocalCluster::start(Plan {
        volumes: folder_of_process(&cache.join("tests"))?,
        run: run_folder()?,
        cache,
        network: Network::claim_any(TEST_NETWORKS)?,
        pods: 2,
        progress: |line| eprintln!("local cluster: {line}"),
    })
    .await?;
    let write_app = serve(WRITE_APP, &cluster, &[]).await?;
    let read_app = serve(READ_APP, &cluster, &[]).await?;
    write_app.wait_until_ready().await?;
    read_app.wait_until_ready().await?;
    Ok(SharedCluster { cluster, write_app, read_app })
}

/// This process's folder for sockets and settings.
pub fn run_folder() -> std::io::Result<PathBuf> {
    folder_of_process(&std::env::temp_dir().join(RUN_FOLDER))
}

/// A folder for this process in `parent`. Nobody is there to remove it at the end, so each process
/// removes what those before it have left.
fn folder_of_process(parent: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(parent)?;
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let owner_runs = Path::new("/proc").join(entry.file_name()).exists();
        // A server whose data is removed under it never ends, and logs that without end.
        if !owner_runs && !is_named_by_a_process(&entry.path())? {
            // Another process may be removing it as well.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
    let folder = parent.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Whether the owner of a folder has left servers that are still stopping: their command lines name
/// a folder with its process id.
fn is_named_by_a_process(folder: &Path) -> std::io::Result<bool> {
    let Some(owner) = folder.file_name() else { return Ok(false) };
    let named = Path::new(RUN_FOLDER).join(owner).join("");
    let named = named.as_os_str().as_encoded_bytes();
    for process in std::fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let command_line = std::fs::read(process?.path().join("cmdline")).unwrap_or_default();
        if command_line.windows(named.len()).any(|part| part == named) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where downloads are kept: `$XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
///
/// Where neither variable is set to a path from the root.
pub fn cache_folder() -> anyhow::Result<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let cache = cache
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for a cache")?;
    Ok(cache.join("headless-service-demo"))
}

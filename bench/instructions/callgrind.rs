//! An app under callgrind, which counts the instructions of the requests that the app serves.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::ensure;
use app_core::config::About;
use demo::{for_tests::SharedCluster, process::Process};
use tempfile::TempDir;

use crate::profile::Profile;

/// How long an idle app is counted.
const IDLE: Duration = Duration::from_secs(4);

async fn idle() -> anyhow::Result<()> {
    tokio::time::sleep(IDLE).await;
    Ok(())
}

/// An app that runs under callgrind.
pub(crate) struct Counted {
    app: Process,
    folder: TempDir,
    /// How often callgrind has written its counters to a file.
    dumps: usize,
    /// What an idle app does in [`IDLE`].
    idle: Profile,
}

impl Counted {
    /// Starts the app's binary, and returns when it has reached MySQL.
    pub(crate) async fn start(
        binary: &str,
        about: &About,
        shared: &SharedCluster,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = format!("--callgrind-out-file={}", folder.path().join("counts").display());
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--tool=callgrind", &file, binary]);
        // One worker thread: with several, the number of wake-ups differs from run to run.
        let path = std::env::var("PATH")?;
        let additions = [("PATH", path.as_str()), ("TOKIO_WORKER_THREADS", "1")];
        let app = Process::start_by(valgrind, about, &shared.cluster, &additions).await?;
        let mut counted = Self { app, folder, dumps: 0, idle: Profile::default() };
        counted.wait_until_ready().await?;
        // The smaller of two counts: the app's first queries may fall into one of them.
        let (one, other) = (counted.count(idle).await?, counted.count(idle).await?);
        counted.idle = if one.total() < other.total() { one } else { other };
        Ok(counted)
    }

    /// The app's URL, such as `http://127.0.0.1:30000`.
    pub(crate) fn url(&self) -> &str {
        self.app.url()
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        while !reqwest::get(format!("{}/readyz", self.url())).await?.status().is_success() {
            ensure!(Instant::now() < end, "the app does not reach MySQL: {:#?}", self.app.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// The instructions during `work`, without those of an idle app in the same time.
    pub(crate) async fn count(
        &mut self,
        work: impl AsyncFnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Profile> {
        self.tell("zero")?;
        let start = Instant::now();
        work().await?;
        let took = start.elapsed();
        self.tell("dump")?;
        self.dumps += 1;
        let file = self.folder.path().join(format!("counts.{}", self.dumps));
        let mut profile = Profile::read(&file)?;
        profile.subtract(&self.idle, took.as_secs_f64() / IDLE.as_secs_f64());
        Ok(profile)
    }

    /// Sends callgrind a command:
    /// <https://valgrind.org/docs/manual/cl-manual.html#cl-manual.monitor-commands>
    fn tell(&self, command: &str) -> anyhow::Result<()> {
        let told =
            Command::new("vgdb").arg(format!("--pid={}", self.app.id())).arg(command).output()?;
        ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        Ok(())
    }
}

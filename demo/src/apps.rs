//! write-app and read-app, served from this process as their binaries serve them.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use app_core::{
    cli::MakeApp,
    config::{About, Config},
    http::health::Health,
    server,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::LocalCluster;

/// How long an app may take to reach MySQL once the servers are ready.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// What differs between the two: what it says of itself, and how it is made.
#[derive(Clone, Copy)]
pub struct App {
    about: &'static About,
    make: MakeApp,
}

/// write-app.
pub const WRITE_APP: App = App { about: &write_app::ABOUT, make: write_app::app };

/// read-app.
pub const READ_APP: App = App { about: &read_app::ABOUT, make: read_app::app };

/// An app that serves until it is stopped or dropped.
pub struct RunningApp {
    address: SocketAddr,
    health: Health,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl App {
    /// Serves the app on a listener, with the environment that its Deployment would give it and these
    /// additions.
    ///
    /// # Errors
    ///
    /// Where the configuration is not usable.
    pub fn serve(
        self,
        listener: TcpListener,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<RunningApp> {
        let mut environment = cluster.environment(self.about)?;
        // A value that an addition has in a file does not stand beside it.
        environment.retain(|(name, _)| {
            !additions
                .iter()
                .any(|(other, _)| other.strip_suffix("_FILE").is_some_and(|it| *name == *it))
        });
        environment.extend(additions.iter().map(|(name, value)| (name.into(), value.into())));
        let address = listener.local_addr()?;
        let config = Config::from_variables(self.about, environment)?;
        let (app, health) = (self.make)(&config).with_context(|| self.about.name)?;
        let (stop, stopped) = oneshot::channel();
        let until_stopped = async move { drop(stopped.await) };
        let serving = tokio::spawn(server::run(listener, app, health.clone(), until_stopped));
        Ok(RunningApp { address, health, stop, serving })
    }
}

/// Serves write-app and read-app, each with links to the other, and returns when both are ready.
///
/// # Errors
///
/// Where one cannot be served, or does not reach MySQL.
pub async fn serve_both(
    listeners: [TcpListener; 2],
    cluster: &LocalCluster,
) -> anyhow::Result<[RunningApp; 2]> {
    let [write, read] = listeners;
    let url = |listener: &TcpListener| listener.local_addr().map(|at| format!("http://{at}/"));
    let (write_url, read_url) = (url(&write)?, url(&read)?);
    let apps = [
        WRITE_APP.serve(write, cluster, &[("OTHER_APP_URL", &read_url)])?,
        READ_APP.serve(read, cluster, &[("OTHER_APP_URL", &write_url)])?,
    ];
    for app in &apps {
        app.wait_until_ready().await?;
    }
    Ok(apps)
}

impl RunningApp {
    /// Its address, as in `http://127.0.0.1:30000`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns when the app has reached MySQL.
    ///
    /// # Errors
    ///
    /// Where it has not within 30 seconds.
    pub async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let end = Instant::now() + READY_DEADLINE;
        while !self.health.is_ready() {
            ensure!(
                Instant::now() < end,
                "the app at {} did not reach MySQL within {READY_DEADLINE:?}; RUST_LOG=info says why",
                self.url()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Stops accepting, and returns when every open request has ended.
    ///
    /// # Errors
    ///
    /// Where serving had failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        // An app that no longer listens has stopped already.
        let _already_stopped = self.stop.send(());
        Ok(self.serving.await??)
    }
}

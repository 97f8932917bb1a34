//! write-app and read-app, served from this process with the same code as in their binaries.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
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

/// How long an app may take to reach MySQL when the servers are ready.
const READY_DEADLINE: Duration = Duration::from_secs(120);

/// One of the two apps, not running yet.
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
    /// Serves the app on a listener. Its environment is that of [`LocalCluster::environment`]; `additions` win over it.
    ///
    /// # Errors
    ///
    /// If the configuration is not valid.
    pub fn serve(
        self,
        listener: TcpListener,
        cluster: &LocalCluster,
        additions: &[(&str, &str)],
    ) -> anyhow::Result<RunningApp> {
        self.serve_configured(listener, &self.config(cluster, additions)?)
    }

    fn config(self, cluster: &LocalCluster, additions: &[(&str, &str)]) -> anyhow::Result<Config> {
        let mut environment = cluster.environment(self.about)?;
        // The app refuses a variable that is set twice: DB_PASSWORD_FILE replaces DB_PASSWORD.
        environment.retain(|(name, _)| {
            !additions
                .iter()
                .any(|(other, _)| other.strip_suffix("_FILE").is_some_and(|it| *name == *it))
        });
        environment.extend(additions.iter().map(|(name, value)| (name.into(), value.into())));
        Ok(Config::from_variables(self.about, environment)?)
    }

    fn serve_configured(
        self,
        listener: TcpListener,
        config: &Config,
    ) -> anyhow::Result<RunningApp> {
        let address = listener.local_addr()?;
        let (app, health) = (self.make)(config).with_context(|| self.about.name)?;
        let (stop, stopped) = oneshot::channel();
        let until_stopped = async move { drop(stopped.await) };
        let serving = server::run(listener, app, health.clone(), config.keep_alive, until_stopped);
        let serving = tokio::spawn(serving);
        Ok(RunningApp { address, health, stop, serving })
    }
}

/// Serves write-app and read-app, and returns when both are ready. Their pages link to each other: the same host, as
/// the browser knows it, and the other listener's port.
///
/// # Errors
///
/// If an app does not start or does not reach MySQL.
pub async fn serve_both(
    listeners: [TcpListener; 2],
    cluster: &LocalCluster,
) -> anyhow::Result<[RunningApp; 2]> {
    let [write, read] = listeners;
    let (mut write_config, mut read_config) =
        (WRITE_APP.config(cluster, &[])?, READ_APP.config(cluster, &[])?);
    write_config.other_app_port = read.local_addr()?.port();
    read_config.other_app_port = write.local_addr()?.port();
    let apps = [
        WRITE_APP.serve_configured(write, &write_config)?,
        READ_APP.serve_configured(read, &read_config)?,
    ];
    for app in &apps {
        app.wait_until_ready().await?;
    }
    Ok(apps)
}

impl RunningApp {
    /// The app's URL on this machine, such as `http://127.0.0.1:30000`.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let loopback: IpAddr = if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            };
            address.set_ip(loopback);
        }
        format!("http://{address}")
    }

    /// Returns when the app has reached MySQL.
    ///
    /// # Errors
    ///
    /// If it has not reached MySQL within two minutes.
    pub async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let end = Instant::now() + READY_DEADLINE;
        while !self.health.is_ready() {
            ensure!(
                Instant::now() < end,
                "the app at {} did not reach MySQL within {READY_DEADLINE:?}; set RUST_LOG=info to see why",
                self.url()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Accepts no more connections, and returns when every open request has ended.
    ///
    /// # Errors
    ///
    /// If the app had stopped with an error.
    pub async fn stop(self) -> anyhow::Result<()> {
        // Sending fails if the app has stopped already.
        let _sent = self.stop.send(());
        Ok(self.serving.await??)
    }
}

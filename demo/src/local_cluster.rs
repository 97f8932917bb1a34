//! MySQL servers with the DNS names, the Service and the API server that they have in Kubernetes.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    net::Ipv4Addr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use app_core::config::About;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Progress, app_armor, cluster_dns,
    endpoints::Endpoints,
    forwarder,
    kubernetes_api::{self, ApiState},
    manifests::Files,
    mysql_programs::MysqlPrograms,
    network::Network,
    patience::wait_for,
    pod::{Container, MysqlPod, PodTemplate, end_of_log},
    probes, read_service,
    stateful_set::{Phase, Pod, Running},
};

/// How many seconds a server may take until it is ready, unless the plan says otherwise.
pub const START_SECONDS: u16 = 120;

/// The settings of a local cluster.
#[derive(Debug)]
pub struct Plan {
    /// Folder for volumes and logs, which stay when a pod ends.
    pub volumes: PathBuf,
    /// Folder for sockets and mounted files, which each pod gets anew. Its path must be short: a socket's path
    /// has at most 107 bytes.
    pub run: PathBuf,
    /// Folder for the download of MySQL.
    pub cache: PathBuf,
    /// The addresses of the cluster.
    pub network: Network,
    /// Number of MySQL servers, the primary included.
    pub pods: u8,
    /// The Secret: the accounts' passwords.
    pub credentials: Files,
    /// How long a server may take until it is ready.
    pub wait: Duration,
    /// Called for each step of the start.
    pub progress: Progress,
}

impl Plan {
    async fn pod_template(&self) -> anyhow::Result<PodTemplate> {
        let (volumes, run) = (self.volumes.clone(), self.run.clone());
        std::fs::create_dir_all(&volumes)
            .with_context(|| format!("cannot make the folder {}", volumes.display()))?;
        let programs = MysqlPrograms::find(&self.cache, &run.join("bin"), self.progress).await?;
        let (primary, kubernetes_api) =
            (*self.network.primary_name().ip(), self.network.kubernetes_api());
        let credentials = self.credentials.clone();
        Ok(PodTemplate { volumes, run, programs, credentials, primary, kubernetes_api })
    }
}

/// A running local cluster. [`LocalCluster::stop`] shuts the servers down; dropping it kills them.
pub struct LocalCluster {
    pub(crate) network: Network,
    pub(crate) template: PodTemplate,
    wait: Duration,
    pub(crate) endpoints: Endpoints,
    pub(crate) pods: BTreeMap<u8, Pod>,
    /// How many pods there should be.
    pub(crate) desired: u8,
    /// The address that each pod has, or had last.
    pub(crate) addresses: BTreeMap<u8, Ipv4Addr>,
    pub(crate) dns: cluster_dns::DnsServer,
    api: kubernetes_api::ApiServer,
    _forwarders: [AbortOnDropHandle<()>; 2],
}

impl LocalCluster {
    /// Starts everything, and returns when every server is ready.
    ///
    /// # Errors
    ///
    /// If MySQL is not there and cannot be downloaded, an address is in use, or a server does not start. The
    /// message says what to do.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        let mut cluster = Self::without_pods(&plan).await?;
        let version = cluster.template.programs.version();
        (plan.progress)(&format!("MySQL {version}: starting mysql-0 and its replicas"));
        for ordinal in 0..plan.pods {
            cluster.start_pod(ordinal)?;
        }
        for ordinal in 0..plan.pods {
            cluster.tell_until_ready(ordinal, plan.progress).await?;
            cluster.note_told_ready(ordinal);
            (plan.progress)(&format!("mysql-{ordinal} is ready"));
        }
        Ok(cluster)
    }

    /// Starts the stand-ins for Kubernetes.
    async fn without_pods(plan: &Plan) -> anyhow::Result<Self> {
        let network = plan.network.clone();
        let endpoints = Endpoints::default();
        let service = network.read_service();
        let dns = cluster_dns::serve(network.dns(), endpoints.clone(), *service.ip()).await?;
        let read_service = read_service::serve(service.into(), endpoints.clone()).await?;
        let (names, primary) = (dns.names(), network.primary_name());
        let primary = forwarder::serve(primary.into(), move || names.address_of("mysql-0")).await?;
        let (address, volumes) = (network.kubernetes_api(), plan.volumes.clone());
        let api = kubernetes_api::serve(address, endpoints.clone(), volumes).await?;
        let template = plan.pod_template().await?;
        kubernetes_api::finish_deletions(&plan.volumes)?;
        Ok(Self {
            network,
            template,
            wait: plan.wait,
            endpoints,
            pods: BTreeMap::new(),
            desired: plan.pods,
            addresses: BTreeMap::new(),
            dns,
            api,
            _forwarders: [read_service, primary],
        })
    }

    /// Says what the server logged last while it takes long, and shows the end of its log if it does not start.
    async fn tell_until_ready(&mut self, ordinal: u8, progress: Progress) -> anyhow::Result<()> {
        let log = self.running(ordinal)?.server.log().to_owned();
        let waits_for = || {
            let last = end_of_log(&log).pop().unwrap_or_default();
            format!("mysql-{ordinal}, whose log ends with: {last}")
        };
        let ready = wait_for(progress, waits_for, self.wait_until_ready(ordinal)).await;
        if ready.is_err() {
            progress(&format!("the end of {}:", log.display()));
            end_of_log(&log).iter().for_each(|line| progress(&format!("  {line}")));
        }
        ready
    }

    /// Starts one server, at the address that it had last. It has a DNS name at once, and is ready later.
    ///
    /// # Errors
    ///
    /// If its address is in use, or the process does not start.
    pub fn start_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        let phase = Phase::Running(self.run(ordinal, self.address(ordinal))?);
        self.pods.insert(ordinal, Pod { phase, ..Pod::new(Instant::now()) });
        self.desired = self.desired.max(ordinal + 1);
        Ok(())
    }

    /// Returns when a server passes its readiness probe.
    ///
    /// # Errors
    ///
    /// If the server ended, or is not ready in time. The message says what to do.
    pub async fn wait_until_ready(&mut self, ordinal: u8) -> anyhow::Result<()> {
        let (end, server) =
            (Instant::now() + self.wait, self.template.programs.server().to_owned());
        while !self.is_ready(ordinal) {
            self.running(ordinal)?;
            let Some(Pod { phase: Phase::Running(running), .. }) = self.pods.get_mut(&ordinal)
            else {
                continue;
            };
            let pod = &mut running.server;
            if let Some(ended) = pod.ended() {
                let advice = app_armor::advice(&server, &pod.end_of_log());
                bail!("{ended}{}", advice.map(|advice| format!(". {advice}")).unwrap_or_default());
            }
            if Instant::now() > end {
                let (name, log, wait) = (pod.name(), pod.log().display(), self.wait.as_secs());
                bail!(
                    "{name} was not ready within {wait} s. The last lines of its log say what it lacks or waits for: \
                     {log}. If this machine is slow, give it more time: cargo demo --wait {}",
                    (wait * 5).max(START_SECONDS.into())
                );
            }
            tokio::time::sleep(probes::PERIOD / 2).await;
        }
        Ok(())
    }

    /// Shuts one server down, and removes its DNS name. It stays down, unlike one that was deleted.
    ///
    /// # Errors
    ///
    /// If no server with this ordinal runs, or waiting for its process fails.
    pub async fn stop_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        if let Some(server) = self.remove(ordinal)? {
            server.stop().await?;
        }
        Ok(())
    }

    /// Kills one server, which cannot write anything more, and removes its DNS name. It stays down.
    ///
    /// # Errors
    ///
    /// If no server with this ordinal runs, or waiting for its process fails.
    pub async fn kill_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        if let Some(server) = self.remove(ordinal)? {
            server.kill().await?;
        }
        Ok(())
    }

    /// Ends a server's probes and removes its DNS name. The server may have ended by itself.
    fn remove(&mut self, ordinal: u8) -> anyhow::Result<Option<MysqlPod>> {
        let pod = self.pods.remove(&ordinal).with_context(|| self.no_such_pod(ordinal))?;
        self.endpoints.remove(&format!("mysql-{ordinal}"));
        Ok(match pod.phase {
            Phase::Running(Running { server, .. }) | Phase::Ending { server, .. } => Some(server),
            Phase::Waiting { .. } => None,
        })
    }

    /// Shuts every server down, the primary last.
    ///
    /// # Errors
    ///
    /// If waiting for a process fails.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        while let Some((ordinal, pod)) = self.pods.pop_last() {
            self.endpoints.remove(&format!("mysql-{ordinal}"));
            match pod.phase {
                Phase::Running(running) => running.server.stop().await?,
                Phase::Ending { server, loses_volume, .. } => {
                    server.stop().await?;
                    if loses_volume {
                        self.delete_volume(ordinal)?;
                    }
                }
                Phase::Waiting { .. } => {}
            }
        }
        Ok(())
    }

    /// The address of a server, or the one that it had last.
    #[must_use]
    pub fn address(&self, ordinal: u8) -> Ipv4Addr {
        self.addresses.get(&ordinal).copied().unwrap_or_else(|| self.network.pod(ordinal))
    }

    /// Whether a server passed its readiness probe the last time.
    #[must_use]
    pub fn is_ready(&self, ordinal: u8) -> bool {
        self.endpoints.ready().contains(&self.address(ordinal))
    }

    /// Runs the readiness probe of one server now, with these environment variables added.
    ///
    /// # Errors
    ///
    /// The probe's message, which says why the server is not ready.
    pub async fn readiness(
        &self,
        ordinal: u8,
        variables: &[(&'static str, &str)],
    ) -> Result<(), String> {
        let container = self.container(ordinal).map_err(|error| error.to_string())?;
        container.readiness(variables).await
    }

    /// Runs SQL as root on one server; see [`Container::sql`].
    ///
    /// # Errors
    ///
    /// If the server does not run, or refuses the SQL: its message.
    pub async fn sql(&self, ordinal: u8, sql: &str) -> anyhow::Result<String> {
        self.container(ordinal)?.sql(sql).await
    }

    /// Makes the API server answer like this.
    pub fn set_api(&self, state: ApiState) {
        self.api.set_state(state);
    }

    /// Makes the claim and the empty volume of a pod, as the StatefulSet does before the pod starts.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn make_claim(&self, ordinal: u8) -> io::Result<()> {
        kubernetes_api::make_claim(&self.template.volumes, &format!("mysql-{ordinal}"))
    }

    /// Asks for the deletion of a pod's claim. It stays, since a pod uses it.
    ///
    /// # Errors
    ///
    /// If that cannot be written down.
    pub fn begin_to_delete_claim(&self, ordinal: u8) -> io::Result<()> {
        let pod = format!("mysql-{ordinal}");
        kubernetes_api::begin_to_delete_claim(&self.template.volumes, &pod)
    }

    /// The container of a running server.
    ///
    /// # Errors
    ///
    /// If no server with this ordinal runs.
    pub fn container(&self, ordinal: u8) -> anyhow::Result<&Container> {
        Ok(self.running(ordinal)?.server.container())
    }

    /// The environment variables of an app in this cluster, as its Deployment sets them in Kubernetes.
    ///
    /// # Errors
    ///
    /// If the Secret has no password for the app's account.
    pub fn environment(&self, about: &About) -> anyhow::Result<Vec<(OsString, OsString)>> {
        let password = self.template.credentials.get(&format!("{}-password", about.db_user))?;
        let dns = self.network.dns().to_string();
        let variables =
            [("DB_PASSWORD", password), ("DNS_SERVER", &dns), ("DNS_SEARCH", cluster_dns::SEARCH)];
        Ok(variables.map(|(name, value)| (name.into(), value.into())).into())
    }
}

//! Servers, names and Service together.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::Ipv4Addr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use app_core::config::About;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Progress, cluster_dns,
    endpoints::Endpoints,
    kubernetes_api,
    manifests::Files,
    mysql_programs::MysqlPrograms,
    network::{MYSQL_PORT, Network, check_free},
    pod::{Cluster, Container, MysqlPod},
    read_service,
};

/// How often a pod's readiness is asked for.
const PROBE_PERIOD: Duration = Duration::from_millis(500);

/// How long a server may take from start to ready.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// What a local cluster is made from.
#[derive(Debug)]
pub struct Plan {
    /// Folder for volumes and logs: what outlives a pod.
    pub volumes: PathBuf,
    /// Folder for sockets and mounted files: what does not. Its path must be short, because the path
    /// of a socket may have 107 characters.
    pub run: PathBuf,
    /// Folder for downloads.
    pub cache: PathBuf,
    /// Its addresses.
    pub network: Network,
    /// How many MySQL servers, the primary included.
    pub pods: u8,
    /// Told about each step.
    pub progress: Progress,
}

/// A running local cluster. It stops when it is dropped; [`LocalCluster::stop`] is the gentle way.
pub struct LocalCluster {
    network: Network,
    cluster: Cluster,
    endpoints: Endpoints,
    pods: BTreeMap<u8, Watched>,
    _dns: cluster_dns::Running,
    api: kubernetes_api::Running,
    _read_service: AbortOnDropHandle<()>,
}

impl Plan {
    async fn cluster(&self) -> anyhow::Result<Cluster> {
        let (volumes, run) = (self.volumes.clone(), self.run.clone());
        std::fs::create_dir_all(&volumes)
            .with_context(|| format!("{} cannot be made", volumes.display()))?;
        let programs = MysqlPrograms::find(&self.cache, &run.join("bin"), self.progress).await?;
        let (primary, kubernetes_api) = (self.network.pod(0), self.network.kubernetes_api());
        Ok(Cluster { volumes, run, programs, primary, kubernetes_api })
    }
}

struct Watched {
    pod: MysqlPod,
    _probing: AbortOnDropHandle<()>,
}

impl LocalCluster {
    /// Starts everything, and returns when every server is ready.
    ///
    /// # Errors
    ///
    /// A sentence that says what to do where MySQL cannot be had, an address is taken or a server
    /// does not start.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        let network = plan.network.clone();
        let endpoints = Endpoints::default();
        let service = network.read_service();
        let dns = cluster_dns::serve(network.dns(), endpoints.clone(), *service.ip()).await?;
        let read_service = read_service::serve(service.into(), endpoints.clone()).await?;
        let (address, volumes) = (network.kubernetes_api(), plan.volumes.clone());
        let api = kubernetes_api::serve(address, endpoints.clone(), volumes).await?;
        let cluster = plan.cluster().await?;
        let version = cluster.programs.version();
        (plan.progress)(&format!("MySQL {version}: starting mysql-0 and its replicas"));
        let pods = BTreeMap::new();
        let mut cluster =
            Self { network, cluster, endpoints, pods, _dns: dns, api, _read_service: read_service };
        for ordinal in 0..plan.pods {
            cluster.start_pod(ordinal)?;
        }
        for ordinal in 0..plan.pods {
            cluster.wait_until_ready(ordinal).await?;
            (plan.progress)(&format!("mysql-{ordinal} is ready"));
        }
        Ok(cluster)
    }

    /// Starts one server; it becomes an endpoint at once and ready later.
    ///
    /// # Errors
    ///
    /// Where its address is taken or it cannot be started.
    pub fn start_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        let address = self.network.pod(ordinal);
        check_free((address, MYSQL_PORT).into())?;
        let pod = MysqlPod::start(&self.cluster, ordinal, address)?;
        self.endpoints.add(pod.name(), address);
        let container = pod.container().clone();
        let probing = tokio::spawn(probe(container, pod.name().to_owned(), self.endpoints.clone()));
        self.pods.insert(ordinal, Watched { pod, _probing: AbortOnDropHandle::new(probing) });
        Ok(())
    }

    /// Returns when a server passes its readiness probe.
    ///
    /// # Errors
    ///
    /// Where it ended, or was not ready within two minutes.
    pub async fn wait_until_ready(&mut self, ordinal: u8) -> anyhow::Result<()> {
        let end = Instant::now() + START_DEADLINE;
        while !self.is_ready(ordinal) {
            let pod = &mut self.pods.get_mut(&ordinal).with_context(|| not_running(ordinal))?.pod;
            if let Some(ended) = pod.ended() {
                bail!(ended);
            }
            if Instant::now() > end {
                let (name, log) = (pod.name(), pod.log().display());
                bail!("{name} was not ready within {START_DEADLINE:?}; see {log}");
            }
            tokio::time::sleep(PROBE_PERIOD / 2).await;
        }
        Ok(())
    }

    /// Returns when a server has ended by itself, with a sentence that says so. Its name is gone then.
    pub async fn next_end(&mut self) -> String {
        loop {
            let mut pods = self.pods.iter_mut();
            let ended = pods.find_map(|(ordinal, watched)| Some((*ordinal, watched.pod.ended()?)));
            if let Some((ordinal, sentence)) = ended {
                drop(self.remove(ordinal));
                return sentence;
            }
            tokio::time::sleep(PROBE_PERIOD).await;
        }
    }

    /// Stops one server and takes its name away.
    ///
    /// # Errors
    ///
    /// Where there is none with this ordinal, or its process cannot be waited for.
    pub async fn stop_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        Ok(self.remove(ordinal)?.stop().await?)
    }

    /// Kills one server, without a chance to write anything down, and takes its name away.
    ///
    /// # Errors
    ///
    /// Where there is none with this ordinal, or its process cannot be waited for.
    pub async fn kill_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        Ok(self.remove(ordinal)?.kill().await?)
    }

    /// Lets one server stand still, as a node does that is out of memory or whose disk hangs, or go on.
    ///
    /// # Errors
    ///
    /// Where there is none with this ordinal.
    pub fn set_frozen(&self, ordinal: u8, frozen: bool) -> anyhow::Result<()> {
        let watched = self.pods.get(&ordinal).with_context(|| not_running(ordinal))?;
        watched.pod.set_frozen(frozen);
        Ok(())
    }

    /// Takes a server out: from now on nobody probes it, and its name is gone.
    fn remove(&mut self, ordinal: u8) -> anyhow::Result<MysqlPod> {
        let Watched { pod, .. } =
            self.pods.remove(&ordinal).with_context(|| not_running(ordinal))?;
        self.endpoints.remove(pod.name());
        Ok(pod)
    }

    /// Stops every server, replicas first.
    ///
    /// # Errors
    ///
    /// Where a process cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        while let Some(ordinal) = self.pods.last_key_value().map(|(ordinal, _)| *ordinal) {
            self.stop_pod(ordinal).await?;
        }
        Ok(())
    }

    /// The address of a server, whether it runs or not.
    #[must_use]
    pub fn address(&self, ordinal: u8) -> Ipv4Addr {
        self.network.pod(ordinal)
    }

    /// Whether a server passed its readiness probe the last time.
    #[must_use]
    pub fn is_ready(&self, ordinal: u8) -> bool {
        self.endpoints.ready().contains(&self.network.pod(ordinal))
    }

    /// Runs the readiness probe of one server now, with these additions to its environment.
    ///
    /// # Errors
    ///
    /// Why it may not serve.
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
    /// Where there is no such server, and what it said.
    pub async fn sql(&self, ordinal: u8, sql: &str) -> anyhow::Result<String> {
        self.container(ordinal)?.sql(sql).await
    }

    /// Whether the API server answers.
    pub fn set_api_available(&self, available: bool) {
        self.api.set_available(available);
    }

    /// What runs beside a server in its container.
    ///
    /// # Errors
    ///
    /// Where there is no such server.
    pub fn container(&self, ordinal: u8) -> anyhow::Result<&Container> {
        let running = self.pods.get(&ordinal);
        Ok(running.with_context(|| not_running(ordinal))?.pod.container())
    }

    /// The environment that an app's Deployment would give it here.
    ///
    /// # Errors
    ///
    /// Where the manifests have no password for the app's account.
    pub fn environment(&self, about: &About) -> anyhow::Result<Vec<(OsString, OsString)>> {
        let credentials = Files::mysql_credentials()?;
        let password = credentials.get(&format!("{}-password", about.db_user))?;
        let dns = self.network.dns().to_string();
        let variables =
            [("DB_PASSWORD", password), ("DNS_SERVER", &dns), ("DNS_SEARCH", cluster_dns::SEARCH)];
        Ok(variables.map(|(name, value)| (name.into(), value.into())).into())
    }
}

fn not_running(ordinal: u8) -> String {
    format!("mysql-{ordinal} does not run")
}

/// Keeps an endpoint's readiness true to the probe.
async fn probe(container: Container, name: String, endpoints: Endpoints) {
    loop {
        endpoints.set_ready(&name, container.readiness(&[]).await.is_ok());
        tokio::time::sleep(PROBE_PERIOD).await;
    }
}

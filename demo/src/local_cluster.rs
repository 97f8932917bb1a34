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
    kubernetes_api::{self, ApiState},
    manifests::Files,
    mysql_programs::MysqlPrograms,
    network::{MYSQL_PORT, Network, check_free},
    patience::wait_for,
    pod::{Container, MysqlPod, PodTemplate, end_of_log},
    read_service,
};

/// How often the readiness probe runs.
const PROBE_PERIOD: Duration = Duration::from_millis(500);

/// The liveness probe runs every ten seconds, as in Kubernetes.
const READINESS_PROBES_PER_LIVENESS_PROBE: u32 = 20;

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
        let (primary, kubernetes_api) = (self.network.pod(0), self.network.kubernetes_api());
        let credentials = self.credentials.clone();
        Ok(PodTemplate { volumes, run, programs, credentials, primary, kubernetes_api })
    }
}

/// A running local cluster. [`LocalCluster::stop`] shuts the servers down; dropping it kills them.
pub struct LocalCluster {
    network: Network,
    template: PodTemplate,
    wait: Duration,
    endpoints: Endpoints,
    pods: BTreeMap<u8, ProbedPod>,
    _dns: cluster_dns::DnsServer,
    api: kubernetes_api::ApiServer,
    _read_service: AbortOnDropHandle<()>,
}

/// A pod, and the task that runs its readiness probe.
struct ProbedPod {
    pod: MysqlPod,
    _probing: AbortOnDropHandle<()>,
}

impl LocalCluster {
    /// Starts everything, and returns when every server is ready.
    ///
    /// # Errors
    ///
    /// If MySQL is not there and cannot be downloaded, an address is in use, or a server does not start. The
    /// message says what to do.
    pub async fn start(plan: Plan) -> anyhow::Result<Self> {
        let network = plan.network.clone();
        let endpoints = Endpoints::default();
        let service = network.read_service();
        let dns = cluster_dns::serve(network.dns(), endpoints.clone(), *service.ip()).await?;
        let read_service = read_service::serve(service.into(), endpoints.clone()).await?;
        let (address, volumes) = (network.kubernetes_api(), plan.volumes.clone());
        let api = kubernetes_api::serve(address, endpoints.clone(), volumes).await?;
        let template = plan.pod_template().await?;
        let version = template.programs.version();
        (plan.progress)(&format!("MySQL {version}: starting mysql-0 and its replicas"));
        let mut cluster = Self {
            network,
            template,
            wait: plan.wait,
            endpoints,
            pods: BTreeMap::new(),
            _dns: dns,
            api,
            _read_service: read_service,
        };
        for ordinal in 0..plan.pods {
            cluster.start_pod(ordinal)?;
        }
        for ordinal in 0..plan.pods {
            cluster.tell_until_ready(ordinal, plan.progress).await?;
            (plan.progress)(&format!("mysql-{ordinal} is ready"));
        }
        Ok(cluster)
    }

    /// Says what the server logged last while it takes long, and shows the end of its log if it does not start.
    async fn tell_until_ready(&mut self, ordinal: u8, progress: Progress) -> anyhow::Result<()> {
        let log =
            self.pods.get(&ordinal).with_context(|| not_running(ordinal))?.pod.log().to_owned();
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

    /// Starts one server. It has a DNS name at once, and is ready later.
    ///
    /// # Errors
    ///
    /// If its address is in use, or the process does not start.
    pub fn start_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        let address = self.network.pod(ordinal);
        check_free((address, MYSQL_PORT).into())?;
        let pod = MysqlPod::start(&self.template, ordinal, address)?;
        self.endpoints.add(pod.name(), address);
        let container = pod.container().clone();
        let probing = tokio::spawn(probe(container, pod.name().to_owned(), self.endpoints.clone()));
        self.pods.insert(ordinal, ProbedPod { pod, _probing: AbortOnDropHandle::new(probing) });
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
            let pod = &mut self.pods.get_mut(&ordinal).with_context(|| not_running(ordinal))?.pod;
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
            tokio::time::sleep(PROBE_PERIOD / 2).await;
        }
        Ok(())
    }

    /// Waits until a server ends by itself, removes its DNS name, and returns a sentence that says how it ended.
    pub async fn next_end(&mut self) -> String {
        loop {
            let mut pods = self.pods.iter_mut();
            let ended = pods.find_map(|(ordinal, probed)| Some((*ordinal, probed.pod.ended()?)));
            if let Some((ordinal, sentence)) = ended {
                drop(self.remove(ordinal));
                return sentence;
            }
            tokio::time::sleep(PROBE_PERIOD).await;
        }
    }

    /// Shuts one server down, and removes its DNS name.
    ///
    /// # Errors
    ///
    /// If no server with this ordinal runs, or waiting for its process fails.
    pub async fn stop_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        Ok(self.remove(ordinal)?.stop().await?)
    }

    /// Kills one server, which cannot write anything more, and removes its DNS name.
    ///
    /// # Errors
    ///
    /// If no server with this ordinal runs, or waiting for its process fails.
    pub async fn kill_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        Ok(self.remove(ordinal)?.kill().await?)
    }

    /// Freezes one server, as a hanging disk would, or lets it go on.
    ///
    /// # Errors
    ///
    /// If no server with this ordinal runs.
    pub fn set_frozen(&self, ordinal: u8, frozen: bool) -> anyhow::Result<()> {
        let probed = self.pods.get(&ordinal).with_context(|| not_running(ordinal))?;
        probed.pod.set_frozen(frozen);
        Ok(())
    }

    /// Ends a server's probes and removes its DNS name.
    fn remove(&mut self, ordinal: u8) -> anyhow::Result<MysqlPod> {
        let ProbedPod { pod, .. } =
            self.pods.remove(&ordinal).with_context(|| not_running(ordinal))?;
        self.endpoints.remove(pod.name());
        Ok(pod)
    }

    /// Shuts every server down, the primary last.
    ///
    /// # Errors
    ///
    /// If waiting for a process fails.
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
        let running = self.pods.get(&ordinal);
        Ok(running.with_context(|| not_running(ordinal))?.pod.container())
    }

    /// The environment variables of an app in this cluster, as its Deployment sets them in Kubernetes.
    ///
    /// # Errors
    ///
    /// If the Secret has no password for the app's account.
    pub fn environment(&self, about: &About) -> anyhow::Result<Vec<(OsString, OsString)>> {
        let password = self.template.credentials.get(&format!("{}-password", about.db_user))?;
        let dns = self.network.dns().to_string();
        let variables = [
            ("DB_PASSWORD", password),
            ("DNS_SERVER", &dns),
            ("DNS_SEARCH", cluster_dns::SEARCH),
            ("RUNS_IN", "demo"),
        ];
        Ok(variables.map(|(name, value)| (name.into(), value.into())).into())
    }
}

fn not_running(ordinal: u8) -> String {
    format!("mysql-{ordinal} is not running")
}

/// Runs the readiness probe again and again, and records the result in `endpoints`. It also runs the liveness probe,
/// which deletes old binary logs. A server that fails it is not restarted here: a test decides about that.
async fn probe(container: Container, name: String, endpoints: Endpoints) {
    loop {
        for _ in 0..READINESS_PROBES_PER_LIVENESS_PROBE {
            endpoints.set_ready(&name, container.readiness(&[]).await.is_ok());
            tokio::time::sleep(PROBE_PERIOD).await;
        }
        drop(container.liveness().await);
    }
}

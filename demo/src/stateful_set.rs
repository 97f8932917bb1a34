//! The pods as a StatefulSet has them, and what a person does to them. [`crate::controller`] does the rest.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::time::timeout;

use crate::{
    LocalCluster, kubernetes_api,
    pod::{GRACE, MysqlPod},
    probes::Probes,
};

/// The most pods that MySQL's scripts allow: mysql-0 to mysql-9.
pub(crate) const MOST_PODS: u8 = 10;

/// How long a server may take to stop or to start its applier.
const SQL_DEADLINE: Duration = Duration::from_secs(10);

/// How long it takes at least until the controller, the scheduler and the kubelet have made the next pod.
pub(crate) const NEXT_POD_AFTER: Duration = Duration::from_secs(1);

/// One pod, as `kubectl get pods` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// The pod's name, such as `mysql-0`.
    pub name: String,
    /// Its address, unless it has ended and the next pod of this name is not there yet.
    pub address: Option<Ipv4Addr>,
    /// `ready`, `starting`, `starting: <what it waits for>`, `not ready: <why>`, `frozen`, `ending`, or
    /// `ended: <when it starts again>`.
    pub state: String,
    /// How often its server was started again at this address.
    pub restarts: u32,
}

/// A pod, and what became of it.
pub(crate) struct Pod {
    pub(crate) phase: Phase,
    /// When it was deleted, until it is ready again.
    pub(crate) deleted: Option<Instant>,
    /// Whether it was ready before, so that it is ready again.
    pub(crate) was_ready: bool,
    /// How often its server ended by itself since it was ready.
    pub(crate) failures: u32,
    pub(crate) restarts: u32,
}

pub(crate) enum Phase {
    Running(Running),
    /// It was told to end.
    Ending {
        server: MysqlPod,
        kill_at: Instant,
        loses_volume: bool,
    },
    /// Its server ended. It starts at that time, at another address if the pod was deleted.
    Waiting {
        until: Instant,
        moves: bool,
    },
}

/// A server, and what was told of it.
pub(crate) struct Running {
    pub(crate) server: MysqlPod,
    pub(crate) probes: Probes,
    pub(crate) since: Instant,
    pub(crate) frozen: bool,
    pub(crate) told_ready: Option<bool>,
    pub(crate) told_slow: bool,
}

impl LocalCluster {
    /// Deletes a pod, as `kubectl delete pod` does: `mysql-read` leaves it out at once, and its server shuts down. The
    /// next pod has its name, its volume and another address. [`LocalCluster::next_event`] tells how that goes on.
    ///
    /// # Errors
    ///
    /// If there is no such pod, or it is ending already.
    pub fn delete_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        self.begin_to_delete(ordinal, false)
    }

    /// Deletes a pod with its claim and its volume. The next pod has an empty volume, and clones what it needs.
    ///
    /// # Errors
    ///
    /// As [`LocalCluster::delete_pod`]; also if no other pod has a volume with data.
    pub fn lose_pod(&mut self, ordinal: u8) -> anyhow::Result<()> {
        let mut others = (0..MOST_PODS).filter(|other| *other != ordinal);
        ensure!(
            others.any(|other| {
                kubernetes_api::may_have_data(&self.template.volumes, &format!("mysql-{other}"))
            }),
            "mysql-{ordinal} has the only copy of the users. Wait until another pod is ready, or scale to two pods first: \
             then this one can clone what the other has"
        );
        self.begin_to_delete(ordinal, true)
    }

    fn begin_to_delete(&mut self, ordinal: u8, loses_volume: bool) -> anyhow::Result<()> {
        let no_pod = self.no_such_pod(ordinal);
        let pod = self.pods.get_mut(&ordinal).context(no_pod)?;
        let name = format!("mysql-{ordinal}");
        ensure!(!matches!(pod.phase, Phase::Ending { .. }), "{name} is ending already");
        ensure!(pod.phase.has_address(), "{name} has ended already, and the next one starts soon");
        let volumes = &self.template.volumes;
        if loses_volume {
            kubernetes_api::begin_to_delete_claim(volumes, &name)
                .with_context(|| format!("cannot delete the claim of {name}"))?;
        }
        pod.deleted = Some(Instant::now());
        pod.phase.end(loses_volume);
        if matches!(pod.phase, Phase::Ending { .. }) {
            self.endpoints.begin_to_end(&name);
            return Ok(());
        }
        // Its server had ended by itself.
        self.endpoints.remove(&name);
        if loses_volume { Ok(kubernetes_api::delete_claim(volumes, &name)?) } else { Ok(()) }
    }

    /// Changes the number of pods. Pods that are too many end, the highest first, one after another, and keep their
    /// volumes. New ones start with the volume that is there, or with an empty one.
    ///
    /// # Errors
    ///
    /// If the number is not between 1 and 10.
    pub fn scale(&mut self, pods: u8) -> anyhow::Result<()> {
        ensure!(
            (1..=MOST_PODS).contains(&pods),
            "{pods} pods are not possible: choose 1 to {MOST_PODS}, the primary included"
        );
        self.desired = pods;
        for ordinal in 0..pods {
            self.pods.entry(ordinal).or_insert_with(|| Pod::new(Instant::now()));
        }
        // The caller knows of the first one.
        drop(self.end_one_too_many());
        Ok(())
    }

    /// Makes a replica lag: it goes on to receive what the primary writes, and applies none of it.
    ///
    /// # Errors
    ///
    /// If this is the primary, or the server does not do so.
    pub async fn lag(&mut self, ordinal: u8) -> anyhow::Result<()> {
        self.replica_sql(ordinal, "STOP REPLICA SQL_THREAD").await
    }

    /// Lets a replica apply what it has received.
    ///
    /// # Errors
    ///
    /// If this is the primary, or the server does not do so.
    pub async fn catch_up(&mut self, ordinal: u8) -> anyhow::Result<()> {
        self.replica_sql(ordinal, "START REPLICA SQL_THREAD").await
    }

    async fn replica_sql(&self, ordinal: u8, sql: &str) -> anyhow::Result<()> {
        ensure!(
            ordinal != 0,
            "mysql-0 is the primary, which writes and follows no other pod, so it cannot lag. Choose a replica: \
             mysql-1 or a higher one"
        );
        let running = self.running(ordinal)?;
        ensure!(
            !running.frozen,
            "mysql-{ordinal} is frozen, and hears nothing: let it go on first"
        );
        let done = timeout(SQL_DEADLINE, running.server.container().sql(sql)).await;
        let done = done.with_context(|| {
            format!("mysql-{ordinal} gave no answer within {} s", SQL_DEADLINE.as_secs())
        })?;
        done.with_context(|| format!("mysql-{ordinal} cannot do that; is it still starting?"))?;
        Ok(())
    }

    /// Freezes a pod, as a hanging disk would: its server keeps its connections, and answers nothing.
    ///
    /// # Errors
    ///
    /// If there is no such pod, or its server does not run, or it is frozen.
    pub fn freeze(&mut self, ordinal: u8) -> anyhow::Result<()> {
        self.set_frozen(ordinal, true)
    }

    /// Lets a frozen pod go on.
    ///
    /// # Errors
    ///
    /// If there is no such pod, or it is not frozen.
    pub fn thaw(&mut self, ordinal: u8) -> anyhow::Result<()> {
        self.set_frozen(ordinal, false)
    }

    fn set_frozen(&mut self, ordinal: u8, frozen: bool) -> anyhow::Result<()> {
        self.running(ordinal)?;
        if let Some(Pod { phase: Phase::Running(running), .. }) = self.pods.get_mut(&ordinal) {
            let is = if running.frozen { "is frozen already" } else { "is not frozen" };
            ensure!(running.frozen != frozen, "mysql-{ordinal} {is}");
            running.server.set_frozen(frozen);
            running.frozen = frozen;
        }
        Ok(())
    }

    /// For how many seconds the cluster's DNS server repeats an answer that it has given, also "there is no such name".
    /// Without a number it repeats none. Either way it forgets what it has.
    pub fn set_dns_cache(&mut self, seconds: Option<u32>) {
        self.dns.set_cache(seconds);
    }

    /// One entry for each pod, by ordinal.
    #[must_use]
    pub fn status(&self) -> Vec<PodStatus> {
        let status = |(ordinal, pod): (&u8, &Pod)| PodStatus {
            name: format!("mysql-{ordinal}"),
            address: pod.phase.has_address().then(|| self.address(*ordinal)),
            state: pod.state(),
            restarts: pod.restarts,
        };
        self.pods.iter().map(status).collect()
    }

    /// A pod whose server runs.
    pub(crate) fn running(&self, ordinal: u8) -> anyhow::Result<&Running> {
        match &self.pods.get(&ordinal).with_context(|| self.no_such_pod(ordinal))?.phase {
            Phase::Running(running) => Ok(running),
            Phase::Ending { .. } => bail!("mysql-{ordinal} is ending"),
            Phase::Waiting { .. } => {
                bail!("mysql-{ordinal} has ended, and starts again in a moment")
            }
        }
    }

    pub(crate) fn no_such_pod(&self, ordinal: u8) -> String {
        let names = self.pods.keys().map(|ordinal| format!("mysql-{ordinal}")).collect::<Vec<_>>();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("mysql-{ordinal} is not running; the pods are: {names}")
    }
}

impl Pod {
    /// A pod that starts at this time.
    pub(crate) fn new(start: Instant) -> Self {
        let phase = Phase::Waiting { until: start, moves: true };
        Self { phase, deleted: None, was_ready: false, failures: 0, restarts: 0 }
    }

    /// What [`PodStatus::state`] says.
    pub(crate) fn state(&self) -> String {
        match &self.phase {
            Phase::Running(running) => running.state(),
            Phase::Ending { .. } => "ending".into(),
            Phase::Waiting { moves: true, .. } => "ended: the next one starts in a moment".into(),
            Phase::Waiting { until, .. } => {
                let left = until.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
                format!("ended: it starts again in {left} s")
            }
        }
    }
}

impl Phase {
    /// Tells a server to end; its probes end at once. Where none runs, the next one starts soon.
    pub(crate) fn end(&mut self, loses_volume: bool) {
        let now = Instant::now();
        let next = Self::Waiting { until: now + NEXT_POD_AFTER, moves: true };
        if let Self::Running(Running { server, .. }) = std::mem::replace(self, next) {
            server.begin_to_stop();
            *self = Self::Ending { server, kill_at: now + GRACE, loses_volume };
        }
    }

    fn has_address(&self) -> bool {
        !matches!(self, Self::Waiting { moves: true, .. })
    }
}

impl Running {
    fn state(&self) -> String {
        let health = self.probes.health();
        match (health.not_ready(), self.server.waits_for()) {
            _ if self.frozen => "frozen".into(),
            _ if matches!(health.ready, Some(Ok(()))) => "ready".into(),
            (Some(reason), _) if self.told_ready.is_some() || health.is_kept_by_replication() => {
                format!("not ready: {reason}")
            }
            (_, Some(what)) => format!("starting: waiting: {what}"),
            _ => "starting".into(),
        }
    }
}

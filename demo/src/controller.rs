//! What happens to the pods: the part of the StatefulSet's controller and of the kubelet that brings each pod to where
//! it should be.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    LocalCluster, kubernetes_api,
    network::{MYSQL_PORT, check_free},
    pod::MysqlPod,
    probes::Probes,
    stateful_set::{NEXT_POD_AFTER, Phase, Pod, Running},
};

/// How often it looks at the pods.
const PERIOD: Duration = Duration::from_millis(50);

/// How long a server that ended by itself stays down, the first time and at most. In Kubernetes these are 10 s and
/// 300 s.
const BACK_OFF: Duration = Duration::from_secs(2);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

/// After how long a pod that is not ready yet is worth a word.
const SLOW: Duration = Duration::from_secs(15);

impl LocalCluster {
    /// Waits for the next thing that happens to a pod, and tells it in a sentence. Pods that ended start again only
    /// while this runs. A call that is dropped loses nothing.
    pub async fn next_event(&mut self) -> String {
        loop {
            if let Some(event) = self.step() {
                return event;
            }
            sleep(PERIOD).await;
        }
    }

    fn step(&mut self) -> Option<String> {
        let ordinals = self.pods.keys().copied().collect::<Vec<_>>();
        self.end_one_too_many().or_else(|| ordinals.into_iter().find_map(|one| self.step_pod(one)))
    }

    fn step_pod(&mut self, ordinal: u8) -> Option<String> {
        let mut pod = self.pods.remove(&ordinal)?;
        let (event, stays) = match &mut pod.phase {
            Phase::Running(running) => match running.server.ended() {
                Some(how) => (Some(self.start_later(ordinal, &mut pod, false, &how)), true),
                None => (self.news_of(ordinal, &mut pod), true),
            },
            Phase::Ending { server, kill_at, loses_volume } => {
                if server.ended().is_some() {
                    let loses_volume = *loses_volume;
                    pod.phase =
                        Phase::Waiting { until: Instant::now() + NEXT_POD_AFTER, moves: true };
                    (Some(self.tell_end(ordinal, loses_volume)), ordinal < self.desired)
                } else {
                    if Instant::now() > *kill_at {
                        server.begin_to_kill();
                    }
                    (None, true)
                }
            }
            Phase::Waiting { until, moves } if Instant::now() >= *until => {
                let moves = *moves;
                (Some(self.start_again(ordinal, &mut pod, moves)), true)
            }
            Phase::Waiting { .. } => (None, true),
        };
        if stays {
            self.pods.insert(ordinal, pod);
        }
        event
    }

    /// Tells the highest of the pods that are too many to end, when the one above it has ended.
    pub(crate) fn end_one_too_many(&mut self) -> Option<String> {
        let (&ordinal, pod) = self.pods.last_key_value()?;
        if ordinal < self.desired || matches!(pod.phase, Phase::Ending { .. }) {
            return None;
        }
        let mut pod = self.pods.remove(&ordinal)?;
        let name = format!("mysql-{ordinal}");
        pod.phase.end(false);
        if !matches!(pod.phase, Phase::Ending { .. }) {
            return Some(self.tell_end(ordinal, false));
        }
        self.endpoints.begin_to_end(&name);
        self.pods.insert(ordinal, pod);
        Some(format!("{name} is ending: mysql-read no longer sends it connections"))
    }

    /// A pod has ended: DNS names it no more, and its volume may go.
    fn tell_end(&self, ordinal: u8, loses_volume: bool) -> String {
        let name = format!("mysql-{ordinal}");
        self.endpoints.remove(&name);
        let volume = match loses_volume.then(|| self.delete_volume(ordinal)) {
            Some(Ok(())) => ", and its volume is deleted",
            Some(Err(error)) => &format!(", but its volume cannot be deleted ({error})"),
            None if ordinal >= self.desired => ", and its volume stays",
            None => "",
        };
        let cache = self.dns.cache().map_or_else(String::new, |seconds| {
            format!(". An answer in the DNS cache may name it for up to {seconds} s more")
        });
        format!("{name} ended{volume}: mysql and mysql-read no longer lead to it{cache}")
    }

    pub(crate) fn delete_volume(&self, ordinal: u8) -> std::io::Result<()> {
        kubernetes_api::delete_claim(&self.template.volumes, &format!("mysql-{ordinal}"))
    }

    /// A server ended by itself, or was killed, or did not start. It starts again, as the kubelet starts a container: at
    /// its address, unless it never had one.
    fn start_later(&self, ordinal: u8, pod: &mut Pod, moves: bool, how: &str) -> String {
        let back_off = (BACK_OFF * 2_u32.pow(pod.failures.min(5))).min(LONGEST_BACK_OFF);
        pod.failures += 1;
        pod.phase = Phase::Waiting { until: Instant::now() + back_off, moves };
        self.endpoints.set_ready(&format!("mysql-{ordinal}"), false);
        format!("{how}; it starts again in {} s", back_off.as_secs())
    }

    /// Whether a running pod has become ready, or no longer is, or is dead.
    fn news_of(&self, ordinal: u8, pod: &mut Pod) -> Option<String> {
        let Phase::Running(running) = &mut pod.phase else { return None };
        let (name, health) = (format!("mysql-{ordinal}"), running.probes.health());
        if let Some(reason) = health.is_dead() {
            running.server.begin_to_kill();
            let why =
                format!("{name} failed its liveness probe for a minute ({reason}) and is killed");
            return Some(self.start_later(ordinal, pod, false, &why));
        }
        if matches!(health.ready, Some(Ok(()))) {
            let is_news = running.told_ready.replace(true) != Some(true);
            return is_news.then(|| pod.tell_ready(&name));
        }
        let reason = health.not_ready()?;
        if running.told_ready == Some(true) {
            running.told_ready = Some(false);
            let why = running.why_not_ready(&reason);
            return Some(format!("{name} is not ready: {why}"));
        }
        let is_slow = running.told_ready.is_none() && running.since.elapsed() > SLOW;
        (is_slow && !std::mem::replace(&mut running.told_slow, true)).then(|| {
            format!("{name} is not ready {} s after its start: {}", SLOW.as_secs(), pod.state())
        })
    }

    /// The start of the cluster has told that this pod is ready.
    pub(crate) fn note_told_ready(&mut self, ordinal: u8) {
        if let Some(pod) = self.pods.get_mut(&ordinal)
            && let Phase::Running(running) = &mut pod.phase
        {
            (running.told_ready, pod.was_ready) = (Some(true), true);
        }
    }

    /// Starts the server of a pod that has none.
    fn start_again(&mut self, ordinal: u8, pod: &mut Pod, moves: bool) -> String {
        let (name, before) = (format!("mysql-{ordinal}"), self.addresses.get(&ordinal).copied());
        let address = match before {
            Some(before) if moves => self.later_address().unwrap_or(before),
            Some(before) => before,
            None => self.network.pod(ordinal),
        };
        match self.run(ordinal, address) {
            Ok(running) => pod.phase = Phase::Running(running),
            Err(error) => {
                let why = format!("{name} cannot start: {error:#}");
                return self.start_later(ordinal, pod, moves, &why);
            }
        }
        if !moves {
            pod.restarts += 1;
            return format!(
                "{name} starts again, at its address {address}; its log until now is {name}.previous.log"
            );
        }
        pod.restarts = 0;
        match before {
            Some(before) if pod.deleted.is_some() => {
                format!("{name} is back at {address} (was {before}), and not ready yet")
            }
            _ => format!("{name} starts at {address}"),
        }
    }

    /// Starts a server. It has a DNS name at once, and is ready later.
    pub(crate) fn run(&mut self, ordinal: u8, address: Ipv4Addr) -> anyhow::Result<Running> {
        check_free((address, MYSQL_PORT).into())?;
        let server = MysqlPod::start(&self.template, ordinal, address)?;
        self.endpoints.add(server.name(), address);
        self.addresses.insert(ordinal, address);
        let (container, name) = (server.container().clone(), server.name().to_owned());
        let probes = Probes::start(container, name, self.endpoints.clone());
        let since = Instant::now();
        Ok(Running { server, probes, since, frozen: false, told_ready: None, told_slow: false })
    }

    /// An address that no pod has had for as long as possible.
    fn later_address(&self) -> Option<Ipv4Addr> {
        let last = self.addresses.values().max().copied();
        let is_free = |address: &Ipv4Addr| {
            let is_known = self.addresses.values().any(|known| known == address);
            !is_known && check_free((*address, MYSQL_PORT).into()).is_ok()
        };
        let addresses = self.network.later_pods();
        let mut after = addresses.clone().filter(|address| last.is_none_or(|last| *address > last));
        after.find(is_free).or_else(|| addresses.clone().find(is_free))
    }
}

impl Pod {
    fn tell_ready(&mut self, name: &str) -> String {
        self.failures = 0;
        let again = if std::mem::replace(&mut self.was_ready, true) { " again" } else { "" };
        let after = self.deleted.take().map_or_else(String::new, |deleted| {
            format!(", {} s after it was deleted", deleted.elapsed().as_secs())
        });
        format!("{name} is ready: mysql-read sends it connections{again}{after}")
    }
}

impl Running {
    fn why_not_ready(&self, reason: &str) -> String {
        if self.frozen {
            "it is frozen, and its probe gets no answer; mysql-read leaves it out. After a minute, its liveness probe has \
             it restarted"
                .to_owned()
        } else {
            format!("{reason}; mysql-read leaves it out")
        }
    }
}

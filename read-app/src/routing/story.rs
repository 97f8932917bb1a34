//! What happened to each pod, with times: it stops answering, the headless name no longer has it, it is back.
//!
//! The story is told from the list of addresses and from what the watchers see. Readiness is not in it: the headless
//! Service names a pod whether it is ready or not, and `mysql-read` does not say which pods it leads to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use time::OffsetDateTime;

use crate::{
    page::dots::Dot,
    routing::{
        headless::Pod,
        watch::{Lag, State},
    },
};

/// How many events of one pod are kept. A pod that is deleted and comes back has four.
const KEPT_OF_A_POD: usize = 5;

/// The story tells that a replica is behind by more than this.
pub(crate) const FAR_BEHIND: Duration = Duration::from_secs(5);

/// A replica that was far behind has caught up when it is behind by less than this.
const CAUGHT_UP: Duration = Duration::from_secs(1);

/// A pod that is silent for fewer seconds may only be busy.
const LONG_SILENCE: i64 = 3;

/// The story of all pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    began: Option<OffsetDateTime>,
    addresses: BTreeMap<IpAddr, Listed>,
    pods: BTreeMap<u8, PodStory>,
    cached: Option<OffsetDateTime>,
}

/// An address that DNS gives for the headless name.
#[derive(Clone, Debug)]
struct Listed {
    since: OffsetDateTime,
    /// Whether it was in the first list.
    from_the_start: bool,
    /// Whether the server at this address has said its name.
    has_name: bool,
    pod: Option<u8>,
}

/// The story of one pod.
#[derive(Clone, Debug)]
pub(crate) struct PodStory {
    /// Oldest first.
    pub(crate) events: VecDeque<Event>,
    addresses: BTreeSet<IpAddr>,
    last_address: Option<IpAddr>,
    answers: bool,
    away: Option<Away>,
    is_behind: bool,
    seen: BTreeMap<Experiment, OffsetDateTime>,
}

/// A pod that does not answer, or is not named.
#[derive(Clone, Copy, Debug)]
struct Away {
    since: OffsetDateTime,
    after: After,
    /// Whether the headless name has dropped it, or has named it at another address.
    was_renamed: bool,
}

/// What a pod's answer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It had stopped answering.
    Silence,
    /// The headless name had dropped it.
    Leaving,
    /// The headless name had it for the first time.
    Joining,
}

/// One thing that happened to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// When read-app noticed it.
    pub(crate) at: OffsetDateTime,
    pub(crate) what: What,
}

/// What happened to the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Stopped,
    /// DNS no longer gives its address. It has no other one where `is_last`.
    Left {
        address: IpAddr,
        is_last: bool,
    },
    /// DNS gives an address of it, which had none. Its last one was another, where there is a `was`.
    NamedAgain {
        address: IpAddr,
        was: Option<IpAddr>,
    },
    /// DNS gives one more address of it.
    NamedToo {
        address: IpAddr,
    },
    /// DNS gives an address of a pod that this process did not know.
    IsNew {
        address: IpAddr,
    },
    Answers {
        seconds: i64,
        after: After,
    },
    FarBehind,
    CaughtUp,
}

/// What a reader of the page can try, and the story can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Experiment {
    /// A pod left and came back.
    Deleted,
    /// A pod was silent for some time and answered again. The headless name had it all the time.
    Frozen,
    /// A pod joined.
    Added,
    /// A replica was far behind.
    Lagged,
    /// A pod was away for some time.
    Away,
}

/// How a pod is at one moment, at all its addresses.
#[derive(Default)]
struct Look {
    addresses: BTreeMap<IpAddr, OffsetDateTime>,
    from_the_start: bool,
    /// None where its watchers have not looked yet.
    answers: Option<bool>,
    lag: Option<Lag>,
}

impl Story {
    /// Notes how the pods are now. Those of the first call are not new.
    pub(crate) fn note(&mut self, pods: &[Pod], now: OffsetDateTime) {
        self.note_addresses(pods, now);
        let has_nameless = self.addresses.values().any(|listed| !listed.has_name);
        let mut looks = self.looks(pods);
        for (ordinal, story) in &mut self.pods {
            let look = looks.remove(ordinal).unwrap_or_default();
            story.note(&look, has_nameless, now);
            story.note_absence(now);
        }
        for (ordinal, look) in looks {
            self.pods.insert(ordinal, PodStory::new(&look, now));
        }
    }

    /// Notes that the answers of DNS come from a cache.
    pub(super) fn note_cache(&mut self, now: OffsetDateTime) {
        self.cached.get_or_insert(now);
    }

    /// When this process first had a list of the pods.
    pub(crate) fn began(&self) -> Option<OffsetDateTime> {
        self.began
    }

    /// When an answer of DNS was first seen to come from a cache.
    pub(crate) fn cached(&self) -> Option<OffsetDateTime> {
        self.cached
    }

    /// The pods of which there is something to tell, by ordinal.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (u8, &PodStory)> {
        let pods = self.pods.iter().filter(|(_, story)| !story.events.is_empty());
        pods.map(|(ordinal, story)| (*ordinal, story))
    }

    /// The addresses that came and where no server has answered yet, and since when DNS gives them.
    pub(crate) fn nameless(&self) -> impl Iterator<Item = (OffsetDateTime, IpAddr)> {
        let all = self.addresses.iter();
        let nameless = all.filter(|(_, listed)| !listed.has_name && !listed.from_the_start);
        nameless.map(|(address, listed)| (listed.since, *address))
    }

    /// When the pods last showed this, and which pod.
    pub(crate) fn seen(&self, experiment: Experiment) -> Option<(OffsetDateTime, u8)> {
        let pods = self.pods.iter();
        pods.filter_map(|(ordinal, story)| Some((*story.seen.get(&experiment)?, *ordinal))).max()
    }

    /// When this pod was last away for some time.
    pub(crate) fn seen_away(&self, ordinal: u8) -> Option<OffsetDateTime> {
        self.pods.get(&ordinal)?.seen.get(&Experiment::Away).copied()
    }

    fn note_addresses(&mut self, pods: &[Pod], now: OffsetDateTime) {
        let from_the_start = self.began.is_none();
        self.began.get_or_insert(now);
        let listed: BTreeSet<IpAddr> = pods.iter().map(|pod| pod.address.ip()).collect();
        self.addresses.retain(|address, _| listed.contains(address));
        for pod in pods {
            let new = Listed { since: now, from_the_start, has_name: false, pod: None };
            let listed = self.addresses.entry(pod.address.ip()).or_insert(new);
            let Some(name) = &pod.name else { continue };
            let ordinal = Dot::of(name).ordinal();
            if listed.has_name && listed.pod != ordinal {
                // Another pod got the address.
                (listed.since, listed.from_the_start) = (now, false);
            }
            (listed.has_name, listed.pod) = (true, ordinal);
        }
    }

    fn looks(&self, pods: &[Pod]) -> BTreeMap<u8, Look> {
        let mut looks = BTreeMap::<u8, Look>::new();
        for pod in pods {
            let address = pod.address.ip();
            let Some(listed) = self.addresses.get(&address) else { continue };
            let Some(ordinal) = listed.pod else { continue };
            let look = looks.entry(ordinal).or_default();
            look.addresses.insert(address, listed.since);
            look.from_the_start |= listed.from_the_start;
            match &pod.state {
                State::Answers { lag, .. } => {
                    look.answers = Some(true);
                    look.lag = look.lag.or(*lag);
                }
                State::Silent { .. } => look.answers = look.answers.or(Some(false)),
                State::Unknown => {}
            }
        }
        looks
    }
}

impl PodStory {
    fn new(look: &Look, now: OffsetDateTime) -> Self {
        let mut story = Self {
            events: VecDeque::new(),
            addresses: look.addresses.keys().copied().collect(),
            last_address: look.addresses.keys().next().copied(),
            answers: look.answers == Some(true),
            away: None,
            is_behind: false,
            seen: BTreeMap::new(),
        };
        let first = look.addresses.iter().next().filter(|_| !look.from_the_start);
        if let Some((address, since)) = first {
            let seconds = seconds(*since, now);
            story.tell(*since, What::IsNew { address: *address });
            story.tell(now, What::Answers { seconds, after: After::Joining });
            story.seen.insert(Experiment::Added, now);
        }
        story
    }

    fn note(&mut self, look: &Look, has_nameless: bool, now: OffsetDateTime) {
        if self.answers && look.answers == Some(false) {
            self.answers = false;
            self.away = Some(Away { since: now, after: After::Silence, was_renamed: false });
            self.tell(now, What::Stopped);
        }
        self.note_addresses(look, has_nameless, now);
        if !self.answers && look.answers == Some(true) {
            self.answers = true;
            self.note_return(now);
        }
        self.note_lag(look.lag, now);
    }

    fn note_addresses(&mut self, look: &Look, has_nameless: bool, now: OffsetDateTime) {
        let is_named = !look.addresses.is_empty();
        let before = self.addresses.clone();
        for address in before.iter().filter(|address| !look.addresses.contains_key(address)) {
            self.addresses.remove(address);
            let is_last = !is_named && !has_nameless;
            self.tell(now, What::Left { address: *address, is_last });
        }
        if !is_named && !before.is_empty() {
            self.answers = false;
            let left = Away { since: now, after: After::Leaving, was_renamed: true };
            self.away.get_or_insert(left).was_renamed = true;
        }
        for (address, since) in look.addresses.iter().filter(|(ip, _)| !before.contains(ip)) {
            let was = self.last_address.replace(*address).filter(|last| last != address);
            let what = if self.addresses.is_empty() {
                What::NamedAgain { address: *address, was }
            } else {
                What::NamedToo { address: *address }
            };
            self.addresses.insert(*address);
            self.away.iter_mut().for_each(|away| away.was_renamed = true);
            self.tell(*since, what);
        }
    }

    fn note_return(&mut self, now: OffsetDateTime) {
        let Some(away) = self.away.take() else { return };
        let seconds = seconds(away.since, now);
        self.tell(now, What::Answers { seconds, after: away.after });
        if away.was_renamed {
            self.seen.insert(Experiment::Deleted, now);
        } else if seconds >= LONG_SILENCE {
            self.seen.insert(Experiment::Frozen, now);
        }
    }

    fn note_absence(&mut self, now: OffsetDateTime) {
        if let Some(away) = self.away.filter(|away| seconds(away.since, now) >= LONG_SILENCE) {
            self.seen.insert(Experiment::Away, away.since);
        }
    }

    fn note_lag(&mut self, lag: Option<Lag>, now: OffsetDateTime) {
        let Some(lag) = lag else { return };
        if !self.is_behind && lag.time > FAR_BEHIND {
            self.is_behind = true;
            self.tell(now, What::FarBehind);
            self.seen.insert(Experiment::Lagged, now);
        } else if self.is_behind && lag.time < CAUGHT_UP && !lag.is_minimum {
            self.is_behind = false;
            self.tell(now, What::CaughtUp);
        }
    }

    /// Adds an event. None is earlier than the one before.
    fn tell(&mut self, at: OffsetDateTime, what: What) {
        let at = self.events.back().map_or(at, |last| last.at.max(at));
        self.events.push_back(Event { at, what });
        if self.events.len() > KEPT_OF_A_POD {
            self.events.pop_front();
        }
    }
}

/// The difference of the two times as a reader sees them, in whole seconds.
fn seconds(from: OffsetDateTime, to: OffsetDateTime) -> i64 {
    (to.unix_timestamp() - from.unix_timestamp()).max(0)
}

#[cfg(test)]
mod tests;

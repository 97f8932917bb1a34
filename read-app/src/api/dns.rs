//! What the cluster's DNS answers at this moment, and `GET /names`.

mod ttl_watch;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use app_core::{
    dns::{DnsAnswer, DnsRecord, Question, Resolver},
    mysql::pod_name::PodName,
};
use axum::{Json, extract::State};
use serde::Serialize;
use time::OffsetDateTime;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::ttl_watch::TtlWatch;
use crate::{
    App,
    page::dots::pod_name,
    routing::{Reads, headless::Headless, mode::Via},
};

/// For how long all requests share an answer.
const SHOWN_FOR: Duration = Duration::from_millis(500);

/// How long a request waits for an answer that is newer than the last; or for the first.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT_FOR_THE_FIRST: Duration = Duration::from_millis(2_500);

/// How many changes are remembered.
const CHANGES: usize = 5;

/// The route of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The names. They are looked up only when a request asks for them. A lookup of a pod that is away makes DNS remember
/// that there is no such name, and DNS then says so to every client. Cheap to clone.
///
/// One task looks them up for all requests, so the number of requests does not change how often DNS is asked.
#[derive(Clone)]
pub(crate) struct Names {
    reads: Reads,
    wanted: Arc<Wanted>,
    answers: watch::Receiver<Answers>,
    _asking: Arc<AbortOnDropHandle<()>>,
}

/// What requests have asked for since the last lookups.
#[derive(Default)]
struct Wanted {
    notify: Notify,
    /// The pods that are missing, by ordinal.
    missing: Mutex<BTreeSet<u8>>,
}

/// The last answers.
#[derive(Clone, Default)]
struct Answers {
    asked: Option<Instant>,
    view: NamesView,
    /// What the name of each missing pod answers.
    missing: BTreeMap<u8, NameView>,
}

/// Asks, and compares each answer with the one before.
struct Asker {
    headless: Headless,
    resolver: Resolver,
    lookups: [Lookup; 4],
    /// What each name answered when the DNS server last gave an answer.
    known: BTreeMap<String, BTreeSet<String>>,
    ttls: TtlWatch,
}

struct Lookup {
    name: String,
    question: Question,
}

/// What the names answer.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct NamesView {
    pub(crate) answers: Vec<NameView>,
    /// Whether the answers come from the cache of a DNS server, which counts their TTLs down. Null until the TTLs
    /// of a few seconds are known.
    pub(crate) from_cache: Option<bool>,
    /// The domains that are added to a short name, in order.
    pub(crate) search_path: Vec<String>,
    /// Newest first.
    #[schema(value_type = Vec<Change>)]
    pub(crate) changes: VecDeque<Change>,
}

/// What one name answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct NameView {
    pub(crate) name: String,
    /// The full name that had the answer. Empty where none had.
    pub(crate) full_name: String,
    pub(crate) records: Vec<RecordView>,
    /// Whether the DNS server gave an answer. That there is no such name is an answer.
    pub(crate) answered: bool,
    /// Why there are no records.
    pub(crate) problem: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordView {
    /// `A`, `AAAA` or `SRV`.
    pub(crate) kind: &'static str,
    pub(crate) value: String,
    /// How many more seconds it may be kept.
    pub(crate) ttl: u32,
    /// The pod at this address, where pods have two addresses: read-app lists each by one of them.
    #[serde(skip)]
    pub(crate) pod: Option<PodName>,
}

/// A record that came or went between two requests of some client: DNS is asked only for them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    /// The time of day in UTC when the later request noticed it.
    pub(crate) time: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) came: bool,
}

impl Names {
    pub(crate) fn new(reads: &Reads) -> Self {
        let (sender, answers) = watch::channel(Answers::default());
        let wanted = Arc::<Wanted>::default();
        let asking = tokio::spawn(Asker::new(reads).follow(wanted.clone(), sender));
        let asking = Arc::new(AbortOnDropHandle::new(asking));
        Self { reads: reads.clone(), wanted, answers, _asking: asking }
    }

    /// What the names answer now, or did within [`SHOWN_FOR`]; or, while DNS is slow, before. The last answer is for
    /// the name of the missing pod, if that pod has ever answered this process. So no request makes DNS remember that a
    /// new pod does not exist.
    pub(crate) async fn now(&self, missing: Option<u8>) -> NamesView {
        let has_answered = |ordinal| {
            let pod = PodName::new(pod_name(ordinal));
            self.reads.headless().since_answer(&pod).is_some()
        };
        let missing = missing.filter(|ordinal| has_answered(*ordinal));
        self.wanted.missing().extend(missing);
        let mut answers = self.answers.clone();
        let last = answers.borrow_and_update().asked;
        if is_old(last) {
            self.wanted.notify.notify_one();
            let longest = if last.is_some() { LONGEST_WAIT } else { LONGEST_WAIT_FOR_THE_FIRST };
            // Where DNS takes longer, the last answers must do.
            drop(timeout(longest, answers.changed()).await);
        }
        let Answers { mut view, missing: mut of_missing, .. } = answers.borrow().clone();
        view.answers.extend(missing.and_then(|ordinal| of_missing.remove(&ordinal)));
        view
    }
}

impl Wanted {
    fn missing(&self) -> MutexGuard<'_, BTreeSet<u8>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_old(asked: Option<Instant>) -> bool {
    asked.is_none_or(|asked| asked.elapsed() > SHOWN_FOR)
}

impl Asker {
    fn new(reads: &Reads) -> Self {
        let (headless, resolver) = (reads.host(Via::Mysql), reads.resolver().clone());
        let lookup = |name: String, question| Lookup { name, question };
        let lookups = [
            lookup(headless.to_owned(), Question::Addresses),
            lookup(format!("_mysql._tcp.{headless}"), Question::Servers),
            lookup(format!("mysql-0.{headless}"), Question::Addresses),
            lookup(reads.host(Via::MysqlRead).to_owned(), Question::Addresses),
        ];
        let (known, ttls) = (BTreeMap::new(), TtlWatch::default());
        Self { headless: reads.headless().clone(), resolver, lookups, known, ttls }
    }

    /// Asks whenever a request wants answers and the last are old.
    async fn follow(mut self, wanted: Arc<Wanted>, answers: watch::Sender<Answers>) {
        loop {
            wanted.notify.notified().await;
            // A request that came during the last lookups may have asked for more.
            if is_old(answers.borrow().asked) {
                let missing = mem::take(&mut *wanted.missing());
                let before = answers.borrow().view.changes.clone();
                answers.send_replace(self.ask(missing, before).await);
            }
        }
    }

    async fn ask(&mut self, missing: BTreeSet<u8>, changes: VecDeque<Change>) -> Answers {
        let (answers, missing) = tokio::join!(self.ask_all(), self.ask_missing(missing));
        let mut view =
            NamesView { changes, search_path: self.resolver.search_path(), ..NamesView::default() };
        for answer in answers.iter().chain(missing.values()) {
            note_changes(&mut self.known, &mut view.changes, answer);
        }
        let now = Instant::now();
        if let Some(ttl) = ttl_of_first(&answers) {
            self.ttls.note(ttl, now);
        }
        view.from_cache = self.ttls.is_cached();
        if view.from_cache == Some(true) {
            self.headless.note_cache();
        }
        view.answers = answers;
        Answers { asked: Some(now), view, missing }
    }

    async fn ask_all(&self) -> Vec<NameView> {
        let [a, b, c, d] = &self.lookups;
        let one = |lookup| self.ask_one(lookup);
        let (a, b, c, d) = tokio::join!(one(a), one(b), one(c), one(d));
        let mut answers = vec![a, b, c, d];
        if is_dual_stack(&answers[0]) {
            self.name_the_pods(&mut answers).await;
        }
        answers
    }

    async fn ask_missing(&self, missing: BTreeSet<u8>) -> BTreeMap<u8, NameView> {
        let mut answers = BTreeMap::new();
        for ordinal in missing {
            let [headless, ..] = &self.lookups;
            let name = format!("{}.{}", pod_name(ordinal), headless.name);
            let lookup = Lookup { name, question: Question::Addresses };
            answers.insert(ordinal, self.ask_one(&lookup).await);
        }
        answers
    }

    /// Looks up the name of each server, and notes the pod beside each of its addresses.
    async fn name_the_pods(&self, answers: &mut [NameView]) {
        let servers: Vec<_> = answers.iter().flat_map(|view| view.servers()).collect();
        for server in servers {
            let Ok(own) = self.resolver.ask(&server, Question::Addresses).await else { continue };
            let pod = server.split('.').next().unwrap_or_default();
            for record in answers.iter_mut().flat_map(|view| &mut view.records) {
                if own.records.iter().any(|own| own.value == record.value) {
                    record.pod = Some(PodName::new(pod.to_owned()));
                }
            }
        }
    }

    async fn ask_one(&self, lookup: &Lookup) -> NameView {
        let answer = self.resolver.ask(&lookup.name, lookup.question).await;
        let answered = answer.is_ok();
        let (answer, problem) = match answer {
            Ok(answer) if answer.records.is_empty() => {
                (answer, Some("DNS has no record for this name now".to_owned()))
            }
            Ok(answer) => (answer, None),
            Err(error) => (DnsAnswer::default(), Some(error.to_string())),
        };
        let mut records: Vec<_> = answer.records.into_iter().map(RecordView::from).collect();
        // The DNS server shuffles them, which a reader would take for a change.
        records.sort_by(|one, other| (one.kind, &one.value).cmp(&(other.kind, &other.value)));
        let name = lookup.name.clone();
        NameView { name, full_name: answer.full_name, records, answered, problem }
    }
}

impl NameView {
    /// The names in its SRV records, without the port.
    fn servers(&self) -> Vec<String> {
        let services = self.records.iter().filter(|record| record.kind == "SRV");
        services.filter_map(|record| Some(record.value.split_once(' ')?.0.to_owned())).collect()
    }
}

fn is_dual_stack(view: &NameView) -> bool {
    ["A", "AAAA"].iter().all(|kind| view.records.iter().any(|record| record.kind == *kind))
}

impl From<DnsRecord> for RecordView {
    fn from(DnsRecord { kind, value, ttl }: DnsRecord) -> Self {
        Self { kind, value, ttl, pod: None }
    }
}

impl NamesView {
    /// The full name of the headless Service.
    pub(crate) fn full_name(&self) -> Option<&str> {
        let answer = self.answers.first()?;
        Some(answer.full_name.as_str()).filter(|name| !name.is_empty())
    }

    /// The TTL of the headless name's answer.
    pub(crate) fn headless_ttl(&self) -> Option<u32> {
        ttl_of_first(&self.answers)
    }
}

/// The TTL of the first name's records of one kind: a cache may have those of another kind from another moment.
fn ttl_of_first(answers: &[NameView]) -> Option<u32> {
    let records = &answers.first()?.records;
    let kind = records.first()?.kind;
    records.iter().filter(|record| record.kind == kind).map(|record| record.ttl).max()
}

/// A DNS server that gives no answer says nothing of the records.
fn note_changes(
    known: &mut BTreeMap<String, BTreeSet<String>>,
    changes: &mut VecDeque<Change>,
    NameView { name, records, answered, .. }: &NameView,
) {
    if !answered {
        return;
    }
    let now: BTreeSet<_> = records.iter().map(|record| record.value.clone()).collect();
    if let Some(before) = known.insert(name.clone(), now.clone()) {
        let gone = before.difference(&now).map(|value| (value, false));
        let came = now.difference(&before).map(|value| (value, true));
        for (value, came) in gone.chain(came) {
            let time = crate::times::time_of_day(OffsetDateTime::now_utc());
            changes.push_front(Change { time, name: name.clone(), value: value.clone(), came });
        }
    }
    changes.truncate(CHANGES);
}

#[derive(Serialize, ToSchema)]
struct NamesBody {
    success: bool,
    #[serde(flatten)]
    names: NamesView,
}

/// What the cluster's DNS answers at this moment.
#[utoipa::path(get, path = "/names", operation_id = "names", responses(
    (status = 200, description = "The answers", body = NamesBody)
))]
async fn list(State(names): State<Names>) -> Json<NamesBody> {
    Json(NamesBody { success: true, names: names.now(None).await })
}

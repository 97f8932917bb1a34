//! What the cluster's DNS answers at this moment, and `GET /names`.

mod ttl_watch;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use app_core::{
    dns::{DnsAnswer, DnsRecord, Question, Resolver},
    mysql::pod_name::PodName,
};
use axum::{Json, extract::State};
use serde::Serialize;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::ttl_watch::TtlWatch;
use crate::{
    App,
    routing::{Reads, mode::Via},
};

/// For how long all requests share an answer.
const SHOWN_FOR: Duration = Duration::from_millis(500);

/// How many changes are remembered.
const CHANGES: usize = 5;

/// The route of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The names. They are looked up only when a request asks for them: if a pod is away when its name is looked up,
/// DNS remembers that there is no such name, and says so to every client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Names {
    resolver: Resolver,
    lookups: Arc<[Lookup; 4]>,
    last: Arc<Mutex<Last>>,
}

struct Lookup {
    name: String,
    question: Question,
}

#[derive(Default)]
struct Last {
    asked: Option<Instant>,
    missed: Option<u8>,
    view: NamesView,
    /// What each name answered when the DNS server last gave an answer.
    known: BTreeMap<String, BTreeSet<String>>,
    ttls: TtlWatch,
}

/// What the names answer.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct NamesView {
    pub(crate) answers: Vec<NameView>,
    /// Whether the answers come from the cache of a DNS server, which counts their TTLs down. Null until the TTLs
    /// of a few seconds are known.
    pub(crate) from_cache: Option<bool>,
    /// The domains that a short name is tried in.
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
    /// Seconds for which it may still be kept.
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
        let headless = reads.host(Via::Mysql);
        let lookup = |name: String, question| Lookup { name, question };
        let lookups = [
            lookup(headless.to_owned(), Question::Addresses),
            lookup(format!("_mysql._tcp.{headless}"), Question::Servers),
            lookup(format!("mysql-0.{headless}"), Question::Addresses),
            lookup(reads.host(Via::MysqlRead).to_owned(), Question::Addresses),
        ];
        Self {
            resolver: reads.resolver().clone(),
            lookups: Arc::new(lookups),
            last: Arc::default(),
        }
    }

    /// What the names answer now, or did within [`SHOWN_FOR`]. The last answer is for the name of the missed pod.
    pub(crate) async fn now(&self, missed: Option<u8>) -> NamesView {
        let mut last = self.last.lock().await;
        let is_old = last.asked.is_none_or(|asked| asked.elapsed() > SHOWN_FOR);
        if is_old || last.missed != missed {
            let mut answers = self.ask().await;
            if let Some(ordinal) = missed {
                answers.push(self.ask_one(&self.pod_name(ordinal)).await);
            }
            last.missed = missed;
            last.note_changes(&answers);
            last.view.answers = answers;
            last.view.search_path = self.resolver.search_path();
            let now = Instant::now();
            if let Some(ttl) = ttl_of_first(&last.view.answers) {
                last.ttls.note(ttl, now);
            }
            last.view.from_cache = last.ttls.is_cached();
            last.asked = Some(now);
        }
        last.view.clone()
    }

    fn pod_name(&self, ordinal: u8) -> Lookup {
        let [headless, ..] = &*self.lookups;
        Lookup { name: format!("mysql-{ordinal}.{}", headless.name), question: Question::Addresses }
    }

    async fn ask(&self) -> Vec<NameView> {
        let [a, b, c, d] = &*self.lookups;
        let one = |lookup| self.ask_one(lookup);
        let (a, b, c, d) = tokio::join!(one(a), one(b), one(c), one(d));
        let mut answers = vec![a, b, c, d];
        if is_dual_stack(&answers[0]) {
            self.name_the_pods(&mut answers).await;
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

impl Last {
    /// A DNS server that gives no answer says nothing of the records.
    fn note_changes(&mut self, answers: &[NameView]) {
        for NameView { name, records, .. } in answers.iter().filter(|view| view.answered) {
            let now: BTreeSet<_> = records.iter().map(|record| record.value.clone()).collect();
            if let Some(before) = self.known.insert(name.clone(), now.clone()) {
                let gone = before.difference(&now).map(|value| (value, false));
                let came = now.difference(&before).map(|value| (value, true));
                for (value, came) in gone.chain(came) {
                    let time = crate::times::time_of_day(OffsetDateTime::now_utc());
                    let change = Change { time, name: name.clone(), value: value.clone(), came };
                    self.view.changes.push_front(change);
                }
            }
        }
        self.view.changes.truncate(CHANGES);
    }
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

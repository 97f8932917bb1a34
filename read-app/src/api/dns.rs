//! What the cluster's DNS answers at this moment, and `GET /names`.

mod ttl_watch;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use app_core::dns::{DnsAnswer, RecordKind, Resolver};
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
    kind: RecordKind,
}

#[derive(Default)]
struct Last {
    asked: Option<Instant>,
    missed: Option<u8>,
    view: NamesView,
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
    pub(crate) kind: &'static str,
    /// The full name that had the answer. Empty where none had.
    pub(crate) full_name: String,
    pub(crate) records: Vec<RecordView>,
    /// Why there is no answer.
    pub(crate) problem: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordView {
    pub(crate) value: String,
    /// Seconds for which it may still be kept.
    pub(crate) ttl: u32,
}

/// A record that came or went between two requests.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    /// UTC.
    pub(crate) time: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) came: bool,
}

impl Names {
    pub(crate) fn new(reads: &Reads) -> Self {
        let headless = reads.host(Via::Mysql);
        let lookup = |name: String, kind| Lookup { name, kind };
        let lookups = [
            lookup(headless.to_owned(), RecordKind::A),
            lookup(format!("_mysql._tcp.{headless}"), RecordKind::Srv),
            lookup(format!("mysql-0.{headless}"), RecordKind::A),
            lookup(reads.host(Via::MysqlRead).to_owned(), RecordKind::A),
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
            let mut changes = std::mem::take(&mut last.view.changes);
            note_changes(&last.view.answers, &answers, &mut changes);
            let search_path = self.resolver.search_path().to_vec();
            let now = Instant::now();
            if let Some(ttl) = ttl_of_first(&answers) {
                last.ttls.note(ttl, now);
            }
            let from_cache = last.ttls.is_cached();
            last.view = NamesView { answers, from_cache, search_path, changes };
            last.asked = Some(now);
        }
        last.view.clone()
    }

    fn pod_name(&self, ordinal: u8) -> Lookup {
        let [headless, ..] = &*self.lookups;
        Lookup { name: format!("mysql-{ordinal}.{}", headless.name), kind: RecordKind::A }
    }

    async fn ask(&self) -> Vec<NameView> {
        let [a, b, c, d] = &*self.lookups;
        let one = |lookup| self.ask_one(lookup);
        let (a, b, c, d) = tokio::join!(one(a), one(b), one(c), one(d));
        vec![a, b, c, d]
    }

    async fn ask_one(&self, lookup: &Lookup) -> NameView {
        let (answer, problem) = match self.resolver.ask(&lookup.name, lookup.kind).await {
            Ok(answer) if answer.records.is_empty() => (answer, Some("there is no such name now")),
            Ok(answer) => (answer, None),
            Err(_) => (DnsAnswer::default(), Some("the DNS server does not answer")),
        };
        let mut records: Vec<_> = answer
            .records
            .into_iter()
            .map(|record| RecordView { value: record.value, ttl: record.ttl })
            .collect();
        // The DNS server shuffles them, which a reader would take for a change.
        records.sort_by(|one, other| one.value.cmp(&other.value));
        let kind = match lookup.kind {
            RecordKind::A => "A",
            RecordKind::Srv => "SRV",
        };
        let name = lookup.name.clone();
        NameView { name, kind, full_name: answer.full_name, records, problem }
    }
}

impl NamesView {
    /// The first address of a name.
    pub(crate) fn first_address(&self, name: &str) -> Option<String> {
        let answer =
            self.answers.iter().find(|answer| answer.name == name && answer.kind == "A")?;
        answer.records.first().map(|record| record.value.clone())
    }

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

fn ttl_of_first(answers: &[NameView]) -> Option<u32> {
    answers.first()?.records.iter().map(|record| record.ttl).max()
}

fn note_changes(before: &[NameView], after: &[NameView], changes: &mut VecDeque<Change>) {
    let same = before.iter().zip(after).filter(|(before, after)| before.name == after.name);
    for (before, after) in same {
        let [old, new] = [before, after].map(|view| {
            view.records.iter().map(|record| record.value.clone()).collect::<BTreeSet<_>>()
        });
        let gone = old.difference(&new).map(|value| (value, false));
        let came = new.difference(&old).map(|value| (value, true));
        for (value, came) in gone.chain(came) {
            let time = crate::times::time_of_day(OffsetDateTime::now_utc());
            let change = Change { time, name: after.name.clone(), value: value.clone(), came };
            changes.push_front(change);
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

//! What the cluster's DNS answers at this moment, and `GET /names`.

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

use crate::{
    App,
    routing::{Reads, mode::Via},
};

/// How long an answer is shown again instead of asking for it anew. All who look share it.
const SHOWN_FOR: Duration = Duration::from_millis(500);

/// How many changes are remembered.
const CHANGES: usize = 5;

/// The route of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Asks for the names when somebody looks, never by itself: a name that is asked for while its pod is
/// away is remembered as missing, for everybody. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Names {
    resolver: Resolver,
    questions: Arc<[Question; 4]>,
    last: Arc<Mutex<Last>>,
}

struct Question {
    name: String,
    kind: RecordKind,
}

#[derive(Default)]
struct Last {
    asked: Option<Instant>,
    missed: Option<u8>,
    view: NamesView,
}

/// What the names answer.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct NamesView {
    pub(crate) answers: Vec<NameView>,
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
    /// The whole name that had the answer. Empty where none had.
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

/// A record that came or went while somebody looked.
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
        let question = |name: String, kind| Question { name, kind };
        let questions = [
            question(headless.to_owned(), RecordKind::A),
            question(format!("_mysql._tcp.{headless}"), RecordKind::Srv),
            question(format!("mysql-0.{headless}"), RecordKind::A),
            question(reads.host(Via::MysqlRead).to_owned(), RecordKind::A),
        ];
        Self {
            resolver: reads.resolver().clone(),
            questions: Arc::new(questions),
            last: Arc::default(),
        }
    }

    /// What they answer now, or did half a second ago; last, the own name of a pod that is missed.
    pub(crate) async fn now(&self, missed: Option<u8>) -> NamesView {
        let mut last = self.last.lock().await;
        let is_old = last.asked.is_none_or(|asked| asked.elapsed() > SHOWN_FOR);
        if is_old || last.missed != missed {
            let mut answers = self.ask().await;
            if let Some(ordinal) = missed {
                answers.push(self.ask_one(&self.own_name(ordinal)).await);
            }
            last.missed = missed;
            let mut changes = std::mem::take(&mut last.view.changes);
            note_changes(&last.view.answers, &answers, &mut changes);
            let search_path = self.resolver.search_path().to_vec();
            last.view = NamesView { answers, search_path, changes };
            last.asked = Some(Instant::now());
        }
        last.view.clone()
    }

    fn own_name(&self, ordinal: u8) -> Question {
        let [headless, ..] = &*self.questions;
        Question { name: format!("mysql-{ordinal}.{}", headless.name), kind: RecordKind::A }
    }

    async fn ask(&self) -> Vec<NameView> {
        let [a, b, c, d] = &*self.questions;
        let one = |question| self.ask_one(question);
        let (a, b, c, d) = tokio::join!(one(a), one(b), one(c), one(d));
        vec![a, b, c, d]
    }

    async fn ask_one(&self, question: &Question) -> NameView {
        let (answer, problem) = match self.resolver.ask(&question.name, question.kind).await {
            Ok(answer) if answer.records.is_empty() => (answer, Some("there is no such name now")),
            Ok(answer) => (answer, None),
            Err(_) => (DnsAnswer::default(), Some("the DNS server does not answer")),
        };
        let mut records: Vec<_> = answer
            .records
            .into_iter()
            .map(|record| RecordView { value: record.value, ttl: record.ttl })
            .collect();
        // The server shuffles them; a reader would take that for a change.
        records.sort_by(|one, other| one.value.cmp(&other.value));
        let kind = match question.kind {
            RecordKind::A => "A",
            RecordKind::Srv => "SRV",
        };
        let name = question.name.clone();
        NameView { name, kind, full_name: answer.full_name, records, problem }
    }
}

impl NamesView {
    /// The address that a name answers first with.
    pub(crate) fn first_address(&self, name: &str) -> Option<String> {
        let answer =
            self.answers.iter().find(|answer| answer.name == name && answer.kind == "A")?;
        answer.records.first().map(|record| record.value.clone())
    }

    /// The whole name behind the headless one.
    pub(crate) fn full_name(&self) -> Option<&str> {
        let answer = self.answers.first()?;
        Some(answer.full_name.as_str()).filter(|name| !name.is_empty())
    }

    /// For how many more seconds the answer for the headless name is kept.
    pub(crate) fn headless_ttl(&self) -> Option<u32> {
        self.answers.first()?.records.iter().map(|record| record.ttl).max()
    }
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
            let time = crate::page::times::time_of_day(OffsetDateTime::now_utc());
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

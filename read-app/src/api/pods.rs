//! The pods as they are at this moment, and `GET /pods`.

use std::time::Duration;

use app_core::mysql::pod_name::PodName;
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    db::Role,
    routing::{
        Reads,
        headless::Pod,
        watch::{Lag, State as PodState},
    },
};

/// The route of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A pod, for the page.
#[derive(Clone, Debug)]
pub(crate) struct PodView {
    pub(crate) ordinal: u8,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) state: PodState,
    pub(crate) in_flight: usize,
    /// Whether it answered a read after its address had fallen silent: the Service knows its new
    /// address, and DNS does not yet.
    pub(crate) answers_elsewhere: bool,
}

impl PodView {
    pub(crate) fn role(&self) -> Option<Role> {
        match self.state {
            PodState::Answers { role, .. } => Some(role),
            _ => None,
        }
    }

    pub(crate) fn lag(&self) -> Option<Lag> {
        match self.state {
            PodState::Answers { lag, .. } => lag,
            _ => None,
        }
    }

    pub(crate) fn answers(&self) -> bool {
        matches!(self.state, PodState::Answers { .. })
    }

    /// Its state, in a few words.
    pub(crate) fn health(&self) -> String {
        match &self.state {
            PodState::Unknown => "not asked yet".to_owned(),
            PodState::Answers { .. } => "answers".to_owned(),
            PodState::Silent { .. } if self.answers_elsewhere => {
                "at a new address by now".to_owned()
            }
            PodState::Silent { since, .. } => {
                format!("no answer for {} s", since.elapsed().as_secs())
            }
        }
    }
}

/// The pods by ordinal, without those whose servers have not said their names yet.
pub(crate) fn now(reads: &Reads) -> Vec<PodView> {
    let mut views: Vec<PodView> = reads
        .headless()
        .pods()
        .into_iter()
        .filter_map(|pod| {
            let name = pod.name.clone()?;
            let ordinal = name.ordinal().parse().ok()?;
            Some(view(pod, &name, ordinal, reads.headless().since_answer(&name)))
        })
        .collect();
    // After a pod was replaced both addresses may be listed; the one that answers is the pod.
    views.sort_by_key(|view| (view.ordinal, !view.answers()));
    views.dedup_by_key(|view| view.ordinal);
    views
}

fn view(pod: Pod, name: &PodName, ordinal: u8, since_answer: Option<Duration>) -> PodView {
    let answers_elsewhere = match (&pod.state, since_answer) {
        (PodState::Silent { since, .. }, Some(answered)) => answered < since.elapsed(),
        _ => false,
    };
    PodView {
        ordinal,
        name: name.to_string(),
        address: pod.address.ip().to_string(),
        state: pod.state,
        in_flight: pod.in_flight,
        answers_elsewhere,
    }
}

#[derive(Serialize, ToSchema)]
struct PodsBody {
    success: bool,
    pods: Vec<PodBody>,
}

/// A pod, for programs.
#[derive(Serialize, ToSchema)]
struct PodBody {
    name: String,
    address: String,
    answers: bool,
    role: Option<Role>,
    /// Behind the primary, by time and by transactions.
    lag_seconds: Option<f64>,
    lag_transactions: Option<u64>,
    #[serde(rename = "queries_under_way")]
    in_flight: usize,
}

/// The pods as they are at this moment.
#[utoipa::path(get, path = "/pods", operation_id = "pods", responses(
    (status = 200, description = "The pods", body = PodsBody)
))]
async fn list(State(reads): State<Reads>) -> Json<PodsBody> {
    let pods = now(&reads).into_iter().map(|pod| PodBody {
        answers: pod.answers(),
        role: pod.role(),
        lag_seconds: pod.lag().map(|lag| lag.time.as_secs_f64()),
        lag_transactions: pod.lag().map(|lag| lag.transactions),
        in_flight: pod.in_flight,
        name: pod.name,
        address: pod.address,
    });
    Json(PodsBody { success: true, pods: pods.collect() })
}

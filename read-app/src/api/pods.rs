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
    page::dots::Dot,
    routing::{
        Reads,
        headless::Pod,
        watch::{Lag, State as PodState},
    },
    times,
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
    /// Whether it answered a read after its address had fallen silent. It may be slow, or have another address that
    /// DNS does not give yet.
    pub(crate) answered_since: bool,
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

    /// By how much time it is behind the primary, such as `0.3 s`.
    pub(crate) fn behind(&self) -> Option<String> {
        let lag = self.lag()?;
        let at_least = if lag.is_minimum { "≥ " } else { "" };
        Some(format!("{at_least}{}", times::seconds(lag.time)))
    }

    pub(crate) fn answers(&self) -> bool {
        matches!(self.state, PodState::Answers { .. })
    }

    /// Its state, in a few words.
    pub(crate) fn health(&self) -> String {
        match &self.state {
            PodState::Unknown => "not asked yet".to_owned(),
            PodState::Answers { .. } => "answers".to_owned(),
            PodState::Silent { .. } if self.answered_since => "answered a read again".to_owned(),
            PodState::Silent { since, .. } => {
                format!("no answer for {} s", since.elapsed().as_secs())
            }
        }
    }
}

/// The pods by ordinal, as the page shows them: without servers that have not said their names yet, or that have other
/// names.
pub(crate) fn now(reads: &Reads) -> Vec<PodView> {
    let mut views: Vec<PodView> = reads
        .headless()
        .pods()
        .into_iter()
        .filter_map(|pod| {
            let name = pod.name.clone()?;
            let ordinal = Dot::of(&name).ordinal()?;
            Some(view(pod, &name, ordinal, reads.headless().since_answer(&name)))
        })
        .collect();
    // After a pod was replaced both addresses may be listed; the one that answers is the pod.
    views.sort_by_key(|view| (view.ordinal, !view.answers()));
    views.dedup_by_key(|view| view.ordinal);
    views
}

fn view(pod: Pod, name: &PodName, ordinal: u8, since_answer: Option<Duration>) -> PodView {
    let answered_since = match (&pod.state, since_answer) {
        (PodState::Silent { since, .. }, Some(answered)) => answered < since.elapsed(),
        _ => false,
    };
    PodView {
        ordinal,
        name: name.to_string(),
        address: pod.address.ip().to_string(),
        state: pod.state,
        answered_since,
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
    /// Null until the server at this address has said its name. Two addresses may have the same name for a while.
    #[schema(value_type = Option<String>)]
    name: Option<PodName>,
    address: String,
    /// Whether it answered this read-app's last look. The cluster goes by its readiness instead.
    answers: bool,
    role: Option<Role>,
    /// How far it is behind the primary. Null where that is not known.
    lag_seconds: Option<f64>,
    /// How many of the primary's transactions it lacks. Null where that is not known.
    lag_transactions: Option<u64>,
    /// How many queries of this read-app it is running.
    #[serde(rename = "queries_under_way")]
    in_flight: usize,
}

impl PodBody {
    fn new(Pod { name, address, state, in_flight }: Pod) -> Self {
        let (answers, role, lag) = match state {
            PodState::Answers { role, lag } => (true, Some(role), lag),
            PodState::Unknown | PodState::Silent { .. } => (false, None, None),
        };
        let known = lag.filter(|lag| !lag.is_minimum);
        Self {
            name,
            address: address.ip().to_string(),
            answers,
            role,
            lag_seconds: known.map(|lag| lag.time.as_secs_f64()),
            lag_transactions: lag.and_then(|lag| lag.transactions),
            in_flight,
        }
    }
}

/// The addresses that DNS has for the headless Service, with the pods that answer there.
#[utoipa::path(get, path = "/pods", operation_id = "pods", responses(
    (status = 200, description = "The pods", body = PodsBody)
))]
async fn list(State(reads): State<Reads>) -> Json<PodsBody> {
    let mut pods = reads.headless().pods();
    let ordinal = |pod: &Pod| pod.name.as_ref().and_then(|name| name.ordinal().parse().ok());
    // Of two addresses with one name, the one that answers comes first.
    let is_silent = |pod: &Pod| !matches!(pod.state, PodState::Answers { .. });
    pods.sort_by_key(|pod| (ordinal(pod).unwrap_or(u64::MAX), is_silent(pod)));
    Json(PodsBody { success: true, pods: pods.into_iter().map(PodBody::new).collect() })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn pod(name: Option<&str>, state: PodState) -> Pod {
        let name = name.map(|name| PodName::new(name.to_owned()));
        Pod { name, address: ([192, 0, 2, 1], 3306).into(), state, in_flight: 0 }
    }

    fn replica(lag: Option<Lag>) -> PodState {
        PodState::Answers { role: Role::Replica, lag }
    }

    fn lag(is_minimum: bool, transactions: Option<u64>) -> Option<Lag> {
        Some(Lag { time: Duration::from_secs(2), is_minimum, transactions })
    }

    #[test]
    fn a_lag_that_is_not_known_is_null_and_never_zero() {
        for (lag, seconds, transactions) in [
            (lag(false, Some(3)), Some(2.0), Some(3)),
            (lag(true, Some(3)), None, Some(3)),
            (lag(false, None), Some(2.0), None),
            (None, None, None),
        ] {
            let body = PodBody::new(pod(Some("mysql-1"), replica(lag)));
            assert_eq!((body.lag_seconds, body.lag_transactions), (seconds, transactions));
        }
    }

    #[test]
    fn an_address_whose_server_has_not_said_its_name_is_listed_without_one() {
        let body = serde_json::to_value(PodBody::new(pod(None, PodState::Unknown))).unwrap();
        assert_eq!((&body["name"], &body["answers"]), (&serde_json::Value::Null, &false.into()));
    }

    #[test]
    fn the_page_says_how_long_a_pod_is_behind_and_where_it_may_be_more() {
        let behind = |lag| {
            let name = PodName::new("mysql-1".into());
            view(pod(None, replica(lag)), &name, 1, None).behind()
        };
        assert_eq!(behind(lag(false, None)).as_deref(), Some("2.0 s"));
        assert_eq!(behind(lag(true, None)).as_deref(), Some("≥ 2.0 s"));
        assert_eq!(behind(None), None);
    }

    #[test]
    fn a_silent_pod_that_answered_a_read_since_is_not_said_to_have_moved() {
        let since = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
        let name = PodName::new("mysql-1".into());
        let health = |answered: Option<u64>| {
            let silent = PodState::Silent { since, reason: String::new() };
            view(pod(None, silent), &name, 1, answered.map(Duration::from_secs)).health()
        };
        assert_eq!(health(Some(2)), "answered a read again");
        assert_eq!(health(Some(20)), "no answer for 9 s");
        assert_eq!(health(None), "no answer for 9 s");
    }
}

//! What Kubernetes asks of an app.
//!
//! `GET /healthz`: is the process alive? It never touches the database, because restarting this
//! process would not bring MySQL back.
//!
//! `GET /readyz`: may requests be sent here? Yes, once MySQL has answered for the first time and
//! until the process is told to stop. It stays yes while MySQL is away: taken out of its Service, the
//! app could not even say what is missing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{extract::State, http::StatusCode};
use tokio::{sync::watch, time::sleep};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{http::error, mysql::MysqlError};

/// How long to wait before MySQL is tried again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// The two facts behind `/readyz`. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Facts>);

#[derive(Debug, Default)]
struct Facts {
    reached_mysql: AtomicBool,
    stage: watch::Sender<Stage>,
}

/// How far the process is on its way to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub enum Stage {
    /// It serves.
    #[default]
    Serving,
    /// It was told to stop: it serves, and asks its clients to go elsewhere.
    Stopping,
    /// It accepts no more connections, and ends with those that it has.
    Draining,
}

impl Health {
    /// Tries once a second until MySQL has done what is attempted; from then on the app is ready.
    /// MySQL may be minutes away when a process starts, and one that waits is worth more than one
    /// that ends and is started again. `what` is for the log, such as `the schema`.
    pub async fn ready_after<A>(self, what: &str, attempt: impl Fn() -> A)
    where
        A: Future<Output = Result<(), MysqlError>>,
    {
        let mut reported = String::new();
        while let Err(error) = attempt().await {
            let causes = error::causes(&error);
            if causes != reported {
                tracing::warn!("waiting for {what}: {causes}; trying every {BETWEEN_ATTEMPTS:?}");
                reported = causes;
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        tracing::info!("ready: {what} is there");
        self.0.reached_mysql.store(true, Ordering::Relaxed);
    }

    /// The process was told to stop; from now on it is not ready.
    pub fn stopping(&self) {
        self.reaches(Stage::Stopping);
    }

    /// No more connections are accepted.
    pub fn draining(&self) {
        self.reaches(Stage::Draining);
    }

    /// How far the process is on its way to its end, and news of it.
    #[must_use]
    pub fn stage(&self) -> watch::Receiver<Stage> {
        self.0.stage.subscribe()
    }

    /// There is no way back.
    fn reaches(&self, next: Stage) {
        self.0.stage.send_if_modified(|stage| {
            let is_news = *stage < next;
            *stage = if is_news { next } else { *stage };
            is_news
        });
    }

    /// Whether requests may be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.why_not_ready().is_none()
    }

    fn why_not_ready(&self) -> Option<&'static str> {
        if *self.0.stage.borrow() != Stage::Serving {
            Some("stopping\n")
        } else if !self.0.reached_mysql.load(Ordering::Relaxed) {
            Some("waiting for MySQL to answer for the first time\n")
        } else {
            None
        }
    }

    /// The routes `/healthz` and `/readyz`.
    pub(crate) fn routes(self) -> OpenApiRouter {
        OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).with_state(self)
    }
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "It is", body = String)
))]
async fn healthz() -> &'static str {
    "alive\n"
}

/// May requests be sent here?
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "They may", body = String),
    (status = 503, description = "Not yet, or no more; the text says why", body = String)
))]
async fn readyz(State(health): State<Health>) -> (StatusCode, &'static str) {
    match health.why_not_ready() {
        None => (StatusCode::OK, "ready\n"),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
    }
}

//! The routes for the kubelet's probes.
//!
//! `GET /healthz`: is the process alive? It never touches the database, because restarting this
//! process would not bring MySQL back.
//!
//! `GET /readyz`: may requests be sent here? Yes, once MySQL has answered for the first time and
//! until the process is told to stop. It stays yes while MySQL is away: outside of its Service the app
//! could not tell clients what is missing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{extract::State, http::StatusCode};
use tokio::time::sleep;
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
    stopping: AtomicBool,
}

impl Health {
    /// Attempts it once a second until it succeeds; from then on the app is ready. MySQL may need minutes
    /// after this process starts, and it is better to wait than to be restarted. `what` is for the log, such
    /// as `the schema`.
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
    pub(crate) fn stopping(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    /// Whether requests may be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.why_not_ready().is_none()
    }

    fn why_not_ready(&self) -> Option<&'static str> {
        if self.is_stopping() {
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

//! The routes for the kubelet's probes.
//!
//! `GET /healthz`: is the process alive? It never touches the database, because restarting this
//! process would not bring MySQL back.
//!
//! `GET /readyz`: may requests be sent here? Yes, once MySQL has answered for the first time and
//! until the process is told to stop. It stays yes while MySQL is away: outside of its Service the app
//! could not tell clients what is missing. Its text says what the app waits for, or what it noticed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
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

/// The facts behind `/readyz`. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Facts>);

#[derive(Debug, Default)]
struct Facts {
    reached_mysql: AtomicBool,
    stopping: AtomicBool,
    /// What the app waits for, and later what it noticed when it became ready.
    seen: Mutex<String>,
}

impl Health {
    /// Attempts it once a second until it succeeds; from then on the app is ready. MySQL may need minutes
    /// after this process starts, and it is better to wait than to be restarted. `what` is for the log, such
    /// as `the schema`. The attempt returns what people should know of it, or an empty text.
    pub async fn ready_after<A>(self, what: &str, attempt: impl Fn() -> A)
    where
        A: Future<Output = Result<String, MysqlError>>,
    {
        let mut reported = String::new();
        let noticed = loop {
            match attempt().await {
                Ok(noticed) => break noticed,
                Err(error) => {
                    let causes = error::causes(&error);
                    if causes != reported {
                        tracing::warn!(
                            "waiting for {what}: {causes}; trying every {BETWEEN_ATTEMPTS:?}"
                        );
                        self.see(format!("waiting for {what}: {}", for_everybody(&error)));
                        reported = causes;
                    }
                }
            }
            sleep(BETWEEN_ATTEMPTS).await;
        };
        if !noticed.is_empty() {
            tracing::warn!("{noticed}");
        }
        tracing::info!("ready: {what} is there");
        self.see(noticed);
        self.0.reached_mysql.store(true, Ordering::Relaxed);
    }

    fn see(&self, text: String) {
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn seen(&self) -> String {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    fn why_not_ready(&self) -> Option<String> {
        if self.is_stopping() {
            Some("stopping".into())
        } else if self.0.reached_mysql.load(Ordering::Relaxed) {
            None
        } else {
            Some(self.seen())
                .filter(|seen| !seen.is_empty())
                .or_else(|| Some("waiting for MySQL to answer for the first time".into()))
        }
    }

    /// The routes `/healthz` and `/readyz`.
    pub(crate) fn routes(self) -> OpenApiRouter {
        OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).with_state(self)
    }
}

/// An error without what is inside: addresses, or a message of the server.
fn for_everybody(error: &MysqlError) -> String {
    match error {
        MysqlError::SchemaDiffers(text) => text.clone(),
        other => error::mysql::sentence(other).to_owned(),
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
    (status = 200, description = "They may; a second line says what is unusual", body = String),
    (status = 503, description = "Not yet, or no more; the text says why", body = String)
))]
async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    match health.why_not_ready() {
        None => {
            let lines = ["ready".to_owned(), health.seen()];
            let lines = lines.into_iter().filter(|line| !line.is_empty());
            (StatusCode::OK, lines.map(|line| line + "\n").collect())
        }
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
    }
}

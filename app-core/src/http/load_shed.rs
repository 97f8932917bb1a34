//! How many requests an app serves at once. It refuses further ones at once, with a 503 that says when to try
//! again. In a queue all requests would wait, and all would meet their deadlines.
//!
//! A request counts as in flight once its body is complete, so clients that send slowly keep no other out.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::{sync::Semaphore, time::timeout};

use crate::http::error::Error;

/// Largest body that any request here needs, many times over.
const BODY_LIMIT: usize = 16 * 1024;

/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// How many requests may be in flight: see "Serving" in docs/trust.md for what it rests on.
const IN_FLIGHT: usize = 256;

/// How many bodies may be incomplete. Each takes memory, up to [`BODY_LIMIT`], and a connection. With the requests in
/// flight they must be fewer than the connections, so that there is always one for a probe.
const INCOMPLETE_BODIES: usize = 512;

/// How often the log says that requests are refused.
const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// The limits of one app.
pub(super) struct Limits {
    in_flight: Semaphore,
    incomplete_bodies: Semaphore,
    refused: Mutex<Refused>,
}

/// How many requests were refused since the last report, and when that was.
#[derive(Default)]
struct Refused {
    count: u64,
    reported: Option<Instant>,
}

impl Limits {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            in_flight: Semaphore::new(IN_FLIGHT),
            incomplete_bodies: Semaphore::new(INCOMPLETE_BODIES),
            refused: Mutex::default(),
        })
    }

    fn overloaded(&self) -> Error {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.count += 1;
        if refused.reported.is_none_or(|at| at.elapsed() >= REPORT_PERIOD) {
            tracing::warn!(refused = refused.count, "overloaded: requests are refused");
            *refused = Refused { count: 0, reported: Some(Instant::now()) };
        }
        Error::Overloaded
    }
}

/// The layer. It refuses a request, or passes it on with its whole body.
pub(super) async fn shed(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let request = if request.body().is_end_stream() {
        request
    } else {
        let permit = limits.incomplete_bodies.try_acquire();
        let _permit = permit.map_err(|_| limits.overloaded())?;
        timeout(BODY_DEADLINE, with_whole_body(request))
            .await
            .map_err(|_| Error::RequestTimeout)??
    };
    let _permit = limits.in_flight.try_acquire().map_err(|_| limits.overloaded())?;
    Ok(next.run(request).await)
}

/// Where the header announces a body that is too large, none of it is read.
async fn with_whole_body(request: Request) -> Result<Request, Error> {
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(Error::TooLarge);
    }
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| unreadable(&error))?;
    Ok(Request::from_parts(head, Body::from(body)))
}

fn unreadable(error: &axum::Error) -> Error {
    let cause = std::error::Error::source(error);
    if cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>()) {
        Error::TooLarge
    } else {
        Error::Malformed("The request's body ended before its end, or is not well formed.".into())
    }
}

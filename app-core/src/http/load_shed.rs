//! How many requests an app works on at once. One more is refused at once, with a 503 that says when to
//! try again: to queue it would make everybody wait, and end in deadlines for all.
//!
//! A request takes its place when its body has arrived, so that clients who send slowly take nobody's.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use super::BODY_LIMIT;
use crate::http::error::Error;

/// How many requests are worked on at once: see "Serving" in docs/trust.md for what it rests on.
const WORKED_ON: usize = 256;

/// How many requests may be waited for whose bodies have not arrived: these take memory, up to
/// [`BODY_LIMIT`] each, and nothing else.
const ARRIVING: usize = 1024;

/// How often the log says that requests are refused.
const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// The places of one app. Clones share them.
#[derive(Clone)]
pub(super) struct Room(Arc<Places>);

struct Places {
    worked_on: Semaphore,
    arriving: Semaphore,
    refused: AtomicU64,
    reported: Mutex<Option<Instant>>,
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Places {
            worked_on: Semaphore::new(WORKED_ON),
            arriving: Semaphore::new(ARRIVING),
            refused: AtomicU64::new(0),
            reported: Mutex::new(None),
        }))
    }
}

impl Places {
    fn overloaded(&self) -> Error {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|at| at.elapsed() >= REPORT_PERIOD) {
            *reported = Some(Instant::now());
            let refused = self.refused.swap(0, Ordering::Relaxed);
            tracing::warn!(refused, "overloaded: requests are refused");
        }
        Error::Overloaded
    }
}

/// The layer: the request goes on with its whole body, or is refused.
pub(super) async fn shed(
    State(Room(places)): State<Room>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let request = if request.body().is_end_stream() {
        request
    } else {
        let _arriving = places.arriving.try_acquire().map_err(|_| places.overloaded())?;
        arrived(request).await?
    };
    let _worked_on = places.worked_on.try_acquire().map_err(|_| places.overloaded())?;
    Ok(next.run(request).await)
}

/// The request with all of its body. One that says that it is too large is not waited for.
async fn arrived(request: Request) -> Result<Request, Error> {
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

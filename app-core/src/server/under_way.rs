//! What is under way on one connection: the requests whose answers have not been handed over yet.
//!
//! Deadlines go by this and not by bytes, so one rule holds for every way to be silent: nothing sent,
//! half a line, half a header, half a frame, an answer that nobody reads.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;

/// The requests of one connection at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Requests {
    /// How many have begun and not ended.
    pub(super) under_way: usize,
    /// An answer by HTTP/2 waits until its client has been sent away.
    pub(super) farewell_due: bool,
    /// The client has been sent away.
    farewell_said: bool,
}

/// Counts the requests of one connection. Whoever subscribes hears of each that begins or ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(watch::Sender<Requests>);

impl Counter {
    pub(super) fn subscribe(&self) -> watch::Receiver<Requests> {
        self.0.subscribe()
    }

    /// One more, until what this gives is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|requests| requests.under_way += 1);
        UnderWay(self.0.clone())
    }

    /// Tells those who wait that the client has been sent away.
    pub(super) fn farewell_said(&self) {
        self.0.send_if_modified(|requests| !std::mem::replace(&mut requests.farewell_said, true));
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(watch::Sender<Requests>);

impl UnderWay {
    /// Returns when the client has been sent away.
    pub(super) async fn after_farewell(&self) {
        self.0.send_modify(|requests| requests.farewell_due = true);
        // Whoever holds this holds a sender, so that waiting ends with the farewell.
        let mut requests = self.0.subscribe();
        drop(requests.wait_for(|requests| requests.farewell_said).await);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|requests| requests.under_way -= 1);
    }
}

/// The body of an answer. Its request is under way until hyper has taken the last of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) _request: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

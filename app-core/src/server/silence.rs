//! How long a client may be silent, and when an idle connection ends.
//!
//! hyper has one deadline, from the end of a response to the end of the next header. So a connection could not be
//! idle for longer than a header may take. Here the stream has the deadlines. It tells apart what the connection
//! waits for: its service says when a request begins and ends, and the stream sees when bytes arrive.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{Notify, futures::OwnedNotified},
    time::{Instant, Sleep, sleep_until},
};

/// How long a client may take from the first byte of a header to its end, or from the beginning of the connection. It
/// also bounds the time in which the client reads nothing.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// For how long a connection may be silent before it can end to make room for another. A client that has just connected
/// needs a moment to send, and where most connections have a request, a new one may have been silent for longest.
const GRACE: Duration = Duration::from_millis(250);

/// What a connection waits for. Its stream and its service share it.
#[derive(Clone)]
pub(super) struct Phase(Arc<Mutex<Progress>>);

struct Progress {
    state: State,
    /// Whether the bytes that arrived last are the end of a header.
    ends_header: bool,
    /// Whether a part of the next request has arrived with this one.
    has_part_of_next: bool,
}

/// What it waits for, and since when.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// For the rest of a header.
    Header(Instant),
    /// For the service, whose deadlines are those of the request.
    Response,
    /// For the client to read a response and to send the next request.
    Idle(Instant),
}

impl Phase {
    pub(super) fn new() -> Self {
        let state = State::Header(Instant::now());
        let progress = Progress { state, ends_header: false, has_part_of_next: false };
        Self(Arc::new(Mutex::new(progress)))
    }

    /// The service has a request. Where a body ends, the stream does not know.
    pub(super) fn begin_response(&self, has_body: bool) {
        let mut progress = self.lock();
        progress.has_part_of_next = !has_body && !progress.ends_header;
        progress.state = State::Response;
    }

    /// The service has its response.
    pub(super) fn end_response(&self) {
        let mut progress = self.lock();
        let now = Instant::now();
        progress.state =
            if progress.has_part_of_next { State::Header(now) } else { State::Idle(now) };
    }

    fn arrived(&self, bytes: &[u8]) {
        let mut progress = self.lock();
        progress.ends_header = bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(b"\n\n");
        if matches!(progress.state, State::Idle(_)) {
            progress.state = State::Header(Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The deadlines of all connections, and how a new one gets room.
#[derive(Clone)]
pub(super) struct Silence {
    /// How long a connection may be idle.
    pub(super) keep_alive: Duration,
    /// Wakes the connection that has been silent for longest, so that it ends.
    pub(super) make_room: Arc<Notify>,
}

impl Silence {
    /// The last place in the queue. Notify keeps a call that no connection waited for, and would give it to the next
    /// one. That is the newest, and perhaps a probe's.
    fn next_in_queue(&self) -> Pin<Box<OwnedNotified>> {
        loop {
            let mut place = Box::pin(self.make_room.clone().notified_owned());
            if !place.as_mut().enable() {
                return place;
            }
        }
    }
}

/// A connection that ends, as if the client had ended it, when the client is silent for too long. It also ends when
/// it is the one that has been silent for longest and another needs its room.
pub(super) struct Stream {
    tcp: TcpStream,
    phase: Phase,
    silence: Silence,
    wait: Option<Wait>,
}

/// The end of one state, if the client does nothing.
struct Wait {
    state: State,
    /// The end of [`GRACE`], and then the deadline.
    timer: Pin<Box<Sleep>>,
    /// The place in the queue, from the end of [`GRACE`] on.
    make_room: Option<Pin<Box<OwnedNotified>>>,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, phase: Phase, silence: Silence) -> Self {
        Self { tcp, phase, silence, wait: None }
    }

    /// Ready once the connection has to end.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let state = self.phase.lock().state;
        let (since, patience) = match state {
            State::Header(since) => (since, SILENCE),
            State::Response => {
                self.wait = None;
                return Poll::Pending;
            }
            State::Idle(since) => (since, self.silence.keep_alive),
        };
        let wait = match self.wait.take() {
            Some(wait) if wait.state == state => wait,
            // A new place in the queue, too: Notify wakes the one that has waited for longest.
            _ => Wait::begin(state, since),
        };
        self.wait.insert(wait).poll(&self.silence, since + patience, context)
    }

    fn unless_it_ends(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() && self.poll_end(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }
}

impl Wait {
    fn begin(state: State, since: Instant) -> Self {
        Self { state, timer: Box::pin(sleep_until(since + GRACE)), make_room: None }
    }

    fn poll(
        &mut self,
        silence: &Silence,
        deadline: Instant,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if self.make_room.is_none() {
            ready!(self.timer.as_mut().poll(context));
            self.timer.as_mut().reset(deadline);
        }
        let make_room = self.make_room.get_or_insert_with(|| silence.next_in_queue());
        if self.timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        make_room.as_mut().poll(context)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.tcp).poll_read(context, buffer);
        if let arrived @ [_, ..] = &buffer.filled()[before..] {
            this.phase.arrived(arrived);
        }
        if read.is_ready() {
            return read;
        }
        this.poll_end(context).map(Ok)
    }
}

/// While the client does not take bytes, the connection may have to end.
impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.unless_it_ends(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(context, parts);
        self.unless_it_ends(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Whether a connection ends that has been silent since then, when another one needs room.
    async fn makes_room(since: Instant) -> bool {
        let silence = Silence { keep_alive: 2 * HOUR, make_room: Arc::default() };
        let deadline = since + silence.keep_alive;
        let mut wait = Wait::begin(State::Idle(since), since);
        let mut context = Context::from_waker(Waker::noop());
        assert!(wait.poll(&silence, deadline, &mut context).is_pending());
        silence.make_room.notify_one();
        wait.poll(&silence, deadline, &mut context).is_ready()
    }

    #[tokio::test]
    async fn a_connection_makes_room_for_another_only_when_it_has_been_silent_for_a_moment() {
        assert!(makes_room(Instant::now() - Duration::from_secs(60)).await);
        // It began later than now, so it is new for as long as this test may take.
        assert!(!makes_room(Instant::now() + HOUR).await);
    }
}

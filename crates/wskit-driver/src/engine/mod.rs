use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use wskit_proto::{
    Circumstances, CloseCode, CloseFrame, Delivery, Ending, Inbound, Message, Outcome, ReadBuf,
    SendError, Span, State, TimeoutKind,
};

use crate::error::ConnectionError;
use crate::link::Link;
use crate::observe::Telemetry;
use crate::shutdown::{Member, Shutdown, Told};
use crate::transport::Timer;
use wskit_proto::Event;

/// The one loop of a connection: take events, else read, else give buffers back, flush and wait.
///
/// Whole connections and readers after a split run the same code over different [`Link`]s.
pub(crate) struct Engine<C> {
    pub(crate) inbound: Inbound,
    pub(crate) timer: C,
    /// Came in while only sending was going on; handed out by the next receive.
    stash: Option<Box<Stash>>,
    /// Bytes that came with the handshake.
    leftover: Option<Box<Bytes>>,
    /// Bytes read since this task last waited.
    budget: u32,
    /// Bytes decompressed since this task last waited.
    inflated: u32,
    eof: bool,
    /// The end has been reached.
    reported: bool,
    /// What went wrong was told to a caller who was sending.
    told: bool,
    /// A shutdown has been requested, and waits for the end of a message in pieces.
    pub(crate) held_back: bool,
    /// Observers are not told now: the caller may hold a lock of its own.
    pub(crate) quiet: bool,
    /// The owner has received since it last sent, so sending need not look after the reading.
    receiving: bool,
    /// Messages are lent together with the outbox: the queue must have room for an answer first.
    /// Other receives go on however much is queued, because whoever queued it has waited for room;
    /// if they waited too, two full peers would each wait for the other to read.
    answering: bool,
    /// Bytes of the queue that were there before, and are no answers: they hold nothing back, because
    /// the peer may be waiting for us to read before it reads them.
    earlier: u32,
    /// How a message is taken that comes behind the back of an owner that sends.
    pub(crate) behind: Delivery,
    /// How the owner last received, if the next message may be handed out the same way without a
    /// look at anything else.
    short: Option<Way>,
    auto_pong: bool,
    failure: Option<Box<io::Error>>,
    pub(crate) telemetry: Telemetry<C>,
    /// Where it hears of the shutdown that its owner follows.
    pub(crate) member: Option<Box<Member>>,
}

/// The ways of receiving whole messages that know a short way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To keep.
    Own,
    /// Lent, together with the outbox.
    Lend,
}

/// What came behind the back of an owner that was sending.
#[derive(Default)]
struct Stash {
    /// The latest pong, which came before `first`: its owner may have asked for it.
    pong: Option<Event<Span, Span>>,
    /// Nothing is read past it.
    first: Option<Event<Span, Span>>,
}

/// After this many bytes in one go a connection lets other tasks run, however fast its peer is.
const BUDGET: u32 = 256 << 10;
/// As many bytes may be decompressed in one go: reading them off the wire says little about the work.
const INFLATED: u32 = 1 << 20;
/// So many bytes of a large message count as one: much data and little work. To leave off inside would
/// keep the buffers of many messages busy at once, and each would have left the caches by its next turn.
const LARGE: usize = 32;
/// A read of a large message counts for this much at least, however little it brings.
const READ: usize = 64;

type Next = Poll<Result<Option<Event<Span, Span>>, ConnectionError>>;

impl<C: Timer> Engine<C> {
    pub(crate) fn new(inbound: Inbound, timer: C, leftover: Bytes, auto_pong: bool) -> Self {
        let telemetry = Telemetry::new(&inbound);
        Self {
            inbound,
            timer,
            stash: None,
            leftover: (!leftover.is_empty()).then(|| Box::new(leftover)),
            budget: 0,
            inflated: 0,
            eof: false,
            reported: false,
            told: false,
            held_back: false,
            quiet: false,
            receiving: false,
            answering: false,
            earlier: 0,
            behind: Delivery::Whole,
            short: None,
            auto_pong,
            failure: None,
            telemetry,
            member: None,
        }
    }

    /// The next message if it lies here whole and nothing has to be looked after first: what a receive
    /// of the same way, just before, has seen to.
    #[inline(always)]
    pub(crate) fn next_plain<L: Link>(&mut self, way: Way, link: &L) -> Option<Span> {
        if self.short != Some(way) || (way == Way::Lend && link.is_over_high_water()) {
            return None;
        }
        self.receiving = true;
        self.inbound.next_fast()
    }

    /// The next whole message, not lent together with the outbox.
    #[inline]
    pub(crate) fn poll_kept<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        match self.next_plain(Way::Own, link) {
            Some(item) => Poll::Ready(Ok(Some(item))),
            None => self.poll_whole(Way::Own, cx, link),
        }
    }

    /// The next whole message, lent together with the outbox or not, after
    /// [`next_plain`](Engine::next_plain) had none.
    ///
    /// This is the short way of the loop in [`poll_slow`](Engine::poll_slow), for when there is nothing
    /// but to read, and then to write and to wait.
    #[inline]
    pub(crate) fn poll_whole<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        let nothing_else = self.short == Some(way)
            && self.budget < BUDGET
            && self.inbound.has_no_input()
            && !self.eof
            && link.state() == State::Open
            && !(way == Way::Lend && link.is_over_high_water());
        if nothing_else {
            match self.poll_fill(cx, link) {
                Poll::Ready(true) => {
                    if let Some(item) = self.inbound.next_fast() {
                        return Poll::Ready(Ok(Some(item)));
                    }
                }
                Poll::Pending => {
                    self.inbound.release();
                    if let Poll::Ready(Err(error)) = link.poll_write_out(cx) {
                        self.write_error(cx, error, link);
                    } else if !self.follow_shutdown(true, cx, link)
                        && !self.poll_timers(cx, link)?
                    {
                        self.budget = 0;
                        return Poll::Pending;
                    }
                }
                Poll::Ready(false) => {}
            }
        }
        self.poll_whole_slow(way, cx, link)
    }

    #[inline(never)]
    fn poll_whole_slow<L: Link>(
        &mut self,
        way: Way,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        match way {
            Way::Own => self.stop_answering(),
            Way::Lend => self.start_answering(link),
        }
        self.inbound.set_delivery(Delivery::Whole);
        self.receiving = true;
        loop {
            let ready = ready!(self.poll_slow(cx, link))?;
            if self.stash.is_none() && self.leftover.is_none() {
                self.short = Some(way);
            }
            match ready {
                Some(Event::Message(item)) => return Poll::Ready(Ok(Some(item))),
                // Control frames are answered; pieces are the rest of a message given up.
                Some(_) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// The next event. Queued bytes go out before this waits, and while answering also above the
    /// high-water mark before more is handed out. `None` at the end; an ending that is not clean is
    /// an error once before.
    #[inline]
    pub(crate) fn poll_ready<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Next {
        self.receiving = true;
        if self.stash.is_none() && !(self.answering && link.is_over_high_water()) {
            if let Some(ready) = self.inbound.next_fast_event() {
                return Poll::Ready(Ok(Some(ready)));
            }
        }
        self.poll_slow(cx, link)
    }

    /// The next piece of a message.
    pub(crate) fn poll_piece<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Span>, ConnectionError>> {
        self.inbound.set_delivery(Delivery::Pieces);
        loop {
            match ready!(self.poll_ready(cx, link))? {
                Some(Event::Piece(piece)) => return Poll::Ready(Ok(Some(piece))),
                // It was being put together before pieces were asked for.
                Some(Event::Message(item)) => return Poll::Ready(Ok(Some(item.into()))),
                Some(_) => {}
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// The next message, ping or pong, to keep.
    pub(crate) fn poll_event<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Option<Event<Message>>, ConnectionError>> {
        self.inbound.set_delivery(Delivery::Whole);
        loop {
            let event = match ready!(self.poll_ready(cx, link))? {
                Some(Event::Message(item)) => {
                    Event::Message(self.inbound.message(item).into_owned())
                }
                Some(Event::Ping(payload)) => Event::Ping(payload),
                Some(Event::Pong(payload)) => Event::Pong(payload),
                Some(_) => continue,
                None => return Poll::Ready(Ok(None)),
            };
            return Poll::Ready(Ok(Some(event)));
        }
    }

    fn poll_slow<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Next {
        if let Some(stash) = self.stash.as_mut() {
            let ready = stash.pong.take().or_else(|| stash.first.take());
            if stash.first.is_none() {
                self.stash = None;
            }
            return Poll::Ready(Ok(ready));
        }
        loop {
            if self.answering && link.is_over_high_water() {
                match link.poll_write_out(cx) {
                    Poll::Ready(Err(error)) => self.write_error(cx, error, link),
                    // The peer must take its answers before it gets more of them.
                    Poll::Pending if self.owes_answers(link) => {
                        if self.follow_shutdown(true, cx, link) || self.poll_timers(cx, link)? {
                            continue;
                        }
                        self.budget = 0;
                        return Poll::Pending;
                    }
                    _ => {}
                }
            }

            if self.inflated >= INFLATED {
                match self.end_turn(cx, link) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Poll::Pending,
                }
            }
            let timer = &self.timer;
            let next = self.inbound.next(link, || timer.now());
            let inflated = self.inbound.take_inflated();
            self.inflated = self.inflated.saturating_add(inflated as u32);
            match next {
                // Told by the outcome; the reply is queued. What is left is to end the transport.
                Ok(Some(Event::Close(_))) | Err(_) => continue,
                Ok(Some(ready)) => {
                    if matches!(ready, Event::Ping(_))
                        && link.with_outbound(|outbox| outbox.is_control_full())
                    {
                        // Try to get the pongs out before they have to be coalesced.
                        if let Poll::Ready(Err(error)) = link.poll_write_out(cx) {
                            self.write_error(cx, error, link);
                        }
                    }
                    return Poll::Ready(Ok(Some(ready)));
                }
                Ok(None) if self.quiet => {}
                Ok(None) => self.telemetry.look(),
            }

            // Read first: only then is it known that there is nothing to do but to wait.
            let mut shutting_down = false;
            match link.ending() {
                Ending::Done if self.quiet => return Poll::Pending,
                Ending::Done => return Poll::Ready(self.finish(link)),
                Ending::ShutDown => {
                    // An error here changes nothing: the transport is being ended.
                    if link.poll_shutdown(cx).is_ready() {
                        link.with_outbound(|outbound| outbound.transport_shut_down());
                        continue;
                    }
                    shutting_down = true;
                }
                Ending::NotYet | Ending::Drain if self.eof => {}
                // What has been read is handed out first, so that a large message is not kept waiting
                // beside those of all other connections.
                Ending::NotYet | Ending::Drain if self.budget >= BUDGET => {
                    match self.end_turn(cx, link) {
                        Poll::Ready(()) => continue,
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Ending::NotYet | Ending::Drain => match self.poll_fill(cx, link) {
                    Poll::Ready(_) => continue,
                    Poll::Pending => {}
                },
            }

            self.inbound.release();
            match link.poll_write_out(cx) {
                Poll::Ready(Ok(()))
                    if !shutting_down
                        && link.state() != State::Open
                        && link.ending() == Ending::ShutDown =>
                {
                    continue;
                }
                Poll::Ready(Err(error)) => {
                    self.write_error(cx, error, link);
                    continue;
                }
                _ => {}
            }
            if link.state() == State::Closing {
                shut_down_after_failure(cx, link);
            }
            if self.follow_shutdown(true, cx, link) || self.poll_timers(cx, link)? {
                continue;
            }
            self.budget = 0;
            self.inflated = 0;
            return Poll::Pending;
        }
    }

    /// Lets others run after much has been read, though there may be more. Deadlines are compared with
    /// the clock: a peer that never stops must not keep the connection from ending. Ready if one has
    /// passed and something was done about it.
    #[cold]
    fn end_turn<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Poll<()> {
        self.budget = 0;
        self.inflated = 0;
        self.follow_shutdown(true, cx, link);
        if let Poll::Ready(Err(error)) = link.poll_write_out(cx) {
            self.write_error(cx, error, link);
        }
        let timer = &self.timer;
        let deadline = self.inbound.next_timeout(link.state(), || timer.now());
        if deadline.is_some_and(|deadline| timer.now() >= deadline) {
            self.handle_timeout(link);
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready once the queue has room. Control frames are handled meanwhile.
    pub(crate) fn poll_room<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<(), ConnectionError>> {
        // What is queued by hand is no answer.
        self.stop_answering();
        while link.is_over_high_water() {
            match link.poll_write_out(cx) {
                Poll::Ready(Ok(())) => break,
                Poll::Ready(Err(error)) => {
                    if let Some(error) = self.sending_failed(cx, error, link) {
                        return Poll::Ready(Err(error));
                    }
                }
                Poll::Pending if !link.is_over_high_water() => break,
                Poll::Pending => {
                    self.poll_behind(cx, link);
                    let told = self.follow_shutdown(!self.receiving, cx, link);
                    if !told && !self.poll_timers(cx, link)? {
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready once everything queued is written. Control frames are handled meanwhile, and once more
    /// if the owner only ever sends: nobody else would answer the peer's pings.
    pub(crate) fn poll_flush<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<(), ConnectionError>> {
        loop {
            if link.state() == State::Closed {
                return Poll::Ready(self.closed_error(link).map_or(Ok(()), Err));
            }
            match link.poll_write_out(cx) {
                Poll::Ready(Ok(())) => {
                    if link.state() == State::Closing
                        && link.with_outbound(|outbox| outbox.has_write_failed())
                    {
                        return Poll::Ready(Err(SendError::Closed.into()));
                    }
                    if !self.receiving {
                        self.poll_behind(cx, link);
                        // A pong or the answer to a Close may have come of it.
                        if let Poll::Ready(Err(error)) = link.poll_write_out(cx) {
                            self.write_error(cx, error, link);
                            continue;
                        }
                        // Keepalive pings of an owner that only sends; it does not wait for them to be
                        // taken, but they are on their way when it goes: the round trip is counted.
                        let told = self.follow_shutdown(true, cx, link);
                        if self.poll_timers(cx, link)? || told {
                            let _ = link.poll_write_out(cx);
                        }
                    }
                    self.receiving = false;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => {
                    if let Some(error) = self.sending_failed(cx, error, link) {
                        return Poll::Ready(Err(error));
                    }
                }
                Poll::Pending => {
                    self.poll_behind(cx, link);
                    let told = self.follow_shutdown(!self.receiving, cx, link);
                    if !told && !self.poll_timers(cx, link)? {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Ready at the very end. Messages that still come are thrown away.
    pub(crate) fn poll_end<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<Outcome, ConnectionError>> {
        self.stop_answering();
        // What is thrown away is not put together first.
        self.inbound.set_delivery(Delivery::Pieces);
        loop {
            match self.poll_ready(cx, link) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Err(error @ ConnectionError::NoTimer(_))) => {
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(None) | Err(_)) => {
                    if let Some(outcome) = link.with_outbound(|outbox| outbox.outcome()) {
                        return Poll::Ready(Ok(outcome));
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Closes as a sink does: ready once everything is written and the connection is over, or a message
    /// has come that is to be received first. An ending that is not clean is an error.
    pub(crate) fn poll_close<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Poll<Result<(), ConnectionError>> {
        self.stop_answering();
        loop {
            if link.state() == State::Closed {
                // It is told here, each time.
                let told = self.finish(link).err();
                let outcome = link.with_outbound(|outbox| outbox.outcome());
                let error = told.or_else(|| outcome.as_ref().and_then(ConnectionError::of_outcome));
                return Poll::Ready(error.map_or(Ok(()), Err));
            }
            let (mut is_written, mut shutting_down) = (false, false);
            match link.poll_write_out(cx) {
                Poll::Ready(Err(error)) => {
                    if let Some(error) = self.sending_failed(cx, error, link) {
                        return Poll::Ready(Err(error));
                    }
                    continue;
                }
                Poll::Ready(Ok(())) => {
                    is_written = true;
                    if link.ending() == Ending::ShutDown {
                        if link.poll_shutdown(cx).is_ready() {
                            link.with_outbound(|outbound| outbound.transport_shut_down());
                            continue;
                        }
                        shutting_down = true;
                    }
                }
                Poll::Pending => {}
            }
            self.poll_behind(cx, link);
            if link.with_outbound(|outbox| outbox.has_write_failed()) {
                return Poll::Ready(Err(SendError::Closed.into()));
            }
            if is_written && self.has_message() {
                return Poll::Ready(Ok(()));
            }
            let goes_on = link.state() == State::Closed
                || (is_written && !shutting_down && link.ending() == Ending::ShutDown)
                || link.with_outbound(|outbox| is_written && !outbox.is_empty());
            if goes_on || self.poll_timers(cx, link)? {
                continue;
            }
            return Poll::Pending;
        }
    }

    /// Whether a message waits to be received, and nothing is read before.
    pub(crate) fn has_message(&self) -> bool {
        self.stash
            .as_ref()
            .is_some_and(|stash| stash.first.is_some())
    }

    /// Messages are lent with the outbox from now on: what is queued already is no answer to them.
    #[inline]
    pub(crate) fn start_answering<L: Link>(&mut self, link: &mut L) {
        if !self.answering {
            self.answering = true;
            self.earlier = link.with_outbound(|outbox| outbox.queued()) as u32;
        }
    }

    /// Messages are handed out without the outbox.
    #[inline]
    pub(crate) fn stop_answering(&mut self) {
        if self.answering {
            self.answering = false;
            self.short = None;
        }
    }

    /// Whether more answers wait than the mark allows.
    #[cold]
    fn owes_answers<L: Link>(&mut self, link: &mut L) -> bool {
        let earlier = self.earlier as usize;
        let (queued, over) = link.with_outbound(|outbox| {
            let queued = outbox.queued();
            (
                queued,
                outbox.is_over_high_water_beyond(earlier.min(queued)),
            )
        });
        // The oldest bytes leave first.
        self.earlier = earlier.min(queued) as u32;
        over
    }

    /// Follows a shutdown, unless this has ended.
    pub(crate) fn track<S>(&mut self, shutdown: &Shutdown<S>) {
        if !self.reported {
            self.member = Some(Box::new(shutdown.member()));
        }
    }

    /// The task that has polled this does so no more: it need not be woken.
    pub(crate) fn forget_task(&mut self) {
        self.timer = self.timer.clone();
        if let Some(member) = &self.member {
            member.forget();
        }
    }

    /// Whether the end has been told.
    pub(crate) fn is_over(&self) -> bool {
        self.reported
    }

    /// What to say to a caller who wants to send on a connection that has ended.
    pub(crate) fn closed_error<L: Link>(&mut self, link: &mut L) -> Option<ConnectionError> {
        if link.state() != State::Closed {
            return Some(SendError::Closed.into());
        }
        match self.finish(link) {
            Err(error) => Some(error),
            Ok(_) => {
                let clean = link
                    .with_outbound(|outbox| outbox.outcome())
                    .is_some_and(|outcome| outcome.is_clean());
                (!clean).then(|| SendError::Closed.into())
            }
        }
    }

    /// Reads behind the back of an owner that is sending: control frames are handled, the first
    /// message waits for the next receive, and nothing is read past it.
    fn poll_behind<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) {
        // Whole, whichever way the owner received last: a first piece would be lost to one who wants
        // whole messages next, while a whole message suits every way. (Who has said that he takes
        // pieces only is not made to hold a message.)
        self.inbound.set_delivery(self.behind);
        // What is set aside comes first: the short way, which does not look, is closed until then.
        self.short = None;
        while !self.has_message() && !self.eof {
            let timer = &self.timer;
            match self.inbound.next(link, || timer.now()) {
                Ok(Some(ready @ (Event::Message(_) | Event::Piece(_)))) => {
                    self.stash.get_or_insert_default().first = Some(ready);
                }
                Ok(Some(ready @ Event::Ping(_))) if !self.auto_pong => {
                    self.stash.get_or_insert_default().first = Some(ready);
                }
                Ok(Some(ready @ Event::Pong(_))) => {
                    self.stash.get_or_insert_default().pong = Some(ready);
                }
                // The queue has the reply, and the state the rest.
                Ok(Some(_)) | Err(_) => {}
                Ok(None) if link.state() == State::Closed => return,
                Ok(None) => {
                    self.telemetry.look();
                    if self.poll_fill(cx, link).is_pending() {
                        self.inbound.release();
                        return;
                    }
                    if self.budget >= BUDGET {
                        self.budget = 0;
                        cx.waker().wake_by_ref();
                        return;
                    }
                }
            }
        }
    }

    /// One read: true if bytes came, false if the stream has ended or failed.
    #[inline(always)]
    fn poll_fill<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) -> Poll<bool> {
        if self.leftover.is_some() {
            return Poll::Ready(self.fill_leftover());
        }
        loop {
            let polled = match self.inbound.read_buf() {
                ReadBuf::Slab(slab) => link.poll_read(cx, slab).map_ok(|n| (n, false)),
                ReadBuf::Large(mut spare) => {
                    link.poll_read_large(cx, &mut spare).map_ok(|n| (n, true))
                }
            };
            match polled {
                Poll::Ready(Ok((0, _))) => {
                    self.end_of_stream(cx, link);
                    return Poll::Ready(false);
                }
                Poll::Ready(Ok((n, large))) => {
                    if large {
                        self.inbound.filled_large(n);
                        self.budget = self.budget.saturating_add((n / LARGE).max(READ) as u32);
                    } else {
                        self.inbound.filled(n);
                        self.budget += n as u32;
                    }
                    return Poll::Ready(true);
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // TLS libraries tell an end without a `close_notify` as an error.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.end_of_stream(cx, link);
                    return Poll::Ready(false);
                }
                Poll::Ready(Err(error)) => {
                    self.eof = true;
                    self.inbound.transport_failed(link, error.kind());
                    self.failure.get_or_insert_with(|| Box::new(error));
                    return Poll::Ready(false);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    #[cold]
    fn fill_leftover(&mut self) -> bool {
        let Some(leftover) = self.leftover.as_mut() else {
            return false;
        };
        let taken = self.inbound.receive(leftover);
        leftover.advance(taken);
        if leftover.is_empty() {
            self.leftover = None;
        }
        true
    }

    /// Arms the timer for the next deadline; true if one had passed and something was done about it.
    #[inline]
    fn poll_timers<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> Result<bool, ConnectionError> {
        let timer = &self.timer;
        let Some(deadline) = self.inbound.next_timeout(link.state(), || timer.now()) else {
            return Ok(false);
        };
        match self.timer.poll_until(cx, deadline) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(ConnectionError::NoTimer(error)),
            Poll::Ready(Ok(())) => {
                self.handle_timeout(link);
                Ok(true)
            }
        }
    }

    /// Does something about a deadline that has passed.
    #[cold]
    fn handle_timeout<L: Link>(&mut self, link: &mut L) {
        let circumstances = Circumstances {
            reading_suspended: self.has_message(),
            unacknowledged: link.unacknowledged(),
        };
        let now = self.timer.now();
        // That time is up is in the outcome, and the loop comes by there.
        let _ = self.inbound.handle_timeout_in(link, now, circumstances);
    }

    /// A peer that has half-closed the stream without a Close may still read: what was answered by then
    /// is written, once.
    #[cold]
    fn end_of_stream<L: Link>(&mut self, cx: &mut Context<'_>, link: &mut L) {
        self.eof = true;
        let _ = link.poll_write_out(cx);
        self.inbound.receive_eof(link);
    }

    /// Does what a shutdown asks for; true if it has asked. `may_close` is whether a Close suits the
    /// owner now: one that answers what it receives is let finish its answer.
    #[inline]
    fn follow_shutdown<L: Link>(
        &mut self,
        may_close: bool,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> bool {
        self.member.is_some() && self.do_follow_shutdown(may_close, cx, link)
    }

    #[cold]
    fn do_follow_shutdown<L: Link>(
        &mut self,
        may_close: bool,
        cx: &mut Context<'_>,
        link: &mut L,
    ) -> bool {
        // A message that is being sent in pieces is finished first.
        let mut held_back = false;
        let told = self.member.as_mut().and_then(|member| {
            let may_close = || {
                held_back = may_close && link.is_message_open();
                may_close && !held_back
            };
            member.poll_told(may_close, cx)
        });
        self.held_back = held_back;
        match told {
            None => return false,
            Some(Told::Close) => {
                // Neither the code nor the reason can be refused.
                let _ = link.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
            }
            Some(Told::GiveUp) => {
                link.with_outbound(|outbox| outbox.time_out(TimeoutKind::Close));
            }
        }
        true
    }

    /// A write failed for a caller who sends; gives the error to tell, if anything is lost. A peer that
    /// has gone may have said why before: what lies there is read first.
    #[cold]
    fn sending_failed<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        error: io::Error,
        link: &mut L,
    ) -> Option<ConnectionError> {
        self.poll_behind(cx, link);
        if !link.with_outbound(|outbox| outbox.write_failed(error.kind())) {
            return None;
        }
        if link.state() == State::Closed {
            self.failure.get_or_insert_with(|| Box::new(error));
            return Some(
                self.closed_error(link)
                    .unwrap_or_else(|| SendError::Closed.into()),
            );
        }
        shut_down_after_failure(cx, link);
        // What the peer had sent is still received; this is not told again at the end of it.
        self.told = true;
        Some(error.into())
    }

    /// A write failed. That ends the sending only: what the peer had sent before is still to be read.
    #[cold]
    pub(crate) fn write_error<L: Link>(
        &mut self,
        cx: &mut Context<'_>,
        error: io::Error,
        link: &mut L,
    ) {
        if link.with_outbound(|outbox| outbox.write_failed(error.kind())) {
            self.failure.get_or_insert_with(|| Box::new(error));
            shut_down_after_failure(cx, link);
        }
    }

    #[cold]
    fn finish<L: Link>(
        &mut self,
        link: &mut L,
    ) -> Result<Option<Event<Span, Span>>, ConnectionError> {
        self.inbound.stop();
        if core::mem::replace(&mut self.reported, true) {
            return Ok(None);
        }
        let Some(outcome) = link.with_outbound(|outbox| outbox.outcome()) else {
            return Ok(None);
        };
        if let Some(member) = &mut self.member {
            member.ended(Some(&outcome));
        }
        self.telemetry.ended(Some(&outcome), &self.timer);
        if self.told {
            return Ok(None);
        }
        match (ConnectionError::of_outcome(&outcome), self.failure.take()) {
            (None, _) => Ok(None),
            (Some(ConnectionError::Io(_)), Some(failure)) => Err(ConnectionError::Io(*failure)),
            (Some(error), _) => Err(error),
        }
    }
}

/// After a failed write: shuts the transport's write side down, beside a reading that goes on. The peer
/// is told by it that nothing more comes, if the transport still can.
fn shut_down_after_failure<L: Link>(cx: &mut Context<'_>, link: &mut L) {
    if link.with_outbound(|outbox| outbox.owes_shutdown()) && link.poll_shutdown(cx).is_ready() {
        link.with_outbound(|outbound| outbound.transport_shut_down());
    }
}

/// Observers learn of a connection that is dropped, too.
#[cfg(any(feature = "metrics", feature = "tracing"))]
impl<C> Drop for Engine<C> {
    fn drop(&mut self) {
        self.telemetry.ended(None, &self.timer);
    }
}

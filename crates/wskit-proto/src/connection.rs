#![allow(
    clippy::arithmetic_side_effects,
    reason = "sizes of memory that is held, all of it at one time"
)]

use core::time::Duration;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use crate::closing::{Ending, State};
#[cfg(feature = "deflate")]
use crate::compression::{Decoder, Encoder};
use crate::config::{Config, Limits};
use crate::error::{ProtocolError, SendError};
use crate::event::{CloseFrame, Event, Piece};
use crate::inbound::Inbound;
use crate::keys::MaskKeys;
use crate::message::MessageRef;
use crate::outbox::{Outbound, Outbox};
use crate::outcome::{Outcome, TimeoutKind};
use crate::outgoing::Outgoing;
use crate::receiver::{Delivery, ReadBuf};
use crate::role::Role;
use crate::tally::Tally;

/// One WebSocket connection after its handshake, as a state machine (RFC 6455 §5 to §7).
///
/// It reads and writes nothing itself. Whoever owns the transport
/// - gives it what comes: [`receive`](Connection::receive), or without a copy
///   [`read_buf`](Connection::read_buf) and [`filled`](Connection::filled), and at the end
///   [`receive_eof`](Connection::receive_eof);
/// - asks for events until there is none: [`poll_event`](Connection::poll_event);
/// - writes what waits: [`chunks`](Connection::chunks), then [`advance`](Connection::advance), at the
///   latest when it would otherwise wait for more to read (pongs and the closing handshake need it);
/// - calls [`handle_timeout`](Connection::handle_timeout) at [`next_timeout`](Connection::next_timeout);
/// - does to the transport what [`ending`](Connection::ending) says.
///
/// The one obligation: write what is queued before waiting.
#[derive(Debug)]
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
}

impl Connection {
    /// A server's end. `now` starts the keepalive.
    pub fn server(config: impl Into<Arc<Config>>, now: Instant) -> Self {
        Self::new(Role::Server, None, config.into(), now)
    }

    /// A client's end. `keys` must be cryptographically strong (see [`MaskKeys`]).
    pub fn client(config: impl Into<Arc<Config>>, keys: MaskKeys, now: Instant) -> Self {
        Self::new(Role::Client, Some(keys), config.into(), now)
    }

    fn new(role: Role, keys: Option<MaskKeys>, config: Arc<Config>, now: Instant) -> Self {
        let tally = Tally::default();
        Self {
            inbound: Inbound::new(role, config.clone(), tally.clone(), now),
            outbound: Outbound::new(keys, config, tally),
        }
    }

    /// Compresses and decompresses messages from now on, as was agreed in the opening handshake
    /// (RFC 7692): call it before the first byte. Nothing is allocated before the first compressed
    /// message.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(
        mut self,
        agreed: wskit_deflate::Params,
        config: &wskit_deflate::Config,
    ) -> Self {
        let (compressor, decompressor) = agreed.codec(config);
        self.inbound
            .receiver()
            .set_decoder(Decoder::Deflate(decompressor));
        self.outbound.set_encoder(Encoder::Deflate(compressor));
        self
    }

    /// Takes received bytes by copying; says how many were taken. Fewer than given means: take the
    /// events first, then give the rest.
    #[must_use]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.inbound.receive(bytes)
    }

    /// Where to read to without a copy; never empty. Call it after
    /// [`poll_event`](Connection::poll_event) has answered `None`.
    pub fn read_buf(&mut self) -> ReadBuf<'_> {
        self.inbound.read_buf()
    }

    /// Says that `n` bytes were read into [`ReadBuf::Slab`].
    pub fn filled(&mut self, n: usize) {
        self.inbound.filled(n);
    }

    /// Says that `n` bytes were read into [`ReadBuf::Large`].
    pub fn filled_large(&mut self, n: usize) {
        self.inbound.filled_large(n);
    }

    /// Gives the read buffer back to the pool until more bytes come: an idle connection holds none.
    pub fn release(&mut self) {
        self.inbound.release();
    }

    /// Says that the peer's stream has ended.
    pub fn receive_eof(&mut self) {
        self.inbound.receive_eof(&mut self.outbound);
    }

    /// Says that the transport failed.
    pub fn transport_failed(&mut self, kind: io::ErrorKind) {
        self.inbound.transport_failed(&mut self.outbound, kind);
    }

    /// The next event that the bytes given so far hold, lent until the next call; `None` when more
    /// are needed or the connection reads no more.
    ///
    /// `now` is only looked at when a pong has come.
    ///
    /// # Errors
    /// The peer broke a rule: told once. The Close that says so is queued.
    pub fn poll_event(
        &mut self,
        now: Instant,
    ) -> Result<Option<Event<MessageRef<'_>, Piece<'_>>>, ProtocolError> {
        Ok(self.poll_event_and_outbox(now)?.map(|(event, _)| event))
    }

    /// As [`poll_event`](Connection::poll_event), with the sending half beside the event, so that a
    /// lent message can be answered without copying it first.
    ///
    /// # Errors
    /// As [`poll_event`](Connection::poll_event).
    pub fn poll_event_and_outbox(
        &mut self,
        now: Instant,
    ) -> Result<Option<(Event<MessageRef<'_>, Piece<'_>>, &mut Outbox)>, ProtocolError> {
        let Some(ready) = self.inbound.next(&mut self.outbound, || now)? else {
            return Ok(None);
        };
        let event = match ready {
            Event::Message(item) => Event::Message(self.inbound.message(item)),
            Event::Piece(piece) => Event::Piece(self.inbound.piece(piece)),
            Event::Ping(payload) => Event::Ping(payload),
            Event::Pong(payload) => Event::Pong(payload),
            Event::Close(close) => Event::Close(close),
        };
        Ok(Some((event, self.outbound.outbox())))
    }

    /// The next whole message if one lies ready in the read buffer, with the sending half beside it.
    /// The short way of [`poll_event_and_outbox`](Connection::poll_event_and_outbox): `None` says
    /// nothing about other events, nor about messages that are to be handed out in pieces.
    #[inline]
    pub fn poll_message(&mut self) -> Option<(MessageRef<'_>, &mut Outbox)> {
        if self.inbound.delivery() == Delivery::Pieces {
            return None;
        }
        let item = self.inbound.next_plain()?;
        Some((self.inbound.plain(item), &mut self.outbound))
    }

    /// How messages that begin from now on are handed out.
    pub fn set_delivery(&mut self, delivery: Delivery) {
        self.inbound.set_delivery(delivery);
    }

    /// Changes the limits; see [`Inbound::set_limits`].
    pub fn set_limits(&mut self, limits: Limits) {
        self.inbound.set_limits(limits);
    }

    /// Queues a message; see [`Outbox::feed`].
    ///
    /// # Errors
    /// As [`Outbox::feed`].
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.outbound.feed(message)
    }

    /// Starts the closing handshake; see [`Outbox::close`].
    ///
    /// # Errors
    /// As [`Outbox::close`].
    pub fn close(&mut self, close: Option<CloseFrame>) -> Result<(), SendError> {
        self.outbound.close(close)
    }

    /// The bytes to write next; see [`Outbox::chunks`].
    pub fn chunks<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        self.outbound.chunks(out)
    }

    /// Says that `n` of those bytes have been written.
    pub fn advance(&mut self, n: usize) {
        self.outbound.advance(n);
    }

    /// Takes all queued bytes as one buffer: for tests and for transports without vectored writes.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = Vec::with_capacity(self.outbound.queued());
        loop {
            let chunk = self.outbound.chunk();
            if chunk.is_empty() {
                return output;
            }
            output.extend_from_slice(chunk);
            let n = chunk.len();
            self.outbound.advance(n);
        }
    }

    /// When [`handle_timeout`](Connection::handle_timeout) is due, if ever.
    pub fn next_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.inbound.next_timeout(self.outbound.state(), || now)
    }

    /// Does what is due by `now`; see [`Inbound::handle_timeout`].
    ///
    /// # Errors
    /// The peer ran out of time; the connection is over.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), TimeoutKind> {
        self.inbound.handle_timeout(&mut self.outbound, now)
    }

    /// Open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.outbound.state()
    }

    /// What is left to do to the transport.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.outbound.ending()
    }

    /// Says that the write side of the transport has been shut down.
    pub fn transport_shut_down(&mut self) {
        self.outbound.transport_shut_down();
    }

    /// How the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outbound.outcome()
    }

    /// The sending half.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbound
    }

    /// The latest round trip of a keepalive ping.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.inbound.round_trip()
    }

    /// Bytes of heap held now, borrowed buffers included: 0 for an idle connection.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.inbound.buffer_bytes() + self.outbound.buffer_bytes()
    }

    /// The two halves, for a driver that uses them from two tasks.
    #[must_use]
    pub fn split(self) -> (Inbound, Outbound) {
        (self.inbound, self.outbound)
    }
}

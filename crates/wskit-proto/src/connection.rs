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
use crate::counter_handle::CounterHandle;
use crate::error::{ProtocolError, SendError};
use crate::event::{CloseFrame, Event, EventRef};
use crate::inbound::{Delivery, Inbound, ReadBuf};
use crate::keys::MaskKeys;
use crate::outbound::{Outbound, Outbox};
use crate::outcome::{Outcome, TimeoutKind};
use crate::outgoing::Outgoing;
use crate::role::Role;

/// One WebSocket connection after its handshake, as a state machine (RFC 6455 §5 to §7).
///
/// It does no I/O and knows no clock. There are five kinds of methods:
///
/// 1. **Network to connection**: [`receive`](Connection::receive), or without a copy
///    [`read_buf`](Connection::read_buf), [`filled`](Connection::filled) and
///    [`filled_large`](Connection::filled_large); [`receive_eof`](Connection::receive_eof),
///    [`transport_failed`](Connection::transport_failed) and
///    [`transport_shut_down`](Connection::transport_shut_down).
/// 2. **Connection to application**: [`poll_event`](Connection::poll_event), and
///    [`poll_event_and_outbox`](Connection::poll_event_and_outbox) to answer a lent message.
/// 3. **Application to connection**: [`feed`](Connection::feed), [`close`](Connection::close), and the
///    methods of [`outbox`](Connection::outbox); [`set_delivery`](Connection::set_delivery) and
///    [`set_limits`](Connection::set_limits).
/// 4. **Connection to network**: [`chunks`](Connection::chunks) and [`advance`](Connection::advance);
///    [`ending`](Connection::ending) says when to shut the transport down.
/// 5. **Time**: [`next_timeout`](Connection::next_timeout) and
///    [`handle_timeout`](Connection::handle_timeout).
///
/// The others are getters. Call them in this order, again and again: take events until there are none;
/// write what is queued; do what [`ending`](Connection::ending) asks for; read, and wait no longer than
/// until [`next_timeout`](Connection::next_timeout). The one obligation is to write what is queued
/// before waiting: pongs and the closing handshake need it.
#[derive(Debug)]
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
}

impl Connection {
    /// Creates a server's end. `now` starts the keepalive.
    pub fn server(config: impl Into<Arc<Config>>, now: Instant) -> Self {
        Self::new(Role::Server, None, config.into(), now)
    }

    /// Creates a client's end. `keys` must be cryptographically strong (see [`MaskKeys`]).
    pub fn client(config: impl Into<Arc<Config>>, keys: MaskKeys, now: Instant) -> Self {
        Self::new(Role::Client, Some(keys), config.into(), now)
    }

    fn new(role: Role, keys: Option<MaskKeys>, config: Arc<Config>, now: Instant) -> Self {
        let counters = CounterHandle::default();
        Self {
            inbound: Inbound::new(role, config.clone(), counters.clone(), now),
            outbound: Outbound::new(keys, config, counters),
        }
    }

    /// Compresses and decompresses messages from now on, as was agreed in the opening handshake
    /// (RFC 7692). Call it before the first byte. Nothing is allocated before the first compressed
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
            .set_decoder(Decoder::Deflate(Box::new(decompressor)));
        self.outbound
            .set_encoder(Encoder::Deflate(Box::new(compressor)));
        self
    }

    /// Takes received bytes by copying and returns how many were taken. If that is fewer than given,
    /// take the events first, then give the rest.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.inbound.receive(bytes)
    }

    /// Returns where to read to without a copy; never empty. Call it after
    /// [`poll_event`](Connection::poll_event) has returned `None`.
    pub fn read_buf(&mut self) -> ReadBuf<'_> {
        self.inbound.read_buf()
    }

    /// Reports that `n` bytes were read into [`ReadBuf::Slab`].
    pub fn filled(&mut self, n: usize) {
        self.inbound.filled(n);
    }

    /// Reports that `n` bytes were read into [`ReadBuf::Large`]. Returns how many of them belong to a large
    /// message: see [`Inbound::filled_large`].
    pub fn filled_large(&mut self, n: usize) -> usize {
        self.inbound.filled_large(n)
    }

    /// Gives the read buffer back to the pool until more bytes come: an idle connection holds none.
    pub fn release(&mut self) {
        self.inbound.release();
    }

    /// Reports that the peer's stream has ended.
    pub fn receive_eof(&mut self) {
        self.inbound.receive_eof(&mut self.outbound);
    }

    /// Reports that the transport failed.
    pub fn transport_failed(&mut self, kind: io::ErrorKind) {
        self.inbound.transport_failed(&mut self.outbound, kind);
    }

    /// Reports that the write side of the transport has been shut down.
    pub fn transport_shut_down(&mut self) {
        self.outbound.transport_shut_down();
    }

    /// Returns the next event in the bytes given so far, lent until the next call; `None` when more
    /// are needed, or when the connection reads no more. `now` matters only when a pong has come.
    ///
    /// # Errors
    /// The peer broke a rule. The error is returned once, and a Close that says so is queued.
    #[inline]
    pub fn poll_event(&mut self, now: Instant) -> Result<Option<EventRef<'_>>, ProtocolError> {
        Ok(self.poll_event_and_outbox(now)?.map(|(event, _)| event))
    }

    /// Returns the next event like [`poll_event`](Connection::poll_event), and the [`Outbox`] beside
    /// it, so that a lent message can be answered without copying it first.
    ///
    /// # Errors
    /// Those of [`poll_event`](Connection::poll_event).
    pub fn poll_event_and_outbox(
        &mut self,
        now: Instant,
    ) -> Result<Option<(EventRef<'_>, &mut Outbox)>, ProtocolError> {
        let Some(event) = self.inbound.next(&mut self.outbound, || now)? else {
            return Ok(None);
        };
        let event = match event {
            Event::Message(span) => Event::Message(self.inbound.message(span)),
            Event::Piece(span) => Event::Piece(self.inbound.piece(span)),
            Event::Ping(payload) => Event::Ping(payload),
            Event::Pong(payload) => Event::Pong(payload),
            Event::Close(close) => Event::Close(close),
        };
        Ok(Some((event, self.outbound.outbox())))
    }

    /// Sets how messages that begin from now on are handed out.
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
    /// Those of [`Outbox::feed`].
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.outbound.feed(message)
    }

    /// Starts the closing handshake; see [`Outbox::close`].
    ///
    /// # Errors
    /// Those of [`Outbox::close`].
    pub fn close(&mut self, close: Option<CloseFrame>) -> Result<(), SendError> {
        self.outbound.close(close)
    }

    /// Returns the part of the sending half that a program uses.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbound
    }

    /// Returns the sending half as a driver uses it.
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// Fills `out` with the bytes to write next; see [`Outbound::chunks`].
    pub fn chunks<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        self.outbound.chunks(out)
    }

    /// Reports that `n` of those bytes have been written.
    pub fn advance(&mut self, n: usize) {
        self.outbound.advance(n);
    }

    /// Takes all queued bytes as one buffer, for tests and for transports without vectored writes.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.outbound.take_output()
    }

    /// Returns what is left to do to the transport.
    pub fn ending(&self) -> Ending {
        self.outbound.ending()
    }

    /// Returns when [`handle_timeout`](Connection::handle_timeout) is due, if ever.
    pub fn next_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.inbound.next_timeout(self.outbound.state(), || now)
    }

    /// Does what is due by `now`; see [`Inbound::handle_timeout`].
    ///
    /// # Errors
    /// The peer ran out of time, and the connection is over.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), TimeoutKind> {
        self.inbound.handle_timeout(&mut self.outbound, now)
    }

    /// Returns whether the connection is open, closing or closed.
    pub fn state(&self) -> State {
        self.outbound.state()
    }

    /// Returns how the connection ended; `None` until it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outbound.outcome()
    }

    /// Returns the latest round trip of a keepalive ping.
    pub fn round_trip(&self) -> Option<Duration> {
        self.inbound.round_trip()
    }

    /// Returns how many bytes of heap are held now, borrowed buffers included: 0 for an idle
    /// connection.
    pub fn buffer_bytes(&self) -> usize {
        self.inbound.buffer_bytes() + self.outbound.buffer_bytes()
    }

    /// Splits the connection into its two halves, for a driver that uses them from two tasks.
    #[must_use]
    pub fn split(self) -> (Inbound, Outbound) {
        (self.inbound, self.outbound)
    }
}

use std::task::{Context, Poll};

use wskit_proto::{Delivery, State};

use super::sender::Sender;
use super::shared::{ReadSide, Shared};
use crate::engine::Engine;
use crate::sync::lock;
use crate::transport::Transport;

/// The reading half of a connection whose reader was dropped.
pub(crate) struct Parked<T: Transport> {
    pub(crate) engine: Engine<T::Timer>,
    /// Until the connection is over.
    pub(crate) read: Option<T::Read>,
}

/// Who has the reading half.
pub(crate) enum ReaderSlot<T: Transport> {
    /// The reader, or there is none any more.
    Empty,
    /// It is free: those who write read in the reader's place.
    Parked(Box<Parked<T>>),
    /// One of those who write, at the moment. `again` if another has wanted it since.
    InUse { again: bool },
}

impl<T: Transport> Shared<T> {
    /// Leaves the reading half to those who write.
    pub(crate) fn park(&self, parked: Parked<T>) {
        *lock(&self.slot) = ReaderSlot::Parked(Box::new(parked));
        self.with_sender(Sender::park);
        if self.state() == State::Closed {
            // Nothing is left but to tell of the end and to drop the transport.
            self.drive_parked();
        }
        // The last writer may have gone since.
        if !self.has_owner() {
            self.clear_slot();
        }
    }

    /// Drops the reading half, unless it is in use. Of a connection that is over observers are told.
    pub(crate) fn clear_slot(&self) {
        if self.state() == State::Closed {
            self.drive_parked();
        }
        let slot = core::mem::replace(&mut *lock(&self.slot), ReaderSlot::Empty);
        drop(slot);
    }

    /// With the reader gone, control frames are still answered and messages thrown away, by those who
    /// call; one who waits is woken when more comes. The reading half is taken out for it: observers
    /// are told, and the transport is polled, without a lock.
    pub(crate) fn drive_parked(&self) {
        self.drive_parked_as(false);
    }

    /// As [`drive_parked`](Shared::drive_parked), without telling observers anything: the next call that
    /// is awaited does.
    pub(crate) fn drive_parked_quietly(&self) {
        self.drive_parked_as(true);
    }

    fn drive_parked_as(&self, quiet: bool) {
        if !self.is_parked() {
            return;
        }
        let Some(mut parked) = self.take_parked() else {
            return;
        };
        loop {
            let Parked { engine, read } = &mut *parked;
            engine.quiet = quiet;
            // What is thrown away is not put together first.
            engine.inbound.set_delivery(Delivery::Pieces);
            let mut link = ReadSide {
                read: read.as_mut(),
                shared: self,
            };
            let mut cx = Context::from_waker(self.socket_waker());
            while let Poll::Ready(Ok(Some(_))) = engine.poll_ready(&mut cx, &mut link) {}
            self.set_round_trip(engine.inbound.round_trip());
            if self.state() == State::Closed {
                *read = None;
            }
            let mut slot = lock(&self.slot);
            if engine.is_over() {
                *slot = ReaderSlot::Empty;
                drop(slot);
                self.with_sender(|sender| sender.parked = false);
                return;
            }
            match *slot {
                ReaderSlot::InUse { again: true } => *slot = ReaderSlot::InUse { again: false },
                ReaderSlot::InUse { again: false } => {
                    *slot = ReaderSlot::Parked(parked);
                    return;
                }
                // The connection was left while it was driven.
                ReaderSlot::Empty | ReaderSlot::Parked(_) => {
                    drop(slot);
                    return;
                }
            }
        }
    }

    fn take_parked(&self) -> Option<Box<Parked<T>>> {
        let mut slot = lock(&self.slot);
        match core::mem::replace(&mut *slot, ReaderSlot::InUse { again: false }) {
            ReaderSlot::Parked(parked) => Some(parked),
            ReaderSlot::InUse { .. } => {
                *slot = ReaderSlot::InUse { again: true };
                None
            }
            ReaderSlot::Empty => {
                *slot = ReaderSlot::Empty;
                None
            }
        }
    }
}

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
pub(crate) enum Seat<T: Transport> {
    /// The reader, or there is none any more.
    Taken,
    /// It is free: those who write read in the reader's place.
    Free(Box<Parked<T>>),
    /// One of those who write, at the moment. `again` if another has wanted it since.
    Driven { again: bool },
}

impl<T: Transport> Shared<T> {
    /// Leaves the reading half to those who write.
    pub(crate) fn park(&self, parked: Parked<T>) {
        *lock(&self.seat) = Seat::Free(Box::new(parked));
        self.with_sender(Sender::park);
        if self.state() == State::Closed {
            // Nothing is left but to tell of the end and to drop the transport.
            self.drive_parked();
        }
        // The last writer may have gone since.
        if !self.is_owned() {
            self.leave_seat();
        }
    }

    /// Drops the reading half, unless it is in use. Of a connection that is over observers are told.
    pub(crate) fn leave_seat(&self) {
        if self.state() == State::Closed {
            self.drive_parked();
        }
        let seat = core::mem::replace(&mut *lock(&self.seat), Seat::Taken);
        drop(seat);
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
        let Some(mut parked) = self.take_seat() else {
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
            let mut seat = lock(&self.seat);
            if engine.is_over() {
                *seat = Seat::Taken;
                drop(seat);
                self.with_sender(|sender| sender.parked = false);
                return;
            }
            match *seat {
                Seat::Driven { again: true } => *seat = Seat::Driven { again: false },
                Seat::Driven { again: false } => {
                    *seat = Seat::Free(parked);
                    return;
                }
                // The connection was left while it was driven.
                Seat::Taken | Seat::Free(_) => {
                    drop(seat);
                    return;
                }
            }
        }
    }

    fn take_seat(&self) -> Option<Box<Parked<T>>> {
        let mut seat = lock(&self.seat);
        match core::mem::replace(&mut *seat, Seat::Driven { again: false }) {
            Seat::Free(parked) => Some(parked),
            Seat::Driven { .. } => {
                *seat = Seat::Driven { again: true };
                None
            }
            Seat::Taken => {
                *seat = Seat::Taken;
                None
            }
        }
    }
}

use crate::engine::Engine;
use crate::sync::{Mutex, lock};
use crate::transport::Transport;

/// The reading half of a connection whose reader was dropped.
pub(crate) struct Parked<T: Transport> {
    pub(crate) engine: Engine<T::Timer>,
    /// `None` once the connection is over.
    pub(crate) read: Option<T::Read>,
}

/// The place where a dropped reader leaves its half.
pub(super) struct ReaderSlot<T: Transport>(Mutex<Slot<T>>);

enum Slot<T: Transport> {
    /// The reader has its half, or the half was dropped.
    Empty,
    Parked(Box<Parked<T>>),
    /// A task reads at the moment. `again` if another has asked for it since.
    InUse {
        again: bool,
    },
}

impl<T: Transport> ReaderSlot<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Slot::Empty))
    }

    pub(super) fn park(&self, parked: Parked<T>) {
        *lock(&self.0) = Slot::Parked(Box::new(parked));
    }

    /// Drops the reading half. A task that has it in use drops it afterwards.
    pub(super) fn clear(&self) {
        let slot = core::mem::replace(&mut *lock(&self.0), Slot::Empty);
        drop(slot);
    }

    /// Takes the reading half to read. `None` if there is none, or if another task has it: that one
    /// will read again.
    pub(super) fn take(&self) -> Option<Box<Parked<T>>> {
        let mut slot = lock(&self.0);
        match core::mem::replace(&mut *slot, Slot::InUse { again: false }) {
            Slot::Parked(parked) => Some(parked),
            Slot::InUse { .. } => {
                *slot = Slot::InUse { again: true };
                None
            }
            Slot::Empty => {
                *slot = Slot::Empty;
                None
            }
        }
    }

    /// Puts the reading half back. Returns it if another task has asked for it meanwhile, which is to be
    /// read for now.
    pub(super) fn put_back(&self, parked: Box<Parked<T>>) -> Option<Box<Parked<T>>> {
        let mut slot = lock(&self.0);
        match *slot {
            Slot::InUse { again: true } => {
                *slot = Slot::InUse { again: false };
                Some(parked)
            }
            Slot::InUse { again: false } => {
                *slot = Slot::Parked(parked);
                None
            }
            Slot::Empty | Slot::Parked(_) => {
                // The slot was cleared meanwhile. The half is dropped without the lock.
                drop(slot);
                drop(parked);
                None
            }
        }
    }
}

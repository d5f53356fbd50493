//! Buffers that connections borrow while bytes move, and give back when they idle.
//!
//! One pool per thread and size, so taking and giving cost no lock. A buffer is `Send`: it may be
//! given back to another thread's pool. Buffers stay initialised for good, so none is zeroed twice.

use std::cell::{Cell, RefCell};
use std::thread::LocalKey;

/// The size of a read buffer, which must stay in the cache. 16 KiB was slower and 64 KiB no faster when
/// measured.
pub(crate) const READ_SLAB: usize = 32 << 10;
/// Room for headers. Messages are often a power of two in size: a buffer of such a size would hold one
/// less of them, and most of another.
const HEADERS: usize = 1 << 10;
/// The size of the read buffer of a connection that receives more at once than the usual one holds.
pub(crate) const LARGE_SLAB: usize = (64 << 10) + HEADERS;
/// The size of a write buffer: room for a burst of replies to one read buffer.
pub(crate) const WRITE_SLAB: usize = (64 << 10) + HEADERS;
/// How many buffers a thread keeps besides the front one.
const KEPT: usize = 15;
/// How many of the larger read buffers a thread keeps besides the front one.
const KEPT_LARGE: usize = 7;
/// The largest capacity of a large message's buffer that is kept for the next one.
pub(crate) const LARGE_MAX: usize = (1 << 20) + (64 << 10);
/// How many buffers of large messages a thread keeps, and how many bytes in all of them: one is read
/// into while others wait to be written.
const KEPT_MESSAGES: usize = 8;
const KEPT_BYTES: usize = 2 * LARGE_MAX;

/// A buffer, or the empty box when none is held. An empty box owns no memory.
pub(crate) type Slab = Box<[u8]>;

struct Pool {
    size: usize,
    most: usize,
    /// One slot in front of the list. In a request-reply exchange it is the only one used.
    front: Cell<Option<Slab>>,
    kept: RefCell<Vec<Slab>>,
}

thread_local! {
    static READ: Pool = const { Pool::new(READ_SLAB, KEPT) };
    static LARGE_READ: Pool = const { Pool::new(LARGE_SLAB, KEPT_LARGE) };
    static WRITE: Pool = const { Pool::new(WRITE_SLAB, KEPT) };
    /// The buffers of the latest large messages, the latest last.
    static LARGE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Pool {
    const fn new(size: usize, most: usize) -> Self {
        Self {
            size,
            most,
            front: Cell::new(None),
            kept: RefCell::new(Vec::new()),
        }
    }

    /// Takes a buffer of the list, or makes one.
    #[cold]
    fn take(&self) -> Slab {
        self.front.take().unwrap_or_else(|| self.take_kept())
    }

    fn take_kept(&self) -> Slab {
        let kept = self
            .kept
            .try_borrow_mut()
            .ok()
            .and_then(|mut kept| kept.pop());
        kept.unwrap_or_else(|| fresh(self.size))
    }

    fn give(&self, slab: Slab) {
        if let Some(displaced) = self.front.replace(Some(slab)) {
            if let Ok(mut kept) = self.kept.try_borrow_mut() {
                if kept.len() < self.most {
                    kept.push(displaced);
                }
            }
        }
    }
}

#[inline]
pub(crate) fn take_read() -> Slab {
    match READ.try_with(|pool| pool.front.take()) {
        Ok(Some(slab)) => slab,
        _ => take_from(&READ, READ_SLAB),
    }
}

#[inline]
pub(crate) fn give_read(slab: Slab) {
    if slab.len() != READ_SLAB {
        give_large_slab(slab);
    } else if let Ok(Some(displaced)) = READ.try_with(|pool| pool.front.replace(Some(slab))) {
        give_to(&READ, displaced);
    }
}

pub(crate) fn take_large_slab() -> Slab {
    take_from(&LARGE_READ, LARGE_SLAB)
}

/// Takes a buffer of a pool. It is gone while its thread ends; then one is allocated.
#[cold]
#[inline(never)]
fn take_from(pool: &'static LocalKey<Pool>, size: usize) -> Slab {
    pool.try_with(Pool::take).unwrap_or_else(|_| fresh(size))
}

/// Gives back a buffer to read into that has not the usual size. A stray one is dropped.
#[cold]
fn give_large_slab(slab: Slab) {
    if slab.len() == LARGE_SLAB {
        give_to(&LARGE_READ, slab);
    }
}

#[cold]
#[inline(never)]
fn give_to(pool: &'static LocalKey<Pool>, slab: Slab) {
    let _ = pool.try_with(|pool| pool.give(slab));
}

/// Returns a buffer for a large message with room for `room` bytes, and not for much more. It need not be
/// empty: its length says how much of it is initialised.
pub(crate) fn take_large(room: usize) -> Vec<u8> {
    let kept = LARGE.try_with(|kept| {
        let mut kept = kept.try_borrow_mut().ok()?;
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= room && buffer.capacity() / 2 <= room;
        let at = kept.iter().rposition(fits)?;
        Some(kept.remove(at))
    });
    kept.ok()
        .flatten()
        .unwrap_or_else(|| Vec::with_capacity(room))
}

/// Keeps the buffer of a large message for the next ones. The system's allocator would return its pages
/// to the system and fault them in again.
pub(crate) fn give_large(buffer: Vec<u8>) {
    if !(READ_SLAB..=LARGE_MAX).contains(&buffer.capacity()) {
        return;
    }
    let _ = LARGE.try_with(|kept| {
        let Ok(mut kept) = kept.try_borrow_mut() else {
            return;
        };
        kept.push(buffer);
        while kept.len() > KEPT_MESSAGES
            || kept.iter().map(Vec::capacity).sum::<usize>() > KEPT_BYTES
        {
            kept.remove(0);
        }
    });
}

#[inline]
pub(crate) fn take_write() -> Slab {
    match WRITE.try_with(|pool| pool.front.take()) {
        Ok(Some(slab)) => slab,
        _ => take_from(&WRITE, WRITE_SLAB),
    }
}

#[inline]
pub(crate) fn give_write(slab: Slab) {
    // Only buffers of the pool's own size come back; a stray one is dropped.
    if slab.len() == WRITE_SLAB {
        if let Ok(Some(displaced)) = WRITE.try_with(|pool| pool.front.replace(Some(slab))) {
            give_to(&WRITE, displaced);
        }
    }
}

#[cold]
fn fresh(size: usize) -> Slab {
    vec![0; size].into_boxed_slice()
}

//! Idle streams of a thread.

use std::cell::RefCell;
use std::num::NonZeroU64;

use crate::deflater::Deflater;
use crate::inflater::Inflater;

/// Returns a compressing stream with an empty window, if possible the one that `owner` used before.
pub(crate) fn take_deflater(
    level: u8,
    window_bits: u8,
    owner: Option<NonZeroU64>,
) -> Box<Deflater> {
    let idle = with_pool(|pool| {
        let fits = |idle: &Deflater| idle.is(level, window_bits);
        let own = |idle: &Deflater| owner.is_some_and(|owner| idle.is_of(owner));
        let idle = &pool.deflaters;
        let at = idle.iter().rposition(|idle| fits(idle) && own(idle));
        let at = at.or_else(|| idle.iter().rposition(|idle| fits(idle)))?;
        Some(pool.deflaters.remove(at))
    });
    match idle.flatten() {
        Some(mut stream) => {
            stream.reset();
            stream
        }
        None => Box::new(Deflater::new(level, window_bits)),
    }
}

/// Takes back a stream between two messages.
pub(crate) fn give_deflater(stream: Box<Deflater>) {
    with_pool(|pool| give(&mut pool.deflaters, stream, IDLE_DEFLATERS));
}

/// Returns a decompressing stream with an empty window.
pub(crate) fn take_inflater() -> Box<Inflater> {
    match with_pool(|pool| pool.inflaters.pop()).flatten() {
        Some(mut stream) => {
            stream.reset();
            stream
        }
        None => Box::new(Inflater::new()),
    }
}

/// Takes back a stream in any state.
pub(crate) fn give_inflater(stream: Box<Inflater>) {
    with_pool(|pool| give(&mut pool.inflaters, stream, IDLE_INFLATERS));
}

#[derive(Default)]
#[allow(
    clippy::vec_box,
    reason = "a stream moves between pool and connection by its pointer"
)]
struct Pool {
    deflaters: Vec<Box<Deflater>>,
    inflaters: Vec<Box<Inflater>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// `None` while the thread ends: streams are created and dropped then.
fn with_pool<R>(work: impl FnOnce(&mut Pool) -> R) -> Option<R> {
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| work(&mut pool)))
        .ok()
        .flatten()
}

/// The one that has been idle longest makes room.
fn give<T>(idle: &mut Vec<T>, stream: T, most: usize) {
    if idle.len() >= most {
        idle.remove(0);
    }
    idle.push(stream);
}

/// The number of idle compressing streams that a thread keeps. A message is
/// usually compressed at once, so several exist only for different levels and
/// windows.
const IDLE_DEFLATERS: usize = 3;

/// The number of idle decompressing streams that a thread keeps. Messages that
/// wait for the network hold several at the same time.
const IDLE_INFLATERS: usize = 8;

//! The checks that keep what is promised, each with a switch for the tests: a simulation must find what
//! happens without it.

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A message of the engine follows the newest one.
    Chain,
    /// A message of the engine is of the topic's epoch.
    Epoch,
    /// A message of the engine that is there already is dropped.
    Duplicate,
    /// A position is compared with the engine's from time to time.
    Tops,
    /// The history has all messages after a position.
    Floor,
    /// The position of a client is of the topic's epoch.
    Since,
    /// Nothing was forgotten that a slow subscriber has not got.
    Cursor,
    /// Who is present is asked of the engine from time to time.
    Members,
    /// The engine is told of a member again if that has failed.
    Unsent,
    /// A message of another epoch that came before the history was read is of an older one.
    Older,
    /// What a slow subscriber is told is for the subscription that was slow.
    Notice,
}

/// Whether a check holds.
#[cfg(not(any(test, feature = "simulation")))]
#[inline]
pub(crate) const fn holds(_: Guard, is_so: bool) -> bool {
    is_so
}

/// Returns a limit. In some of the simulations it is the small one, so that it is reached.
#[cfg(not(any(test, feature = "simulation")))]
#[inline]
pub(crate) const fn limit(real: usize, _small: usize) -> usize {
    real
}

#[cfg(test)]
pub(crate) use switch::without;
#[cfg(any(test, feature = "simulation"))]
pub(crate) use switch::{holds, limit, set_small};

#[cfg(any(test, feature = "simulation"))]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Guard;

    thread_local! {
        static SMALL: Cell<bool> = const { Cell::new(false) };
        static BROKEN: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    /// Whether a check holds: always, if it is taken out.
    pub(crate) fn holds(guard: Guard, is_so: bool) -> bool {
        is_so || BROKEN.get() == Some(guard) || taken_out() == Some(guard)
    }

    /// The check that a whole process does without, for the proof on real servers (`wskit-cluster`).
    fn taken_out() -> Option<Guard> {
        static TAKEN_OUT: OnceLock<Option<Guard>> = OnceLock::new();
        *TAKEN_OUT.get_or_init(|| {
            let name = std::env::var("WSKIT_HUB_WITHOUT").ok()?;
            let guards = [
                Guard::Chain,
                Guard::Epoch,
                Guard::Duplicate,
                Guard::Tops,
                Guard::Floor,
                Guard::Since,
                Guard::Members,
                Guard::Unsent,
            ];
            guards
                .into_iter()
                .find(|guard| format!("{guard:?}") == name)
        })
    }

    /// Returns a limit. In some of the simulations it is the small one, so that it is reached.
    pub(crate) fn limit(real: usize, small: usize) -> usize {
        if SMALL.get() { small } else { real }
    }

    /// Has limits be small from now on, or not.
    pub(crate) fn set_small(is_small: bool) {
        SMALL.set(is_small);
    }

    /// Calls `f` without a check.
    #[cfg(test)]
    pub(crate) fn without<R>(guard: Guard, f: impl FnOnce() -> R) -> R {
        BROKEN.set(Some(guard));
        let result = f();
        BROKEN.set(None);
        result
    }
}

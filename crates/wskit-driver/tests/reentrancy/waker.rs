//! A waker that calls the hook.
#![allow(
    unsafe_code,
    reason = "std::task::Wake does not tell of a clone, and nothing safe does"
)]

use std::ptr;
use std::sync::{Arc, Mutex};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::hook::Hook;

/// The operation in which a waker calls the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Wake,
    Clone,
    Drop,
}

/// The wakers of all tests, by number.
static WAKERS: Mutex<Vec<(Arc<Hook>, On)>> = Mutex::new(Vec::new());

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, dropped);

/// Returns a new waker, equal to no other, that calls the hook in this operation.
pub(crate) fn calling(hook: &Arc<Hook>, on: On) -> Waker {
    let mut wakers = WAKERS.lock().unwrap();
    wakers.push((hook.clone(), on));
    // SAFETY: the data is a number and no address, so nothing can dangle, and all four functions work from
    // any thread.
    unsafe { Waker::new(ptr::without_provenance(wakers.len() - 1), &TABLE) }
}

fn call(waker: *const (), happened: On) {
    let (hook, on) = WAKERS.lock().unwrap()[waker.addr()].clone();
    if on == happened {
        hook.fire();
    }
}

fn clone(waker: *const ()) -> RawWaker {
    call(waker, On::Clone);
    RawWaker::new(waker, &TABLE)
}

fn wake(waker: *const ()) {
    call(waker, On::Wake);
    // Waking consumes it.
    call(waker, On::Drop);
}

fn wake_by_ref(waker: *const ()) {
    call(waker, On::Wake);
}

fn dropped(waker: *const ()) {
    call(waker, On::Drop);
}

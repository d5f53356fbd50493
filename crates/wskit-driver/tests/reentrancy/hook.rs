//! Code that the driver calls and that calls the driver.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The call that foreign code makes, once it is reached.
#[derive(Default)]
pub(crate) struct Hook {
    call: Mutex<Option<Call>>,
    reached: AtomicUsize,
}

type Call = Box<dyn FnMut() + Send>;

impl Hook {
    /// Sets what foreign code calls from now on.
    pub(crate) fn arm(&self, call: impl FnMut() + Send + 'static) {
        *self.call.lock().unwrap() = Some(Box::new(call));
    }

    /// Ends that, and returns how often foreign code has called it.
    pub(crate) fn disarm(&self) -> usize {
        // Dropped without the lock, because dropping what the call holds may end a connection.
        let call = self.call.lock().unwrap().take();
        drop(call);
        self.reached.load(Ordering::Relaxed)
    }

    /// Runs as foreign code.
    pub(crate) fn fire(&self) {
        // The lock is held during the call, so foreign code that it reaches calls nothing.
        let Ok(mut call) = self.call.try_lock() else {
            return;
        };
        if let Some(call) = call.as_mut() {
            self.reached.fetch_add(1, Ordering::Relaxed);
            call();
        }
    }
}

/// Longer than all of them take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs `place` once for each method, which it has to give to the hook.
pub(crate) fn from_everywhere<M: Copy + Send + 'static>(
    methods: &[(&'static str, M)],
    place: impl Fn(&Arc<Hook>, M) + Copy + Send + 'static,
) {
    let running: Vec<_> = methods
        .iter()
        .map(|&(name, method)| {
            let (done, over) = channel();
            thread::spawn(move || {
                let hook = Arc::default();
                place(&hook, method);
                let _ = done.send(hook.disarm());
            });
            (name, over)
        })
        .collect();
    let deadline = Instant::now() + LIMIT;
    let failed: Vec<_> = running
        .into_iter()
        .filter_map(|(name, over)| {
            let left = deadline.saturating_duration_since(Instant::now());
            match over.recv_timeout(left) {
                Ok(1..) => None,
                Ok(0) => Some(format!("{name}: the place was not reached")),
                Err(RecvTimeoutError::Timeout) => Some(format!("{name}: never came back")),
                Err(RecvTimeoutError::Disconnected) => Some(format!("{name}: panicked")),
            }
        })
        .collect();
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Duration;

#[cfg(not(unix))]
pub(crate) type Ear = std::net::UdpSocket;
#[cfg(unix)]
pub(crate) type Ear = std::os::unix::net::UnixDatagram;

/// The thread does something, and was not woken since it last looked.
const BUSY: u8 = 0;
/// The thread was woken.
const WOKEN: u8 = 1;
/// The thread is parked.
const PARKED: u8 = 2;
/// The thread waits for sockets, and for the ear.
const POLLING: u8 = 3;

/// Wakes a thread that waits in [`block_on`](crate::park::block_on).
#[derive(Debug)]
pub(crate) struct Bell {
    state: AtomicU8,
    thread: Thread,
    /// A socket that becomes readable, and the one that is written to for that. Made when the thread first waits
    /// for sockets while others may wake it.
    ends: OnceLock<(Ear, Ear)>,
}

impl Bell {
    /// Creates a bell for the thread that calls.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(BUSY),
            thread: thread::current(),
            ends: OnceLock::new(),
        })
    }

    /// Returns whether the thread was woken since the last call.
    pub(crate) fn take(&self) -> bool {
        self.state.swap(BUSY, Ordering::AcqRel) == WOKEN
    }

    /// Waits until the thread is woken, for at most `limit`; it may be less.
    pub(crate) fn park(&self, limit: Option<Duration>) {
        if self.enter(PARKED) {
            match limit {
                Some(limit) => thread::park_timeout(limit),
                None => thread::park(),
            }
            self.leave(PARKED);
        }
    }

    /// Calls `poll` with a socket that is readable once the thread is woken, unless it was woken already.
    pub(crate) fn listen<T>(&self, poll: impl FnOnce(&Ear) -> T) -> io::Result<Option<T>> {
        let (ear, _) = match self.ends.get() {
            Some(ends) => ends,
            None => {
                let ends = pair()?;
                self.ends.get_or_init(|| ends)
            }
        };
        if !self.enter(POLLING) {
            return Ok(None);
        }
        let polled = poll(ear);
        if !self.leave(POLLING) {
            // One byte was written, or will be.
            while ear
                .recv(&mut [0])
                .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
            {}
        }
        Ok(Some(polled))
    }

    /// Returns `false` if the thread was woken.
    fn enter(&self, waiting: u8) -> bool {
        self.state
            .compare_exchange(BUSY, waiting, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Returns `false` if the thread was woken meanwhile, which it stays.
    fn leave(&self, waiting: u8) -> bool {
        self.state
            .compare_exchange(waiting, BUSY, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.state.swap(WOKEN, Ordering::AcqRel) {
            PARKED => self.thread.unpark(),
            POLLING => {
                // The buffer has room: there is at most one byte in it.
                if let Some((_, far)) = self.ends.get() {
                    let _ = far.send(&[0]);
                }
            }
            _ => {}
        }
    }
}

#[cfg(unix)]
fn pair() -> io::Result<(Ear, Ear)> {
    Ear::pair()
}

#[cfg(not(unix))]
fn pair() -> io::Result<(Ear, Ear)> {
    let (near, far) = (Ear::bind("127.0.0.1:0")?, Ear::bind("127.0.0.1:0")?);
    near.connect(far.local_addr()?)?;
    far.connect(near.local_addr()?)?;
    Ok((near, far))
}

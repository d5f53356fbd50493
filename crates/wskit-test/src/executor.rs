use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::clock::Clock;

/// Runs tasks on one thread in virtual time, which advances when no task can run.
///
/// When no alarm is armed either, it panics with `stalled`: a lost wake-up is a failure, not a hang. It
/// bounds the number of polls, so that a busy loop is a failure too.
pub struct Executor {
    clock: Clock,
    tasks: Tasks,
    /// State of the generator that picks the next task. `None`: in the order of waking.
    seed: Cell<Option<u64>>,
    most_polls: usize,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks, and the ids of those that can run. Clones are the same.
#[derive(Clone, Default)]
struct Tasks {
    tasks: Rc<RefCell<Vec<Option<Task>>>>,
    queue: Arc<Mutex<Vec<usize>>>,
}

impl Tasks {
    fn spawn(&self, task: Task) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.push(Some(task));
        push(&self.queue, tasks.len() - 1);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Tasks>> = const { RefCell::new(None) };
}

/// The id in the queue of the future given to `block_on`.
const MAIN: usize = usize::MAX;

impl Executor {
    /// Creates an executor that runs tasks in the order in which they were woken.
    #[must_use]
    pub fn new() -> Self {
        Self {
            clock: Clock::new(),
            tasks: Tasks::default(),
            seed: Cell::new(None),
            most_polls: 2_000_000,
        }
    }

    /// Creates an executor that runs woken tasks in an order determined by `seed`.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        let executor = Self::new();
        executor
            .seed
            .set(Some(seed.wrapping_mul(2).wrapping_add(1)));
        executor
    }

    /// Sets the number of polls after which it panics. Default: 2,000,000.
    #[must_use]
    pub fn most_polls(mut self, polls: usize) -> Self {
        self.most_polls = polls;
        self
    }

    /// Returns the clock, which is [`Clock::current`] for all code that runs here.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Adds a task, which runs while `block_on` runs.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn(Box::pin(task));
    }

    /// Adds a task to the executor that runs on this thread.
    ///
    /// # Panics
    /// If none runs.
    pub fn spawn_on_current(task: impl Future<Output = ()> + 'static) {
        let current = CURRENT.with_borrow(Clone::clone);
        current.expect("an executor").spawn(Box::pin(task));
    }

    /// Runs `future` to its end, and the spawned tasks meanwhile.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let before = Clock::enter(Some(self.clock.clone()));
        let _leave = Leave(before, CURRENT.replace(Some(self.tasks.clone())));
        push(&self.tasks.queue, MAIN);
        for _ in 0..self.most_polls {
            let Some(id) = self.next() else {
                assert!(
                    self.clock.advance_to_next(),
                    "stalled: nothing will wake these tasks"
                );
                continue;
            };
            let waker = Waker::from(Arc::new(Ready {
                id,
                queue: self.tasks.queue.clone(),
            }));
            let mut cx = Context::from_waker(&waker);
            if id == MAIN {
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
                continue;
            }
            // Taken out, so that the task may spawn others.
            let task = self.tasks.tasks.borrow_mut()[id].take();
            if let Some(mut task) = task {
                if task.as_mut().poll(&mut cx).is_pending() {
                    self.tasks.tasks.borrow_mut()[id] = Some(task);
                }
            }
        }
        panic!("busy: {} polls and no end", self.most_polls);
    }

    fn next(&self) -> Option<usize> {
        let queue = self.tasks.queue.lock();
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        if queue.is_empty() {
            return None;
        }
        let at = self.seed.get().map_or(0, |seed| {
            // Knuth's MMIX generator, good enough to shuffle.
            let seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.seed.set(Some(seed));
            (seed >> 33) as usize % queue.len()
        });
        Some(queue.remove(at))
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Restores the thread's previous clock and tasks when dropped.
struct Leave(Option<Clock>, Option<Tasks>);

impl Drop for Leave {
    fn drop(&mut self) {
        Clock::enter(self.0.take());
        CURRENT.set(self.1.take());
    }
}

struct Ready {
    id: usize,
    queue: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        push(&self.queue, self.id);
    }
}

fn push(queue: &Mutex<Vec<usize>>, id: usize) {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if !queue.contains(&id) {
        queue.push(id);
    }
}

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use wskit_proto::{CloseCode, PreparedMessage};

use crate::sync::{Mutex, lock};

/// A connection that has room for a number of messages, and the writers of it.
#[derive(Clone)]
pub(crate) struct AnyWeakWriter(Arc<Mutex<State>>);

struct State {
    room: usize,
    /// The first byte of each message, or 0.
    taken: Vec<u8>,
    is_over: bool,
    rooms: Vec<Waker>,
    ends: Vec<Waker>,
    /// The client, which waits for messages.
    client: Option<Waker>,
}

/// The connection has ended.
#[derive(Debug)]
pub(crate) struct Over;

/// What a batch did.
pub(crate) struct Batched {
    pub(crate) accepted: usize,
}

impl AnyWeakWriter {
    pub(super) fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            room,
            taken: Vec::new(),
            is_over: false,
            rooms: Vec::new(),
            ends: Vec::new(),
            client: None,
        })))
    }

    pub(crate) fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, Over> {
        let mut state = lock(&self.0);
        if state.is_over {
            return Err(Over);
        }
        let client = state.client.take();
        let accepted = messages.len().min(state.room);
        state.room -= accepted;
        for message in &messages[..accepted] {
            let payload = message.as_bytes();
            state.taken.push(payload.first().copied().unwrap_or(0));
        }
        drop(state);
        client.into_iter().for_each(Waker::wake);
        Ok(Batched { accepted })
    }

    pub(crate) fn wake_when_room(&self, waker: &Waker) {
        self.watch(waker, |state| (state.room > 0, &mut state.rooms));
    }

    pub(crate) fn wake_when_closed(&self, waker: &Waker) {
        self.watch(waker, |state| (false, &mut state.ends));
    }

    fn watch(&self, waker: &Waker, list: impl Fn(&mut State) -> (bool, &mut Vec<Waker>)) {
        let waker = waker.clone();
        {
            let mut state = lock(&self.0);
            let is_over = state.is_over;
            let (is_now, wakers) = list(&mut state);
            if !is_now && !is_over {
                wakers.push(waker);
                return;
            }
        }
        waker.wake();
    }

    pub(crate) fn upgrade(&self) -> Option<Self> {
        (!lock(&self.0).is_over).then(|| self.clone())
    }

    pub(crate) fn start_close(&self, _: CloseCode, _: &str) -> Result<(), Over> {
        self.end();
        Ok(())
    }

    /// Makes room for more messages.
    pub(super) fn read(&self, messages: usize) {
        let wakers = {
            let mut state = lock(&self.0);
            state.room += messages;
            std::mem::take(&mut state.rooms)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn end(&self) {
        let wakers = {
            let mut state = lock(&self.0);
            state.is_over = true;
            let rooms = std::mem::take(&mut state.rooms);
            rooms.into_iter().chain(std::mem::take(&mut state.ends))
        };
        wakers.for_each(Waker::wake);
    }

    /// Waits until this number of messages was taken.
    pub(super) async fn until(&self, messages: usize) {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            if state.taken.len() >= messages {
                return Poll::Ready(());
            }
            state.client = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Returns the first byte of each message that was taken.
    pub(super) fn taken(&self) -> Vec<u8> {
        lock(&self.0).taken.clone()
    }
}

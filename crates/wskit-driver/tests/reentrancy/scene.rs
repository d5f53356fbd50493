//! A connection, its peer, and what is needed to reach foreign code.

use std::sync::Arc;

use bytes::Bytes;
use wskit_driver::{Observer, Reader, Shutdown, WebSocket, Writer};
use wskit_frame::OpCode;
use wskit_proto::{Config, Role};
use wskit_test::{Alarm, Clock, Probe, Script, SimulatedIo, opposite, pipe};

use super::foreign::Foreign;
use super::hook::Hook;
use super::methods::{Handles, once};

pub(crate) type Io = Foreign<SimulatedIo>;

/// A split connection that follows a shutdown, and its peer, on a clock of their own.
pub(crate) struct Scene {
    /// `None` once it was dropped or lent.
    pub(crate) reader: Option<Reader<Io>>,
    pub(crate) writer: Writer<Io>,
    pub(crate) shutdown: Shutdown<Alarm>,
    /// Of this end.
    pub(crate) probe: Probe,
    pub(crate) peer: Script,
    pub(crate) clock: Clock,
}

/// A pipe with room for everything.
pub(crate) const WIDE: usize = 1 << 20;
/// A pipe with very little room: writers have to wait.
pub(crate) const NARROW: usize = 100;

fn quiet() -> Config {
    Config::new().keepalive(None).write_high_water(2_000)
}

impl Scene {
    pub(crate) fn new(role: Role, room: usize) -> Self {
        Self::build(role, room, quiet(), None, None)
    }

    /// Errors of the transport have a value inside that calls the hook when it is dropped.
    pub(crate) fn with_foreign_errors(role: Role, room: usize, hook: &Arc<Hook>) -> Self {
        Self::build(role, room, quiet(), None, Some(hook.clone()))
    }

    pub(crate) fn with(
        role: Role,
        room: usize,
        config: Config,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        Self::build(role, room, config, observer, None)
    }

    fn build(
        role: Role,
        room: usize,
        config: Config,
        observer: Option<Arc<dyn Observer>>,
        hook: Option<Arc<Hook>>,
    ) -> Self {
        let (near, far) = pipe(room);
        let clock = Clock::new();
        let probe = near.probe();
        let io = SimulatedIo::new(near, clock.clone());
        let io = Foreign { io, hook };
        let mut ws = WebSocket::from_parts(io, role, Bytes::new(), config);
        if let Some(observer) = observer {
            ws = ws.observer(observer);
        }
        let shutdown = Shutdown::with_timer(clock.alarm());
        ws.track(&shutdown);
        let (reader, writer) = ws.split();
        Self {
            reader: Some(reader),
            writer,
            shutdown,
            probe,
            peer: Script::new(far, opposite(role)),
            clock,
        }
    }

    /// Returns what the methods are called on, with the reader if `with_reader`.
    pub(crate) fn handles(&mut self, with_reader: bool) -> Handles {
        let reader = self.reader.take_if(|_| with_reader);
        Handles::new(&self.writer, reader, &self.shutdown)
    }

    /// Polls a receive once. Returns whether nothing more will come.
    pub(crate) fn poll_reader(&mut self) -> bool {
        let reader = self.reader.as_mut().unwrap();
        once(reader.recv()).is_some_and(|received| !matches!(received, Ok(Some(_))))
    }

    /// Has the peer send these bytes.
    pub(crate) fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(once(self.peer.send(bytes)).is_some(), "the pipe is full");
    }

    /// Has the peer close and end its stream.
    pub(crate) fn receive_close(&mut self) {
        let close = self.peer.frames().close(1000, "");
        self.receive(close);
        assert!(once(self.peer.finish()).is_some());
    }

    /// Has the peer read everything, which makes room.
    pub(crate) fn make_room(&mut self) {
        while once(self.peer.read()).is_some_and(|read| read.unwrap() > 0) {}
        self.peer.forget();
    }

    /// Fills the pipe and the queue.
    pub(crate) fn fill(&self) {
        assert!(once(self.writer.send(vec![0; 3_000])).is_none());
    }
}

/// Returns a pong to send to an end of this role.
pub(crate) fn pong_to(role: Role, payload: &[u8]) -> Vec<u8> {
    wskit_test::Frames::to(role).frame(OpCode::Pong, true, payload)
}

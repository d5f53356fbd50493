use std::error::Error;
use std::fmt;

use wskit_proto::State;

use super::core::{Sender, Shared};
use super::reader::Reader;
use super::writer::Writer;
use crate::link::Whole;
use crate::sync::Arc;
use crate::tasks::Tasks;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// The error of [`Reader::reunite`]: the two halves are not all of one open connection. It has the halves.
pub struct ReuniteError<T: Transport>(Box<(Reader<T>, Writer<T>)>);

impl<T: Transport> ReuniteError<T> {
    fn new(reader: Reader<T>, writer: Writer<T>) -> Self {
        Self(Box::new((reader, writer)))
    }

    /// Returns the halves.
    #[must_use]
    pub fn into_halves(self) -> (Reader<T>, Writer<T>) {
        *self.0
    }
}

impl<T: Transport> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the halves are of two connections, other writers, lanes or an unfinished message are left, or the connection is over",
        )
    }
}

impl<T: Transport> fmt::Debug for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError")
            .field("reader", &self.0.0)
            .field("writer", &self.0.1)
            .finish()
    }
}

impl<T: Transport> Error for ReuniteError<T> {}

pub(super) fn reunite<T: Transport + 'static>(
    mut reader: Reader<T>,
    mut writer: Writer<T>,
) -> Result<WebSocket<T>, ReuniteError<T>> {
    // Writers and lanes that are left hold a reference each.
    let are_all = Arc::ptr_eq(&reader.shared, &writer.shared)
        && Arc::strong_count(&reader.shared) == 2
        && reader.state() != State::Closed;
    // Messages of lanes that were dropped may wait for the end of a message begun before the split.
    if !are_all || !writer.feed_held() || !writer.shared.with_sender(Sender::empty_lanes) {
        return Err(ReuniteError::new(reader, writer));
    }
    let (engine, read) = match (reader.engine.take(), reader.read.take()) {
        (Some(engine), Some(read)) => (engine, read),
        (engine, read) => {
            (reader.engine, reader.read) = (engine, read);
            return Err(ReuniteError::new(reader, writer));
        }
    };
    // This call owns the connection while the halves are dropped.
    let (shared, sink) = (reader.shared.clone(), writer.sink.take());
    shared.add_owner();
    drop(reader);
    drop(writer);
    // If it fails, the connection is as before, and its weak writers live on.
    let halves = |engine, read, shared: Arc<Shared<T>>| {
        shared.add_owner();
        let reader = Reader::new(engine, read, shared.clone());
        let mut writer = Writer::counted(shared);
        writer.sink = sink;
        ReuniteError::new(reader, writer)
    };
    let Some(write) = shared.take_io() else {
        // A weak writer was upgraded meanwhile, or the connection has ended.
        return Err(halves(engine, read, shared));
    };
    let io = match T::reunite(read, write) {
        Ok(io) => io,
        Err((read, write)) => {
            shared.put_io_back(write);
            return Err(halves(engine, read, shared));
        }
    };
    let shared = match Arc::try_unwrap(shared) {
        Ok(shared) => shared,
        // A weak writer was upgraded meanwhile, and has opened a lane.
        Err(shared) => {
            let (read, write) = io.into_split();
            shared.put_io_back(write);
            return Err(halves(engine, read, shared));
        }
    };
    let (outbox, dirty, last_mark, terms) = shared.into_parts();
    let mut link = Whole::new(io, outbox);
    link.dirty = dirty;
    link.last_mark = last_mark;
    Ok(WebSocket {
        engine,
        link,
        terms,
        tasks: Tasks::default(),
    })
}

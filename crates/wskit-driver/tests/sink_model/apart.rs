use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use wskit_driver::{ConnectionError, WebSocket};
use wskit_proto::Message;
use wskit_test::SimulatedIo;

pub(crate) type Receiving = Pin<Box<dyn Stream<Item = Result<Message, ConnectionError>>>>;
pub(crate) type Sending = Pin<Box<dyn Sink<Message, Error = ConnectionError>>>;

pub(crate) fn apart(
    ws: WebSocket<SimulatedIo>,
    whole: bool,
    sinks: usize,
) -> (Receiving, Vec<Sending>) {
    if whole {
        let lock = Locked(Rc::new(RefCell::new(ws)));
        return (Box::pin(lock.clone()), vec![Box::pin(lock)]);
    }
    let (reader, writer) = ws.split();
    let mut sending: Vec<Sending> = Vec::new();
    for _ in 0..sinks {
        sending.push(Box::pin(writer.clone()));
    }
    (Box::pin(reader), sending)
}

/// A connection behind a lock that is held for one poll, like the halves of `futures::StreamExt::split`, but
/// without the message that their sink buffers.
#[derive(Clone)]
struct Locked(Rc<RefCell<WebSocket<SimulatedIo>>>);

impl Stream for Locked {
    type Item = Result<Message, ConnectionError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

impl Sink<Message> for Locked {
    type Error = ConnectionError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), ConnectionError> {
        Pin::new(&mut *self.0.borrow_mut()).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_close(cx)
    }
}

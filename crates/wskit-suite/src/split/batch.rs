//! Batches: many messages with one lock and one write, and without waiting.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wskit_driver::{Batched, LaneConfig, Priority, Pushed, Reader, SendTransport, Writer};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Message, MessageKind, PreparedMessage, Role, SendError, State};
use wskit_test::{Harness, Io, Probe, Script, join, once, run};

use crate::scene::{ROLES, config, facing, facing_through, pattern};

/// The calls that never wait, of any handle.
pub(super) trait Batch {
    fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError>;
    fn wake_when_room(&self, waker: &Waker);
    fn wake_when_closed(&self, waker: &Waker);
}

macro_rules! batch {
    ($($handle:ident $(<$t:ident>)?,)*) => {
        $(
            impl $(<$t: SendTransport>)? Batch for wskit_driver::$handle $(<$t>)? {
                fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
                    self.batch(messages)
                }

                fn wake_when_room(&self, waker: &Waker) {
                    self.wake_when_room(waker);
                }

                fn wake_when_closed(&self, waker: &Waker) {
                    self.wake_when_closed(waker);
                }
            }
        )*
    };
}

batch!(Writer<T>, WeakWriter<T>, AnyWriter, AnyWeakWriter,);

/// Returns a handle of each kind, beside a writer that is kept.
pub(super) fn handles<H: Harness>(writer: &Writer<Io<H>>) -> [Box<dyn Batch>; 4] {
    let any = writer.clone().erase();
    let [weak, any_weak] = weak_handles::<H>(writer);
    [Box::new(writer.clone()), Box::new(any), weak, any_weak]
}

pub(super) fn weak_handles<H: Harness>(writer: &Writer<Io<H>>) -> [Box<dyn Batch>; 2] {
    let weak = writer.downgrade();
    let any_weak = weak.clone().erase();
    [Box::new(weak), Box::new(any_weak)]
}

/// The mark of the queue, and what the pipe takes.
pub(super) const MARK: usize = 1000;
pub(super) const PIPE: usize = 100;
/// The payload of a message, of which four exceed the mark.
pub(super) const SIZE: usize = 300;

pub(super) fn narrow<H: Harness>(role: Role) -> (Reader<Io<H>>, Writer<Io<H>>, Script, Probe) {
    let config = config().write_high_water(MARK);
    let (ws, peer, probe) = facing_through::<H>(role, config, PIPE);
    let (reader, writer) = ws.split();
    (reader, writer, peer, probe)
}

/// The size of a frame of that payload.
fn frame(role: Role) -> usize {
    SIZE + if role == Role::Client { 8 } else { 4 }
}

pub(super) fn numbered(number: u8) -> PreparedMessage {
    PreparedMessage::binary([number; SIZE])
}

pub(super) async fn expect(peer: &mut Script, numbers: impl IntoIterator<Item = u8>) {
    for number in numbers {
        peer.expect(OpCode::Binary, [number; SIZE]).await;
    }
}

/// Texts, an empty message and one that is queued by reference leave in order, small ones with one write.
pub fn batch_leaves_in_order_with_one_write<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (_reader, writer) = ws.split();
            let large = pattern(20_000);
            let messages = [
                PreparedMessage::text("one"),
                PreparedMessage::binary(b""),
                PreparedMessage::binary(&large),
                PreparedMessage::text("four"),
            ];
            let [one, empty, large_one, four] = &messages;
            for handle in handles::<H>(&writer) {
                let before = probe.writes();
                let batched = handle.batch(&[one, empty, four]).unwrap();
                assert_eq!((batched.accepted, batched.queued), (3, 0));
                assert_eq!(probe.writes(), before + 1, "one write each");
                peer.expect(OpCode::Text, "one").await;
                peer.expect(OpCode::Binary, "").await;
                peer.expect(OpCode::Text, "four").await;
                // Some transports write each of the pieces that are queued by reference by itself.
                let batched = handle.batch(&[one, empty, large_one, four]).unwrap();
                assert_eq!((batched.accepted, batched.queued), (4, 0));
                peer.expect(OpCode::Text, "one").await;
                peer.expect(OpCode::Binary, "").await;
                peer.expect(OpCode::Binary, &large).await;
                peer.expect(OpCode::Text, "four").await;
            }
            let before = probe.writes();
            let batched = writer.batch(&[]).unwrap();
            assert_eq!((batched.accepted, batched.queued), (0, 0));
            assert_eq!(probe.writes(), before, "there is nothing to write");
        });
    }
}

/// Messages are accepted until the queue is over its mark. The next batch goes on there, even if it is
/// the one that makes the room.
pub fn batch_ends_where_the_queue_is_full<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, probe) = narrow::<H>(role);
            let messages: Vec<_> = (0..10).map(numbered).collect();
            let messages: Vec<_> = messages.iter().collect();
            let batched = writer.batch(&messages).unwrap();
            assert_eq!(batched.accepted, 4);
            assert_eq!(batched.queued, 4 * frame(role) - PIPE);
            assert_eq!(batched.queued, writer.queued());
            let writes = probe.writes();
            let full = writer.batch(&messages[4..]).unwrap();
            assert_eq!((full.accepted, full.queued), (0, batched.queued));
            assert_eq!(
                probe.writes(),
                writes,
                "a transport that refuses is not asked again"
            );
            // The peer reads all that the pipe has, and each batch tries once to write.
            let mut sent = 4;
            while sent < 10 || writer.queued() > 0 {
                peer.read().await.unwrap();
                let (before, has_room) = (writer.queued(), writer.queued() < MARK);
                let batched = writer.batch(&messages[sent..]).unwrap();
                assert!(batched.queued < before + batched.accepted * frame(role));
                assert_eq!(batched.accepted > 0, has_room && sent < 10);
                sent += batched.accepted;
            }
            expect(&mut peer, 0..10).await;
        });
    }
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A writer that waits has its turn first, and so has a message in pieces. What is queued is written.
pub fn batch_does_not_overtake_writers<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = narrow::<H>(role);
            let [x, y] = [numbered(4), numbered(5)];
            writer
                .batch(&[0, 1, 2, 3].map(numbered).each_ref())
                .unwrap();
            {
                let mut waiting = pin!(writer.feed([9; SIZE].as_slice()));
                assert!(poll(waiting.as_mut()).is_pending());
                while writer.queued() >= MARK {
                    peer.read().await.unwrap();
                    assert_eq!(writer.batch(&[&x]).unwrap().accepted, 0);
                }
                assert_eq!(writer.batch(&[&x]).unwrap().accepted, 0, "there is room");
            }
            assert_eq!(writer.batch(&[&x]).unwrap().accepted, 1);
            while writer.batch(&[]).unwrap().queued > 0 {
                peer.read().await.unwrap();
            }
            expect(&mut peer, 0..5).await;

            let mut pieces = writer.begin(MessageKind::Binary).await.unwrap();
            pieces.write(b"piece").await.unwrap();
            let batched = writer.batch(&[&y]).unwrap();
            assert_eq!((batched.accepted, batched.queued), (0, 0), "it was written");
            peer.expect_part(OpCode::Binary, "piece").await;
            pieces.finish().await.unwrap();
            peer.expect(OpCode::Continuation, "").await;
            assert_eq!(writer.batch(&[&y]).unwrap().accepted, 1);

            let permit = writer.reserve().await.unwrap();
            assert_eq!(
                writer.batch(&[&y]).unwrap().accepted,
                0,
                "the room is reserved"
            );
            drop(permit);
        });
    }
}

/// Messages of lanes go first, and a batch writes them.
pub fn batch_writes_what_lanes_have<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = narrow::<H>(role);
            let mut lane = writer.lane(LaneConfig::new().priority(Priority::Urgent));
            writer
                .batch(&[0, 1, 2, 3].map(numbered).each_ref())
                .unwrap();
            assert_eq!(lane.push([4; SIZE].as_slice()), Ok(Pushed::Queued));
            assert_eq!(lane.buffered().messages, 1);
            let last = numbered(5);
            let mut accepted = 0;
            while accepted == 0 || writer.queued() > 0 {
                peer.read().await.unwrap();
                let last = [&last];
                accepted += writer.batch(&last[accepted..]).unwrap().accepted;
            }
            expect(&mut peer, 0..6).await;
        });
    }
}

/// What a batch leaves is written by a reader that waits, and by one that waits later.
pub fn reader_writes_what_a_batch_leaves<H: Harness>() {
    for role in ROLES {
        for waits_before in [true, false] {
            run::<H>(async {
                let (mut reader, writer, mut peer, _) = narrow::<H>(role);
                let messages = [0, 1, 2, 3].map(numbered);
                if !waits_before {
                    writer.batch(&messages.each_ref()).unwrap();
                }
                let script = async {
                    if waits_before {
                        writer.batch(&messages.each_ref()).unwrap();
                    }
                    expect(&mut peer, 0..4).await;
                    peer.send(peer.frames().text("thanks")).await;
                };
                let (received, ()) = join(reader.recv(), script).await;
                assert_eq!(received.unwrap(), Some(Message::text("thanks")));
            });
        }
    }
}

/// A batch reads in the place of a reader that was dropped.
pub fn batch_reads_when_the_reader_is_gone<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (reader, writer) = ws.split();
            drop(reader);
            let message = PreparedMessage::text("x");
            peer.send(peer.frames().ping(b"?")).await;
            writer.batch(&[&message]).unwrap();
            peer.expect(OpCode::Text, "x").await;
            writer.batch(&[]).unwrap();
            peer.expect(OpCode::Pong, "?").await;
            peer.send(peer.frames().close(1000, "")).await;
            writer.batch(&[]).unwrap();
            assert_ne!(writer.state(), State::Open);
            assert_eq!(writer.batch(&[&message]), Err(SendError::Closed));
        });
    }
}

/// After a Close of either side, after a failed write, and without an owner nothing is accepted.
pub fn batch_of_an_ended_connection_is_an_error<H: Harness>() {
    let message = PreparedMessage::text("x");
    for role in ROLES {
        for way in 0..3 {
            run::<H>(async {
                let (ws, mut peer, _) = facing::<H>(role, config());
                let (mut reader, writer) = ws.split();
                let handles = handles::<H>(&writer);
                match way {
                    0 => writer.start_close(CloseCode::NORMAL, "").unwrap(),
                    1 => {
                        peer.send(peer.frames().close(1000, "")).await;
                        let _ = once(reader.recv()).await;
                    }
                    _ => peer.probe().reset(),
                }
                for handle in handles {
                    assert_eq!(handle.batch(&[&message]), Err(SendError::Closed));
                    assert_eq!(handle.batch(&[]), Err(SendError::Closed));
                }
            });
        }
        run::<H>(async {
            let (ws, mut peer, probe) = facing::<H>(role, config());
            let (reader, writer) = ws.split();
            let weak = weak_handles::<H>(&writer);
            let lane = writer.lane(LaneConfig::new());
            drop(writer);
            for handle in &weak {
                assert_eq!(handle.batch(&[&message]).unwrap().accepted, 1);
                peer.expect(OpCode::Text, "x").await;
            }
            drop(reader);
            assert!(probe.is_dropped(), "weak handles do not keep it");
            for handle in &weak {
                assert_eq!(handle.batch(&[&message]), Err(SendError::Closed));
            }
            drop(lane);
            for handle in &weak {
                assert_eq!(handle.batch(&[]), Err(SendError::Closed));
            }
        });
    }
}

/// A message is compressed once for all, and each peer decompresses it beside what is sent to it alone.
#[cfg(feature = "deflate")]
pub fn batch_is_compressed_where_that_was_agreed<H: Harness>() {
    use bytes::Bytes;
    use wskit_driver::WebSocket;
    use wskit_proto::deflate::{self, Params, Window};
    use wskit_test::{opposite, pipe, wrap};

    let open = |end, role| -> WebSocket<Io<H>> {
        let (own, terms) = match role {
            Role::Client => (deflate::Role::Client, deflate::Config::client()),
            Role::Server => (deflate::Role::Server, deflate::Config::server()),
        };
        let agreed = Params::new(own, Window::FULL, Window::FULL);
        let (io, none) = (wrap::<H>(end), Bytes::new());
        WebSocket::from_parts_with_deflate(io, role, none, config(), agreed, &terms)
    };
    for role in ROLES {
        run::<H>(async {
            let (near, far) = pipe(1 << 20);
            let probe = near.probe();
            let (_reader, writer) = open(near, role).split();
            let mut peer = open(far, opposite(role));
            let texts = [
                "news ".repeat(2_000),
                "x".to_owned(),
                "news ".repeat(20_000),
            ];
            let prepared = texts.each_ref().map(PreparedMessage::text);
            for _ in 0..2 {
                writer.send("for one alone ".repeat(100)).await.unwrap();
                let batched = writer.batch(&prepared.each_ref()).unwrap();
                assert_eq!((batched.accepted, batched.queued), (3, 0));
                peer.recv().await.unwrap().unwrap();
                for text in &texts {
                    let message = peer.recv().await.unwrap().unwrap();
                    assert_eq!(message.as_text(), Some(text.as_str()));
                }
            }
            assert!(probe.written().len() < 10_000, "it was compressed");
        });
    }
}

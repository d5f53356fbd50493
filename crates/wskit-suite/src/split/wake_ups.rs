//! Wake-ups without a call that waits: there is room again, and the connection has ended.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use wskit_driver::{LaneConfig, Priority};
use wskit_frame::CloseCode;
use wskit_proto::{MessageKind, Role, State};
use wskit_test::{Harness, join, once, run};

use super::batch::{MARK, SIZE, expect, handles, narrow, numbered, weak_handles};
use crate::scene::{ROLES, config, facing};

/// A waker that counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Watch {
    counter: Arc<Counter>,
    waker: Waker,
}

impl Watch {
    fn new() -> Self {
        let counter = Arc::<Counter>::default();
        let waker = counter.clone().into();
        Self { counter, waker }
    }

    /// Returns how often it was woken since the last call.
    fn woken(&self) -> usize {
        self.counter.0.swap(0, Ordering::Relaxed)
    }

    /// Nothing keeps the waker.
    fn is_released(&self) -> bool {
        Arc::strong_count(&self.counter) == 2
    }
}

/// What the reader does while a room waker is registered.
#[derive(Clone, Copy)]
enum At {
    /// It waits to receive.
    Waits,
    /// It was polled once, and its task does something else.
    Elsewhere,
    /// It has never been polled.
    Idle,
    Dropped,
}

/// The peer reads until the queue is below its mark. Somebody writes, or the waker is woken to write.
pub fn room_waker_is_woken_when_the_peer_reads<H: Harness>() {
    for role in ROLES {
        for at in [At::Waits, At::Elsewhere, At::Idle, At::Dropped] {
            for handle in 0..4 {
                run::<H>(async {
                    let (mut reader, writer, mut peer, _) = narrow::<H>(role);
                    let handle = &handles::<H>(&writer)[handle];
                    let mut reader = match at {
                        At::Waits | At::Idle => Some(reader),
                        At::Elsewhere => {
                            assert!(once(reader.recv()).await.is_none());
                            Some(reader)
                        }
                        At::Dropped => None,
                    };
                    let watch = Watch::new();
                    let first = [0, 1, 2, 3].map(numbered);
                    assert_eq!(handle.batch(&first.each_ref()).unwrap().accepted, 4);
                    handle.wake_when_room(&watch.waker);
                    handle.wake_when_room(&watch.waker);
                    assert_eq!(watch.woken(), 0);
                    let script = async {
                        let (mut next, mut woken) = (4, 0);
                        while next < 20 {
                            peer.read().await.unwrap();
                            wskit_test::pause().await;
                            let wakes = watch.woken();
                            // By the transport, and by the task that made room.
                            assert!(wakes <= 2, "the waker is kept once");
                            woken += wakes;
                            if wakes > 0 {
                                let message = numbered(next);
                                let accepted = handle.batch(&[&message]).unwrap().accepted;
                                next += u8::try_from(accepted).unwrap();
                                handle.wake_when_room(&watch.waker);
                            }
                        }
                        assert!(woken > 0);
                        while writer.batch(&[]).unwrap().queued > 0 {
                            peer.read().await.unwrap();
                        }
                        expect(&mut peer, 0..20).await;
                        peer.send(peer.frames().text("")).await;
                    };
                    match (at, &mut reader) {
                        (At::Waits, Some(reader)) => {
                            join(reader.recv(), script).await.0.unwrap();
                        }
                        _ => script.await,
                    }
                });
            }
        }
    }
}

/// A task sends through a handle that never waits, as fast as the peer reads.
pub fn task_sends_all_with_room_wakers<H: Harness>() {
    for role in ROLES {
        for keeps_reader in [true, false] {
            run::<H>(async {
                let (mut reader, writer, mut peer, _) = narrow::<H>(role);
                let [handle, _] = weak_handles::<H>(&writer);
                let messages: Vec<_> = (0..100).map(numbered).collect();
                let messages: Vec<_> = messages.iter().collect();
                let mut sent = 0;
                let sending = poll_fn(|cx| {
                    loop {
                        let batched = handle.batch(&messages[sent..]).unwrap();
                        sent += batched.accepted;
                        if sent == messages.len() && batched.queued < MARK {
                            return Poll::Ready(());
                        }
                        if batched.queued >= MARK {
                            handle.wake_when_room(cx.waker());
                            return Poll::Pending;
                        }
                    }
                });
                let script = async {
                    expect(&mut peer, 0..97).await;
                };
                if keeps_reader {
                    join(sending, script).await;
                    let script = async {
                        expect(&mut peer, 97..100).await;
                        peer.send(peer.frames().text("")).await;
                    };
                    join(reader.recv(), script).await.0.unwrap();
                } else {
                    drop(reader);
                    join(sending, script).await;
                    let (flushed, ()) = join(writer.flush(), expect(&mut peer, 97..100)).await;
                    flushed.unwrap();
                }
            });
        }
    }
}

/// Room waits for a message in pieces, for permits, for writers that wait and for lanes.
pub fn room_waker_is_woken_when_others_are_done<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (_reader, writer, mut peer, _) = narrow::<H>(role);
            let watch = Watch::new();
            writer.wake_when_room(&watch.waker);
            assert_eq!(watch.woken(), 1, "there is room");
            assert!(watch.is_released());

            let pieces = writer.begin(MessageKind::Binary).await.unwrap();
            writer.wake_when_room(&watch.waker);
            assert_eq!(watch.woken(), 0);
            pieces.finish().await.unwrap();
            assert!(watch.woken() > 0, "the message is whole");
            assert!(watch.is_released());

            let permit = writer.reserve().await.unwrap();
            writer.wake_when_room(&watch.waker);
            assert_eq!(watch.woken(), 0);
            drop(permit);
            assert_eq!(watch.woken(), 1, "the permit was returned");
            assert!(watch.is_released());

            let mut lane = writer.lane(LaneConfig::new().priority(Priority::Urgent));
            writer
                .batch(&[0, 1, 2, 3].map(numbered).each_ref())
                .unwrap();
            lane.push([4; SIZE].as_slice()).unwrap();
            let feeding = writer.feed([5; SIZE].as_slice());
            let script = async {
                writer.wake_when_room(&watch.waker);
                while writer.queued() >= MARK {
                    peer.read().await.unwrap();
                    writer.batch(&[]).unwrap();
                }
                wskit_test::pause().await;
            };
            join(feeding, script).await.0.unwrap();
            let x = numbered(6);
            while writer.batch(&[&x]).unwrap().accepted == 0 {
                // It may be woken early, to write.
                watch.woken();
                writer.wake_when_room(&watch.waker);
                if watch.woken() > 0 {
                    continue;
                }
                while watch.woken() == 0 {
                    peer.read().await.unwrap();
                }
            }
            while writer.batch(&[]).unwrap().queued > 0 {
                peer.read().await.unwrap();
            }
            assert!(watch.is_released());
        });
    }
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// The peer's Close, which is answered.
    Peer,
    Own,
    Reset,
    /// The reader and all writers are dropped.
    Owners,
    /// The same, while a lane is left.
    OwnersButALane,
    Reunion,
}

/// Both wakers are woken once by each way to end, and released. Later they are woken at once.
pub fn wakers_are_woken_by_the_end<H: Harness>() {
    use End::{Own, Owners, OwnersButALane, Peer, Reset, Reunion};
    for role in ROLES {
        for end in [Peer, Own, Reset, Owners, OwnersButALane, Reunion] {
            run::<H>(async {
                let (ws, mut peer, probe) = facing::<H>(role, config().write_high_water(MARK));
                let (mut reader, writer) = ws.split();
                let handles = weak_handles::<H>(&writer);
                let [room, closed] = [Watch::new(), Watch::new()];
                let permit = writer.reserve().await.unwrap();
                for handle in &handles {
                    handle.wake_when_room(&room.waker);
                    handle.wake_when_closed(&closed.waker);
                }
                assert_eq!((room.woken(), closed.woken()), (0, 0), "{end:?}");
                drop(permit);
                assert_eq!(room.woken(), 1, "the permit has kept the room");
                if end != Reunion {
                    // There is no room until the end.
                    std::mem::forget(writer.reserve().await.unwrap());
                }
                handles[0].wake_when_room(&room.waker);
                match end {
                    Peer | Own => {
                        if end == Own {
                            writer.start_close(CloseCode::NORMAL, "").unwrap();
                            assert_eq!((room.woken(), closed.woken()), (1, 0));
                        }
                        let script = async {
                            if end == Own {
                                peer.expect_close(1000).await;
                            }
                            peer.send(peer.frames().close(1000, "")).await;
                            if end == Peer {
                                peer.expect_close(1000).await;
                            }
                            match role {
                                Role::Client => peer.hang_up(),
                                Role::Server => peer.finish().await,
                            }
                        };
                        let (received, ()) = join(reader.recv(), script).await;
                        assert_eq!(received.unwrap(), None);
                        assert_eq!(writer.state(), State::Closed);
                    }
                    Reset => {
                        peer.probe().reset();
                        reader.recv().await.unwrap_err();
                    }
                    Owners | OwnersButALane => {
                        let has_lane = end == OwnersButALane;
                        let lane = has_lane.then(|| writer.lane(LaneConfig::new()));
                        drop((reader, writer));
                        assert_eq!(closed.woken(), 1, "{end:?}");
                        closed.waker.wake_by_ref();
                        drop(lane);
                    }
                    Reunion => drop(reader.reunite(writer).unwrap()),
                }
                if end != Own {
                    // Without a reader it is asked to write, too.
                    assert!(matches!(room.woken(), 1 | 2), "{end:?}");
                }
                assert_eq!(closed.woken(), 1, "{end:?}");
                assert!(room.is_released() && closed.is_released(), "{end:?}");
                assert!(probe.is_dropped(), "{end:?}");
                for handle in &handles {
                    handle.wake_when_room(&room.waker);
                    handle.wake_when_closed(&closed.waker);
                    assert_eq!((room.woken(), closed.woken()), (1, 1), "{end:?}");
                }
                assert!(room.is_released() && closed.is_released(), "{end:?}");
            });
        }
    }
}

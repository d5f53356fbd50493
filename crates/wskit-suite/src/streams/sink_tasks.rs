//! Two tasks on one connection: each is woken when it can proceed, whichever task does the I/O.

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use wskit_proto::Message;
use wskit_test::{Boxed, Harness, join, join_all, once, pause, run};

use super::sink_scene::{
    Signal, WAYS, answer_close, apart, each, expect_all, message, messages, rest,
};
use crate::scene::{CAPACITY, config, echo, facing_through, pair};

/// Proves: X-io-3
pub fn echoes_of_1000_messages_of_10_bytes<H: Harness>() {
    echoes::<H>(1000, 10, CAPACITY);
}

/// Proves: X-io-3
pub fn echoes_of_5_messages_of_10_bytes<H: Harness>() {
    echoes::<H>(5, 10, CAPACITY);
    echoes::<H>(5, 10, 7);
}

/// Proves: X-io-3
pub fn echoes_of_20_messages_of_500_kb<H: Harness>() {
    echoes::<H>(20, 500_000, CAPACITY);
}

/// One task sends all messages and then waits for something else; the other receives the echoes.
fn echoes<H: Harness>(count: usize, size: usize, capacity: usize) {
    for way in WAYS {
        run::<H>(async {
            let pair = pair::<H>(config(), capacity);
            let (mut stream, mut sink) = apart::<H>(pair.client, way);
            let mut server = pair.server;
            let back = Signal::default();
            let send = async {
                for at in 0..count {
                    sink.send(message(at, size)).await.unwrap();
                }
                back.wait().await;
                sink.close().await.unwrap();
            };
            let receive = async {
                for at in 0..count {
                    let received = stream.next().await.unwrap().unwrap();
                    assert!(received == message(at, size), "{way:?}: {at}");
                }
                back.tell();
                assert!(stream.next().await.is_none());
            };
            let (served, _) = join(echo::<H>(&mut server), join(receive, send)).await;
            served.unwrap();
        });
    }
}

/// `FuturesUnordered` gives each of its futures a waker of its own and polls only those that were woken.
pub fn echoes_in_one_task_with_a_waker_for_each_half<H: Harness>() {
    for (count, size) in [(1000, 10), (5, 10), (20, 50_000)] {
        for way in WAYS {
            run::<H>(async {
                let pair = pair::<H>(config(), CAPACITY);
                let (mut stream, mut sink) = apart::<H>(pair.client, way);
                let mut server = pair.server;
                let back = Signal::default();
                let send = async {
                    for at in 0..count {
                        sink.send(message(at, size)).await.unwrap();
                    }
                    back.wait().await;
                    sink.close().await.unwrap();
                };
                let receive = async {
                    for at in 0..count {
                        let received = stream.next().await.unwrap().unwrap();
                        assert!(received == message(at, size), "{way:?}: {at}");
                    }
                    back.tell();
                    assert!(stream.next().await.is_none());
                };
                let both: [Boxed<'_, ()>; 2] = [Box::pin(receive), Box::pin(send)];
                let both: FuturesUnordered<_> = both.into_iter().collect();
                let (served, _) = join(echo::<H>(&mut server), both.collect::<Vec<()>>()).await;
                served.unwrap();
            });
        }
    }
}

/// The stale wakers of an ended task must not replace those of the other.
pub fn echoes_after_the_sending_task_has_ended<H: Harness>() {
    for (count, size) in [(5, 10), (5, 100_000)] {
        for way in WAYS {
            run::<H>(async {
                let pair = pair::<H>(config(), CAPACITY);
                let (mut stream, mut sink) = apart::<H>(pair.client, way);
                let mut server = pair.server;
                let sent = messages(count, size);
                let send = async {
                    for message in &sent {
                        sink.send(message.clone()).await.unwrap();
                    }
                    drop(sink);
                };
                let receive = async {
                    for message in &sent {
                        assert!(stream.next().await.unwrap().unwrap() == *message, "{way:?}");
                    }
                    drop(stream);
                };
                let (served, _) = join(echo::<H>(&mut server), join(receive, send)).await;
                assert!(served.unwrap_err().is_disconnect());
            });
        }
    }
}

/// The queue is full, the peer reads nothing and closes: the other task reads the Close.
pub fn sink_that_waits_for_room_learns_of_a_close<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let config = config().write_high_water(1000);
        let (ws, mut peer, _) = facing_through::<H>(role, config, 100);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let told = Signal::default();
        let send = async {
            sink.feed(message(0, 2000)).await.unwrap();
            let error = loop {
                if let Err(error) = sink.feed(message(1, 10)).await {
                    break error;
                }
            };
            assert!(error.is_closed(), "{error:?}");
            told.tell();
        };
        let script = async {
            pause().await;
            pause().await;
            peer.send(peer.frames().close(1000, "")).await;
            told.wait().await;
            expect_all(&mut peer, &[message(0, 2000)]).await;
            peer.expect_close(1000).await;
            peer.finish().await;
        };
        let receive = async { assert!(stream.next().await.is_none()) };
        join(join(receive, send), script).await;
    });
}

/// A waiting sink learns of a reset.
pub fn sink_that_waits_for_room_learns_of_a_reset<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let config = config().write_high_water(1000);
        let (ws, peer, _) = facing_through::<H>(role, config, 100);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let send = async {
            sink.feed(message(0, 2000)).await.unwrap();
            while sink.feed(message(1, 10)).await.is_ok() {}
        };
        let reset = async {
            pause().await;
            pause().await;
            peer.probe().reset();
        };
        let receive = async { while stream.next().await.is_some() {} };
        join(join(receive, send), reset).await;
    });
}

/// Proves: R6455-7.1.2-a
pub fn stream_that_waits_learns_of_a_close_of_the_sink<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), CAPACITY);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let close = async {
            pause().await;
            sink.close().await.unwrap();
        };
        let script = async {
            peer.expect_close(1000).await;
            pause().await;
            peer.send(peer.frames().text("still")).await;
            pause().await;
            answer_close(&mut peer, role).await;
        };
        let receive = async {
            assert_eq!(rest(&mut stream).await, [Message::text("still")]);
        };
        join(join(receive, close), script).await;
    });
}

/// The stream's task has polled once and dropped its half; the sink's task goes on alone.
pub fn sink_goes_on_after_the_receiving_task_has_ended<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), 1000);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        assert!(once(stream.next()).await.is_none());
        drop(stream);
        let sent = messages(20, 3000);
        let send = async {
            for message in &sent {
                sink.send(message.clone()).await.unwrap();
            }
        };
        join(send, expect_all(&mut peer, &sent)).await;
    });
}

/// Two connections, each message of the one forwarded to the other, until one end closes.
pub fn relay_by_forward_both_ways<H: Harness>() {
    for (count, size) in [(200, 10), (10, 50_000)] {
        for way in WAYS {
            run::<H>(async {
                let (near, far) = (pair::<H>(config(), 1000), pair::<H>(config(), CAPACITY));
                let received = [Signal::default(), Signal::default()];
                let (near_out, near_in) = apart::<H>(near.server, way);
                let (far_out, far_in) = apart::<H>(far.server, way);
                let mut tasks: Vec<Boxed<'_, ()>> = vec![
                    Box::pin(async { near_out.forward(far_in).await.unwrap() }),
                    Box::pin(async { far_out.forward(near_in).await.unwrap() }),
                ];
                for (at, ws) in [near.client, far.client].into_iter().enumerate() {
                    let (mut stream, mut sink) = apart::<H>(ws, way);
                    let received = &received;
                    tasks.push(Box::pin(async move {
                        for number in 0..count {
                            sink.send(message(number, size)).await.unwrap();
                        }
                        if at == 0 {
                            received[0].wait().await;
                            received[1].wait().await;
                            sink.close().await.unwrap();
                        }
                    }));
                    tasks.push(Box::pin(async move {
                        for number in 0..count {
                            let came = stream.next().await.unwrap().unwrap();
                            assert!(came == message(number, size), "{way:?}: {number}");
                        }
                        received[at].tell();
                        assert!(stream.next().await.is_none());
                    }));
                }
                join_all(tasks).await;
            });
        }
    }
}

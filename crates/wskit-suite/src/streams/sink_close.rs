//! Closing a sink: it starts the closing handshake, waits for its end, and reports an unclean one.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use wskit_driver::ConnectionError;
use wskit_proto::TimeoutKind;
use wskit_test::{Harness, join, now, once, pause, sleep};

use super::sink_scene::{
    Apart, answer_close, apart, each, each_timed, expect_all, message, messages, ready, rest,
};
use crate::scene::{config, facing, facing_through};

const MS: Duration = Duration::from_millis(1);
/// The default of `Config::close_timeout`.
const CLOSE: Duration = Duration::from_secs(5);

/// Asserts that `time` has passed since `start`; runtimes round up to their tick.
fn passed<H: Harness>(start: Instant, time: Duration) {
    let passed = now::<H>() - start;
    assert!(
        passed >= time && passed < time + MS * 100,
        "{passed:?} instead of {time:?}"
    );
}

/// Asserts that it was over by the deadline.
fn in_time<H: Harness>(start: Instant) {
    let passed = now::<H>() - start;
    assert!(passed < CLOSE + MS * 100, "only after {passed:?}");
}

/// Three requests by `forward`; their answers come when the source has ended and the sink is closing.
pub fn answers_that_come_20_ms_after_the_source_has_ended<H: Harness>() {
    each_timed::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing::<H>(role, config());
        let (mut stream, sink) = apart::<H>(ws, way);
        let sent = messages(3, 100);
        let start = now::<H>();
        let script = async {
            expect_all(&mut peer, &sent).await;
            for message in &sent {
                sleep::<H>(MS * 20).await;
                peer.send(peer.frames().binary(message.as_bytes())).await;
            }
            peer.expect_close(1000).await;
            answer_close(&mut peer, role).await;
        };
        let forward = ready(sent.clone()).forward(sink);
        let ((forwarded, answers), ()) = join(join(forward, rest(&mut stream)), script).await;
        forwarded.unwrap();
        assert_eq!(answers, sent);
        passed::<H>(start, MS * 60);
    });
}

/// The stream is polled after everything has come, the peer's Close included.
pub fn stream_that_is_polled_late_receives_what_came<H: Harness>() {
    each_timed::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing::<H>(role, config());
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let answers = messages(3, 1000);
        let start = now::<H>();
        let receive = async {
            sleep::<H>(MS * 100).await;
            assert_eq!(rest(&mut stream).await, answers);
        };
        let script = async {
            peer.expect_close(1000).await;
            for message in &answers {
                peer.send(peer.frames().binary(message.as_bytes())).await;
            }
            answer_close(&mut peer, role).await;
        };
        let ((closed, ()), ()) = join(join(sink.close(), receive), script).await;
        closed.unwrap();
        passed::<H>(start, MS * 100);
    });
}

/// Without a receiver the sink completes the closing itself.
///
/// Proves: R6455-7.1.2-a
pub fn close_that_is_answered_at_once_ends_at_once<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing::<H>(role, config());
        let (stream, mut sink) = apart::<H>(ws, way);
        drop(stream);
        let script = async {
            peer.expect_close(1000).await;
            answer_close(&mut peer, role).await;
        };
        let (closed, ()) = join(sink.close(), script).await;
        closed.unwrap();
    });
}

/// Proves: X-io-2
pub fn close_that_is_not_answered_ends_by_the_deadline<H: Harness>() {
    for receives in [true, false] {
        each_timed::<H, _>(|role, way| async move {
            let (ws, _peer, _) = facing::<H>(role, config());
            let (mut stream, mut sink) = apart::<H>(ws, way);
            let start = now::<H>();
            let receive = async {
                if receives {
                    let end = stream.next().await;
                    assert!(matches!(
                        end,
                        None | Some(Err(ConnectionError::Timeout(TimeoutKind::Close)))
                    ));
                    assert!(stream.next().await.is_none());
                }
            };
            let (closed, ()) = join(sink.close(), receive).await;
            assert!(closed.is_err(), "what has not ended cleanly is an error");
            passed::<H>(start, CLOSE);
        });
    }
}

/// The peer sends a message and answers the Close; the stream exists and is never polled.
///
/// Proves: X-io-2
pub fn close_ends_by_the_deadline_although_nothing_reads<H: Harness>() {
    each_timed::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing::<H>(role, config());
        let (_stream, mut sink) = apart::<H>(ws, way);
        let start = now::<H>();
        peer.send(peer.frames().text("one")).await;
        peer.send(peer.frames().text("two")).await;
        peer.send(peer.frames().close(1000, "")).await;
        let closed = sink.close().await;
        in_time::<H>(start);
        if way == Apart::Halves {
            // Only the reader reads the answer.
            closed.unwrap_err();
        }
    });
}

/// One task that forwards first and wants to read the answers afterwards.
///
/// Proves: X-io-2
pub fn forward_ends_by_the_deadline_although_nothing_reads<H: Harness>() {
    each_timed::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing::<H>(role, config());
        let (mut stream, sink) = apart::<H>(ws, way);
        let sent = messages(3, 100);
        let start = now::<H>();
        let script = async {
            for message in &sent {
                expect_all(&mut peer, core::slice::from_ref(message)).await;
                peer.send(peer.frames().binary(message.as_bytes())).await;
            }
            peer.expect_close(1000).await;
            peer.send(peer.frames().close(1000, "")).await;
        };
        let forward = async {
            let _ = ready(sent.clone()).forward(sink).await;
            in_time::<H>(start);
            while stream.next().await.is_some() {}
            in_time::<H>(start);
        };
        join(forward, script).await;
    });
}

/// The deadline counts from the Close on, however often the closing is dropped and called again.
pub fn close_that_is_cut_keeps_its_first_deadline<H: Harness>() {
    each_timed::<H, _>(|role, way| async move {
        let (ws, _peer, _) = facing::<H>(role, config());
        let (_stream, mut sink) = apart::<H>(ws, way);
        let start = now::<H>();
        for _ in 0..4 {
            assert!(once(sink.close()).await.is_none());
            sleep::<H>(MS * 1000).await;
        }
        sink.close().await.unwrap_err();
        passed::<H>(start, CLOSE);
    });
}

/// The Close goes last, behind all messages that wait for room in the pipe.
pub fn close_sends_what_was_fed_before<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), 100);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let sent = messages(3, 3000);
        let send = async {
            for message in &sent {
                sink.feed(message.clone()).await.unwrap();
            }
            sink.close().await.unwrap();
        };
        let script = async {
            pause().await;
            expect_all(&mut peer, &sent).await;
            peer.expect_close(1000).await;
            answer_close(&mut peer, role).await;
        };
        let receive = async { assert!(stream.next().await.is_none()) };
        join(join(send, receive), script).await;
    });
}

/// The peer has disconnected before the first message.
pub fn forward_of_three_messages_into_a_dead_pipe<H: Harness>() {
    for receives in [true, false] {
        each_timed::<H, _>(|role, way| async move {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut stream, sink) = apart::<H>(ws, way);
            peer.hang_up();
            let start = now::<H>();
            let receive = async {
                if receives {
                    while stream.next().await.is_some() {}
                }
            };
            let forward = ready(messages(3, 100)).forward(sink);
            let (forwarded, ()) = join(forward, receive).await;
            assert!(forwarded.is_err(), "three messages are lost");
            in_time::<H>(start);
        });
    }
}

/// The peer has gone when the sink closes, with a message queued or with nothing.
pub fn close_of_a_peer_that_has_gone<H: Harness>() {
    for queued in [0, 1] {
        for receives in [true, false] {
            each_timed::<H, _>(|role, way| async move {
                let (ws, mut peer, _) = facing::<H>(role, config());
                let (mut stream, mut sink) = apart::<H>(ws, way);
                for at in 0..queued {
                    sink.feed(message(at, 5)).await.unwrap();
                }
                peer.hang_up();
                let start = now::<H>();
                let receive = async {
                    if receives {
                        while stream.next().await.is_some() {}
                    }
                };
                let (closed, ()) = join(sink.close(), receive).await;
                assert!(closed.is_err(), "no Close has come");
                in_time::<H>(start);
            });
        }
    }
}

/// The peer reads the Close and disconnects without its own (RFC 6455 §7.1.4: not clean).
pub fn close_that_is_followed_by_the_end_of_the_stream<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing::<H>(role, config());
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let script = async {
            peer.expect_close(1000).await;
            peer.hang_up();
        };
        let receive = async { while stream.next().await.is_some() {} };
        let ((closed, ()), ()) = join(join(sink.close(), receive), script).await;
        closed.unwrap_err();
    });
}

/// The messages queued before the Close can never be written.
pub fn close_behind_a_queue_that_is_reset<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, peer, _) = facing_through::<H>(role, config(), 100);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        sink.feed(message(0, 3000)).await.unwrap();
        let reset = async {
            pause().await;
            pause().await;
            peer.probe().reset();
        };
        let receive = async { while stream.next().await.is_some() {} };
        let ((closed, ()), ()) = join(join(sink.close(), receive), reset).await;
        closed.unwrap_err();
    });
}

/// Closing a closed sink is `Ok`, whichever side closed first.
pub fn close_of_a_closed_sink_is_ok<H: Harness>() {
    for peer_begins in [true, false] {
        each::<H, _>(|role, way| async move {
            let (ws, mut peer, _) = facing::<H>(role, config());
            let (mut stream, mut sink) = apart::<H>(ws, way);
            let script = async {
                if peer_begins {
                    peer.send(peer.frames().close(1000, "")).await;
                    peer.expect_close(1000).await;
                    peer.finish().await;
                } else {
                    peer.expect_close(1000).await;
                    answer_close(&mut peer, role).await;
                }
            };
            let receive = async { assert!(stream.next().await.is_none()) };
            let close = async {
                if !peer_begins {
                    sink.close().await.unwrap();
                }
            };
            join(join(receive, close), script).await;
            sink.close().await.unwrap();
            assert!(sink.send(message(0, 5)).await.unwrap_err().is_closed());
        });
    }
}

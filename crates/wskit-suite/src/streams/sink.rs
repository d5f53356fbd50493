//! `Sink`: what a completed flush has written, what a dropped sink leaves behind, and how much it takes.

use std::future::poll_fn;
use std::pin::Pin;

use futures_util::{Sink, SinkExt, StreamExt};
use wskit_proto::{Message, Role};
use wskit_test::{Harness, cut, join, once, pause, run};

use super::sink_scene::{
    Signal, answer_close, apart, each, expect_all, message, messages, source, written,
};
use crate::scene::{config, facing, facing_through};

/// `forward` flushes whenever its source has to wait: each message arrives before the next one is there,
/// though a flush is still going on when it comes.
///
/// Proves: X-io-3
pub fn forward_of_10_kb_messages_through_a_4_kib_pipe<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), 4 << 10);
        let (mut stream, sink) = apart::<H>(ws, way);
        let sent = messages(5, 10_000);
        let arrived = Signal::default();
        let script = async {
            expect_all(&mut peer, &sent).await;
            arrived.tell();
            peer.expect_close(1000).await;
            answer_close(&mut peer, role).await;
        };
        let forward = source(sent.clone(), &arrived).forward(sink);
        let receive = async { assert!(stream.next().await.is_none()) };
        let ((forwarded, ()), ()) = join(join(forward, receive), script).await;
        forwarded.unwrap();
    });
}

/// Feed, flush that has to wait, feed, flush: the second flush answers for both.
pub fn message_fed_in_mid_flush_is_flushed_too<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, probe) = facing_through::<H>(role, config(), 1000);
        let (_stream, mut sink) = apart::<H>(ws, way);
        let sent = messages(2, 3000);
        let send = async {
            sink.feed(sent[0].clone()).await.unwrap();
            assert!(once(sink.flush()).await.is_none());
            sink.feed(sent[1].clone()).await.unwrap();
            sink.flush().await.unwrap();
            assert!(written(role, &probe) == sent, "not all was written");
        };
        let script = async {
            pause().await;
            expect_all(&mut peer, &sent).await;
        };
        join(send, script).await;
    });
}

/// The first message is written by another writer's flush; the second one must be written too.
pub fn send_dropped_in_mid_flush_then_a_flush_of_another_then_a_second_send<H: Harness>() {
    for role in [Role::Client, Role::Server] {
        run::<H>(async {
            let (ws, mut peer, probe) = facing_through::<H>(role, config(), 1000);
            let (_reader, mut writer) = ws.split();
            let sent = [message(0, 3000), message(1, 8)];
            let send = async {
                assert!(
                    once(SinkExt::send(&mut writer, sent[0].clone()))
                        .await
                        .is_none()
                );
                writer.clone().flush().await.unwrap();
                SinkExt::send(&mut writer, sent[1].clone()).await.unwrap();
                assert!(written(role, &probe) == sent, "not all was written");
            };
            let script = async {
                pause().await;
                expect_all(&mut peer, &sent).await;
            };
            join(send, script).await;
        });
    }
}

/// The other task waits for messages, and the peer for the rest of the one that was cut.
///
/// Proves: X-io-4
pub fn sink_dropped_in_mid_flush_leaves_the_rest_to_the_reader<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), 100);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let data = message(0, 2000);
        let send = async {
            pause().await;
            assert!(once(sink.send(data.clone())).await.is_none());
            drop(sink);
        };
        let script = async {
            pause().await;
            pause().await;
            expect_all(&mut peer, core::slice::from_ref(&data)).await;
            peer.send(peer.frames().text("got it")).await;
        };
        let (received, _) = join(stream.next(), join(send, script)).await;
        assert_eq!(received.unwrap().unwrap(), Message::text("got it"));
    });
}

/// A sink that starts its next message has given up its flush.
///
/// Proves: X-io-4
pub fn sink_fed_again_in_mid_flush_leaves_the_rest_to_the_reader<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), 100);
        let (mut stream, mut sink) = apart::<H>(ws, way);
        let sent = messages(2, 2000);
        let answered = Signal::default();
        let send = async {
            pause().await;
            assert!(once(sink.send(sent[0].clone())).await.is_none());
            sink.feed(sent[1].clone()).await.unwrap();
            answered.wait().await;
            sink.flush().await.unwrap();
        };
        let receive = async {
            let received = stream.next().await.unwrap().unwrap();
            assert_eq!(received, Message::text("got it"));
            answered.tell();
        };
        let script = async {
            pause().await;
            pause().await;
            expect_all(&mut peer, &sent[..1]).await;
            peer.send(peer.frames().text("got it")).await;
            expect_all(&mut peer, &sent[1..]).await;
        };
        join(receive, join(send, script)).await;
    });
}

/// A ready sink may start a message, whatever other writers do meanwhile.
pub fn six_clones_that_are_ready_start_400_kib_each<H: Harness>() {
    run::<H>(async {
        let (ws, mut peer, _) = facing::<H>(Role::Server, config());
        let (_reader, writer) = ws.split();
        let sent = messages(6, 400 << 10);
        let mut writers = vec![writer; 6];
        for writer in &mut writers {
            poll_fn(|cx| Pin::new(&mut *writer).poll_ready(cx))
                .await
                .unwrap();
        }
        for (writer, message) in writers.iter_mut().zip(&sent) {
            Pin::new(writer).start_send(message.clone()).unwrap();
        }
        let flush = async {
            for writer in &mut writers {
                SinkExt::<Message>::flush(writer).await.unwrap();
            }
        };
        join(flush, expect_all(&mut peer, &sent)).await;
    });
}

/// The limit is for callers that feed without asking for room; a sink has asked.
pub fn ready_sink_starts_although_the_limit_is_below_the_mark<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let config = config().write_high_water(1000).write_queue_limit(100);
        let (ws, mut peer, _) = facing::<H>(role, config);
        let (_stream, mut sink) = apart::<H>(ws, way);
        let sent = messages(20, 150);
        let send = async {
            for message in &sent {
                sink.feed(message.clone()).await.unwrap();
            }
            sink.flush().await.unwrap();
        };
        join(send, expect_all(&mut peer, &sent)).await;
    });
}

/// Proves: X-io-4
pub fn flush_that_was_dropped_and_repeated<H: Harness>() {
    for polls in 1..4 {
        each::<H, _>(|role, way| async move {
            let (ws, mut peer, probe) = facing_through::<H>(role, config(), 1000);
            let (_stream, mut sink) = apart::<H>(ws, way);
            let sent = messages(3, 3000);
            let send = async {
                for (at, message) in sent.iter().enumerate() {
                    sink.feed(message.clone()).await.unwrap();
                    cut(sink.flush(), polls).await;
                    sink.flush().await.unwrap();
                    assert!(written(role, &probe) == sent[..=at], "not all was written");
                }
            };
            join(send, expect_all(&mut peer, &sent)).await;
        });
    }
}

/// The peer disconnects while a flush waits: that flush and the next fail.
pub fn flush_of_lost_data_is_an_error<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, mut peer, _) = facing_through::<H>(role, config(), 100);
        let (_stream, mut sink) = apart::<H>(ws, way);
        sink.feed(message(0, 2000)).await.unwrap();
        let go = async {
            pause().await;
            peer.hang_up();
        };
        let (flushed, ()) = join(sink.flush(), go).await;
        flushed.unwrap_err();
        sink.flush().await.unwrap_err();
        sink.send(message(1, 5)).await.unwrap_err();
    });
}

/// The other task has seen the reset and the queue is dropped: nothing is left to flush, but it was not
/// written, so the flush fails.
pub fn flush_after_the_reader_has_seen_a_reset_is_an_error<H: Harness>() {
    each::<H, _>(|role, way| async move {
        let (ws, peer, _) = facing::<H>(role, config());
        let (mut stream, mut sink) = apart::<H>(ws, way);
        peer.probe().reset();
        sink.feed(message(0, 5)).await.unwrap();
        assert!(stream.next().await.unwrap().is_err());
        sink.flush().await.unwrap_err();
    });
}

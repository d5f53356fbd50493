//! A peer that never stops sending: no read comes back empty, and every deadline is kept.

use std::future::poll_fn;
use std::pin::Pin;

use futures_sink::Sink;
use wskit_driver::{ByteStream, ConnectionError, Shutdown};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Cause, Keepalive, Outcome, TimeoutKind};
use wskit_test::{Harness, join, now, once, timer};

use super::flood_scene::{
    Content, KINDS, Kind, PINGS, SLACK, TIME, brief, flooded, flooded_through,
};
use crate::scene::{config, pattern};
use crate::streams::byte_stream::{close, read};

fn ran_out(outcome: &Outcome) {
    assert_eq!(outcome.cause, Cause::Timeout(TimeoutKind::Close));
}

/// Receives to the end of a connection whose closing handshake runs out of time.
macro_rules! receive_until_time_is_up {
    ($receiver:expr) => {{
        let error = loop {
            match $receiver.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, ConnectionError::Timeout(TimeoutKind::Close)),
            "{error:?}"
        );
        assert!(matches!($receiver.recv().await, Ok(None)));
    }};
}

/// Proves: R6455-5.5.1-k, X-io-2
pub fn flooded_close_ends_by_its_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ran_out(&ws.close(CloseCode::NORMAL, "").await.unwrap());
        scene.ends_by::<H>(TIME);
    });
    flooded::<H>(PINGS, brief(), async |mut ws, _, scene| {
        ran_out(&ws.close(CloseCode::NORMAL, "").await.unwrap());
        scene.ends_by::<H>(TIME);
    });
}

/// The Close waits behind a queue that the peer does not read.
///
/// Proves: X-io-2
pub fn flooded_close_behind_a_stuck_queue_ends_by_its_deadline<H: Harness>() {
    flooded_through::<H>(100, KINDS, brief(), async |mut ws, _, scene| {
        assert!(once(ws.send(&pattern(10_000))).await.is_none());
        ran_out(&ws.close(CloseCode::NORMAL, "").await.unwrap());
        scene.ends_by::<H>(TIME);
    });
}

/// Messages of the peer are received until the deadline.
///
/// Proves: X-io-2
pub fn flooded_receiver_ends_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        receive_until_time_is_up!(ws);
        scene.ends_by::<H>(TIME);
    });
}

/// A receiver of lent messages, or of pieces, keeps the deadline too.
///
/// Proves: X-io-2
pub fn flooded_lender_ends_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        let error = loop {
            match ws.recv_ref().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => break error,
            }
        };
        assert!(matches!(
            error,
            ConnectionError::Timeout(TimeoutKind::Close)
        ));
        scene.ends_by::<H>(TIME);
    });
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        let error = loop {
            match ws.recv_piece().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => break error,
            }
        };
        assert!(matches!(
            error,
            ConnectionError::Timeout(TimeoutKind::Close)
        ));
        scene.ends_by::<H>(TIME);
    });
}

/// Bytes behind a broken rule are read and discarded until the deadline, so that our Close arrives.
///
/// Proves: R6455-7.1.7-a, X-io-2
pub fn flooded_protocol_error_is_told_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, peer, scene| {
        peer.send(peer.frames().frame(OpCode::Continuation, true, b"of what?"))
            .await;
        let error = ws.recv().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Protocol(_)), "{error:?}");
        let passed = now::<H>() - scene.start;
        assert!(passed < TIME + SLACK, "{passed:?}: {scene}");
        assert!(matches!(ws.recv().await, Ok(None)));
        peer.expect_close(1002).await;
    });
}

/// The peer sends a Close and then more.
///
/// Proves: R6455-7.1.1-a, X-io-2
pub fn flood_behind_the_peers_close_ends_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, peer, scene| {
        peer.send(peer.frames().close(1000, "")).await;
        assert!(matches!(ws.recv().await, Ok(None)));
        let passed = now::<H>() - scene.start;
        assert!(passed < TIME + SLACK, "{passed:?}: {scene}");
        assert!(ws.outcome().unwrap().is_clean());
        peer.expect_close(1000).await;
    });
}

/// Pings are not messages: a connection that receives nothing else is idle.
///
/// Proves: X-io-2
pub fn idle_timeout_ends_a_flood_of_pings<H: Harness>() {
    for split in [false, true] {
        let config = brief().idle_timeout(Some(TIME));
        flooded::<H>(PINGS, config, async |mut ws, _, scene| {
            let outcome = if split {
                let (mut reader, writer) = ws.split();
                receive_until_time_is_up!(reader);
                writer.outcome()
            } else {
                receive_until_time_is_up!(ws);
                ws.outcome()
            };
            let sent = outcome.unwrap().sent;
            assert_eq!(sent, Some(Some(CloseCode::GOING_AWAY)), "{scene}");
            // The idle timeout is checked four times within its length.
            let passed = now::<H>() - scene.start;
            assert!(
                passed >= TIME * 2 && passed < TIME * 2 + TIME / 4 + SLACK,
                "{passed:?}: {scene}"
            );
        });
    }
}

/// With the reader dropped, the writer that closes reads in its place.
///
/// Proves: X-io-2
pub fn flooded_writer_without_a_reader_closes_by_its_deadline<H: Harness>() {
    for kinds in [KINDS, PINGS] {
        flooded::<H>(kinds, brief(), async |ws, _, scene| {
            let (reader, writer) = ws.split();
            drop(reader);
            ran_out(&writer.close(CloseCode::NORMAL, "").await.unwrap());
            scene.ends_by::<H>(TIME);
        });
        flooded::<H>(kinds, brief(), async |ws, _, scene| {
            let (reader, mut writer) = ws.split();
            drop(reader);
            let _ = poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await;
            ran_out(&writer.outcome().expect("the end"));
            scene.ends_by::<H>(TIME);
        });
    }
}

/// The reader exists, and its task does something else.
///
/// Proves: X-io-2
pub fn flooded_writer_beside_a_reader_that_rests_closes_by_its_deadline<H: Harness>() {
    for as_sink in [false, true] {
        flooded::<H>(KINDS, brief(), async |ws, _, scene| {
            let (_reader, mut writer) = ws.split();
            if as_sink {
                let _ = poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await;
                ran_out(&writer.outcome().expect("the end"));
            } else {
                ran_out(&writer.close(CloseCode::NORMAL, "").await.unwrap());
            }
            scene.ends_by::<H>(TIME);
        });
    }
}

/// Both halves are in use.
///
/// Proves: X-io-2
pub fn flooded_halves_close_by_their_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |ws, _, scene| {
        let (mut reader, writer) = ws.split();
        let read = async {
            receive_until_time_is_up!(reader);
            scene.ends_by::<H>(TIME);
        };
        let close = async {
            ran_out(&writer.close(CloseCode::NORMAL, "").await.unwrap());
            scene.ends_by::<H>(TIME);
        };
        join(read, close).await;
    });
    // The closing writer does not wait for it.
    flooded::<H>(KINDS, brief(), async |ws, _, scene| {
        let (mut reader, writer) = ws.split();
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        receive_until_time_is_up!(reader);
        scene.ends_by::<H>(TIME);
    });
}

/// The sink of a whole connection.
///
/// Proves: X-io-2
pub fn flooded_sink_closes_by_its_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        // A message has come that the stream has to receive before closing goes on.
        poll_fn(|cx| Pin::new(&mut ws).poll_close(cx))
            .await
            .unwrap();
        receive_until_time_is_up!(ws);
        scene.ends_by::<H>(TIME);
    });
}

/// No poll of a sink that closes goes on for ever: one that has read much lets other tasks run.
///
/// Proves: X-io-2
pub fn flooded_sink_lets_other_tasks_run_while_it_closes<H: Harness>() {
    for split in [false, true] {
        for kinds in [KINDS, PINGS] {
            flooded::<H>(kinds, brief(), async |mut ws, _, scene| {
                if split {
                    let (_, mut writer) = ws.split();
                    let _ = once(poll_fn(|cx| Pin::new(&mut writer).poll_close(cx))).await;
                } else {
                    let _ = once(poll_fn(|cx| Pin::new(&mut ws).poll_close(cx))).await;
                }
                let passed = now::<H>() - scene.start;
                assert!(passed < TIME / 2, "{passed:?} in one poll: {scene}");
            });
        }
    }
}

/// A flush that does not wait does not extend how long a task may receive before others run.
///
/// Proves: X-io-2
pub fn flooded_receiver_lets_other_tasks_run_though_it_flushes<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        let endless = async {
            loop {
                ws.recv().await.unwrap();
                // The second one reads ahead, because nothing was received since the first.
                ws.flush().await.unwrap();
                ws.flush().await.unwrap();
            }
        };
        let _: Option<()> = once(endless).await;
        let passed = now::<H>() - scene.start;
        assert!(passed < TIME, "{passed:?} in one poll: {scene}");
    });
}

/// A byte stream is read until the deadline.
///
/// Proves: X-io-2
pub fn flooded_byte_stream_closes_by_its_deadline<H: Harness>() {
    let plain: Vec<Kind> = KINDS
        .iter()
        .copied()
        // Byte streams take no text messages.
        .filter(|kind| matches!(kind.content, Content::Messages | Content::Large))
        .collect();
    flooded::<H>(&plain, brief(), async |ws, _, scene| {
        let mut stream = ByteStream::new(ws);
        close(&mut stream).await.unwrap();
        let error = loop {
            match read(&mut stream, 4096).await {
                Ok(some) => assert!(!some.is_empty(), "a stream that was cut has no end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        scene.ends_by::<H>(TIME);
    });
}

/// The shutdown's deadline holds, however long the connections themselves would wait.
///
/// Proves: X-io-2
pub fn shutdown_gives_up_a_flood<H: Harness>() {
    let patient = || config().close_timeout(TIME * 1000);
    for split in [false, true] {
        flooded::<H>(KINDS, patient(), async |mut ws, _, scene| {
            let shutdown = Shutdown::with_timer(timer::<H>());
            ws.track(&shutdown);
            let own = async {
                if split {
                    let (mut reader, _writer) = ws.split();
                    receive_until_time_is_up!(reader);
                } else {
                    receive_until_time_is_up!(ws);
                }
            };
            let finish = async {
                let report = shutdown.finish(TIME).await.unwrap();
                assert_eq!((report.timed_out, report.total()), (1, 1), "{scene}");
            };
            join(own, finish).await;
            let passed = now::<H>() - scene.start;
            // A runtime's own timer fires between two polls of a task.
            assert!(
                passed >= TIME && passed < TIME + SLACK,
                "{passed:?}: {scene}"
            );
        });
    }
}

/// Any bytes are a sign of life, pongs or not.
///
/// Proves: X-io-2
pub fn keepalive_spares_a_peer_that_never_stops<H: Harness>() {
    let keepalive = Keepalive {
        every: TIME / 3,
        answer_within: TIME / 3,
    };
    let config = brief().keepalive(Some(keepalive));
    flooded::<H>(KINDS, config, async |mut ws, _, scene| {
        while now::<H>() - scene.start < TIME * 4 {
            assert!(ws.recv().await.unwrap().is_some(), "{scene}");
        }
    });
}

//! Split connections under many orders of tasks and narrow, faulty pipes.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use wskit_driver::{Runtime, WebSocket};
use wskit_proto::{CloseCode, Config, Message, Role};
use wskit_test::{Executor, Faults, Simulated, pause, pipe};

/// Writers that are created, dropped and that ping, a reader at each end; the last writer closes. Every
/// order of tasks ends cleanly, at once, with each message received once and in its writer's order.
///
/// Proves: X-io-3, X-io-4
#[test]
fn every_schedule_ends_cleanly() {
    for seed in 0..200 {
        let executor = Executor::with_seed(seed);
        let finished = Rc::new(Cell::new(0));
        let done = finished.clone();
        executor.block_on(async {
            let (near, far) = pipe(37 + seed as usize % 100);
            if seed % 3 == 0 {
                near.probe().set_faults(Faults::hesitant());
                far.probe().set_faults(Faults::hesitant());
            }
            let config = || Config::new().keepalive(None).write_high_water(500);
            let client =
                WebSocket::from_parts(Simulated::wrap(near), Role::Client, Bytes::new(), config());
            let server =
                WebSocket::from_parts(Simulated::wrap(far), Role::Server, Bytes::new(), config());
            for ws in [client, server] {
                let (mut reader, writer) = ws.split();
                let writing = Rc::new(Cell::new(4));
                for who in 0..4_u8 {
                    let (writer, writing, done) = (writer.clone(), writing.clone(), done.clone());
                    executor.spawn(async move {
                        for at in 0..10_u8 {
                            let mut message = vec![who; 20 + usize::from(at) * 30];
                            message[1] = at;
                            match at % 3 {
                                0 => writer.feed(message).await.unwrap(),
                                1 => writer.reserve().await.unwrap().send(message),
                                _ => writer.send(message).await.unwrap(),
                            }
                            if at == 5 {
                                writer.ping(&[who]).await.unwrap();
                            }
                            // Dropped after one poll.
                            let _ = wskit_test::once(writer.reserve()).await;
                        }
                        writer.flush().await.unwrap();
                        writing.set(writing.get() - 1);
                        done.set(done.get() + 1);
                    });
                }
                let done = done.clone();
                executor.spawn(async move {
                    let mut next = [0_u8; 4];
                    while next.iter().sum::<u8>() < 40 {
                        let message = reader.recv().await.unwrap().unwrap();
                        let who = usize::from(message.as_bytes()[0]);
                        assert_eq!(message.as_bytes()[1], next[who], "seed {seed}");
                        next[who] += 1;
                    }
                    while writing.get() > 0 {
                        // The writers of this end are not done: it must go on reading for them.
                        let _ = wskit_test::once(reader.recv()).await;
                        pause().await;
                    }
                    // Both ends close, in any order; one of them without its reader.
                    if seed % 2 == 0 {
                        drop(reader);
                        let outcome = writer.close(CloseCode::NORMAL, "").await.unwrap();
                        assert!(outcome.is_clean(), "seed {seed}: {outcome:?}");
                    } else {
                        writer.start_close(CloseCode::NORMAL, "").unwrap();
                        assert!(reader.recv().await.unwrap().is_none(), "seed {seed}");
                    }
                    done.set(done.get() + 1);
                });
            }
            while done.get() < 10 {
                pause().await;
            }
        });
        assert_eq!(finished.get(), 10, "seed {seed}");
        assert!(
            executor.clock().elapsed().is_zero(),
            "seed {seed}: a deadline had to help"
        );
    }
}

/// A connection that `futures` has split, and a peer that echoes. One task sends everything and ends, the
/// other one receives all of it. Both make progress in every order, whichever of the two reads.
///
/// Proves: X-io-3
#[test]
fn every_schedule_of_a_stream_and_its_sink_ends() {
    for seed in 0..300 {
        let executor = Executor::with_seed(seed);
        let sizes = [10, 10, 3000, 10, 700, 50_000][..=seed as usize % 6].repeat(5);
        executor.block_on(async {
            let (near, far) = pipe([7, 100, 1000, 65_536][seed as usize % 4]);
            if seed % 3 == 0 {
                near.probe().set_faults(Faults::hesitant());
                far.probe().set_faults(Faults::hesitant());
            }
            let config = || Config::new().keepalive(None).write_high_water(2000);
            let client =
                WebSocket::from_parts(Simulated::wrap(near), Role::Client, Bytes::new(), config());
            let mut server =
                WebSocket::from_parts(Simulated::wrap(far), Role::Server, Bytes::new(), config());
            executor.spawn(async move {
                while let Some((message, out)) = server.recv_ref().await.unwrap() {
                    out.feed(message).unwrap();
                }
            });
            let (mut sink, mut stream) = StreamExt::split(client);
            let sending = sizes.clone();
            executor.spawn(async move {
                for size in sending {
                    sink.send(Message::binary(vec![7; size])).await.unwrap();
                }
                if seed % 2 == 0 {
                    sink.close().await.unwrap();
                }
            });
            for size in sizes {
                let message = stream.next().await.unwrap().unwrap();
                assert_eq!(message.as_bytes().len(), size, "seed {seed}");
            }
            if seed % 2 == 0 {
                assert!(stream.next().await.is_none(), "seed {seed}");
            }
        });
        assert!(
            executor.clock().elapsed().is_zero(),
            "seed {seed}: a deadline had to help"
        );
    }
}

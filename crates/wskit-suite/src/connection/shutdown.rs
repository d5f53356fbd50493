//! Graceful shutdown of many connections.

use std::time::Duration;

use wskit_driver::{ConnectionError, LaneConfig, Report, Shutdown, WebSocket};
use wskit_frame::OpCode;
use wskit_proto::{Message, Role, SendError, TimeoutKind};
use wskit_test::{
    Boxed, Fault, Faults, Harness, Io, Script, TimerOf, cut, join, join_all, now, once, pause, run,
    run_timed, sleep, timer,
};

use crate::scene::{CAPACITY, ROLES, config, echo, facing, facing_through, pair, pattern};

const SECOND: Duration = Duration::from_secs(1);

fn shutdown<H: Harness>() -> Shutdown<TimerOf<H>> {
    Shutdown::with_timer(timer::<H>())
}

fn counts(report: Report) -> [usize; 4] {
    [
        report.clean,
        report.failed,
        report.timed_out,
        report.dropped,
    ]
}

/// Answers a Close with 1001 as a peer does.
async fn answer_close(peer: &mut Script) {
    peer.expect_close(1001).await;
    peer.send(peer.frames().close(1001, "")).await;
    peer.finish().await;
}

/// Every receive method reports the end without knowing of the shutdown.
///
/// Proves: R6455-5.5.1-e
pub fn tracked_connection_closes_and_its_loop_ends<H: Harness>() {
    for role in ROLES {
        for way in 0..5 {
            run::<H>(async {
                let shutdown = shutdown::<H>();
                let (mut ws, mut peer, _) = facing::<H>(role, config());
                let receive = async {
                    match way {
                        0 => {
                            ws.track(&shutdown);
                            assert_eq!(ws.recv().await.unwrap(), None);
                        }
                        1 => {
                            ws.track(&shutdown);
                            assert!(ws.recv_ref().await.unwrap().is_none());
                        }
                        2 => {
                            ws.track(&shutdown);
                            assert!(ws.recv_event().await.unwrap().is_none());
                        }
                        3 => {
                            ws.track(&shutdown);
                            let (mut reader, _writer) = ws.split();
                            assert_eq!(reader.recv().await.unwrap(), None);
                        }
                        _ => {
                            let (mut reader, _writer) = ws.split();
                            reader.track(&shutdown);
                            assert!(reader.recv_ref().await.unwrap().is_none());
                        }
                    }
                };
                let end = async {
                    pause().await;
                    pause().await;
                    assert_eq!(shutdown.connections(), 1);
                    let report = shutdown.finish(SECOND * 10).await.unwrap();
                    assert_eq!(counts(report), [1, 0, 0, 0]);
                    assert_eq!(shutdown.connections(), 0);
                };
                join(join(receive, end), answer_close(&mut peer)).await;
            });
        }
    }
}

/// Proves: R6455-5.5.1-e
pub fn what_the_peer_still_sends_is_received<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let shutdown = shutdown::<H>();
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            ws.track(&shutdown);
            let receive = async {
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("before")));
                shutdown.request();
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("after")));
                assert!(matches!(
                    ws.send("late").await,
                    Err(ConnectionError::Send(SendError::Closed))
                ));
                assert_eq!(ws.recv().await.unwrap(), None);
                assert!(ws.outcome().unwrap().is_clean());
            };
            let script = async {
                peer.send(peer.frames().text("before")).await;
                peer.expect_close(1001).await;
                peer.send(peer.frames().text("after")).await;
                peer.send(peer.frames().close(1001, "")).await;
                peer.finish().await;
            };
            join(receive, script).await;
            assert_eq!(counts(shutdown.finish(SECOND).await.unwrap()), [1, 0, 0, 0]);
        });
    }
}

/// A connection whose handshake ends after the request is closed at once.
pub fn connection_that_joins_late_is_told_at_once<H: Harness>() {
    run::<H>(async {
        let shutdown = shutdown::<H>();
        assert_eq!(counts(shutdown.finish(SECOND).await.unwrap()), [0, 0, 0, 0]);
        let (mut ws, mut peer, _) = facing::<H>(Role::Server, config());
        ws.track(&shutdown);
        let (received, ()) = join(ws.recv(), answer_close(&mut peer)).await;
        assert_eq!(received.unwrap(), None);
    });
}

/// One ending of each kind. A connection that had ended before does not count.
pub fn shutdown_reports_how_each_ended<H: Harness>() {
    run_timed::<H>(async {
        let shutdown = shutdown::<H>();
        let start = now::<H>();
        let (mut early, mut gone, _) = facing::<H>(Role::Server, config());
        early.track(&shutdown);
        gone.hang_up();
        assert!(early.recv().await.is_err());

        let open = || {
            let (mut ws, peer, _) = facing::<H>(Role::Server, config());
            ws.track(&shutdown);
            (ws, peer)
        };
        let (mut clean, mut polite) = open();
        let (mut failed, mut rude) = open();
        let (mut slow, _silent) = open();
        let (dropped, _left) = open();
        assert_eq!(shutdown.connections(), 4);
        let tasks: Vec<Boxed<'_, ()>> = vec![
            Box::pin(async { assert_eq!(clean.recv().await.unwrap(), None) }),
            Box::pin(answer_close(&mut polite)),
            Box::pin(async { assert!(failed.recv().await.is_err()) }),
            Box::pin(async {
                rude.expect_close(1001).await;
                rude.hang_up();
            }),
            Box::pin(async {
                assert!(matches!(
                    slow.recv().await,
                    Err(ConnectionError::Timeout(TimeoutKind::Close))
                ));
            }),
            Box::pin(async {
                sleep::<H>(SECOND).await;
                drop(dropped);
            }),
            Box::pin(async {
                let report = shutdown.finish(SECOND * 60).await.unwrap();
                assert_eq!((counts(report), report.total()), ([1, 1, 1, 1], 4));
                let passed = now::<H>() - start;
                assert!(passed >= SECOND * 5 && passed < SECOND * 6, "{passed:?}");
                assert_eq!(
                    report.to_string(),
                    "1 closed cleanly, 1 failed, 1 did not close in time, 1 were dropped"
                );
            }),
        ];
        join_all(tasks).await;
    });
}

/// The shutdown keeps its deadline although a peer and a handler are slower. The handler learns of it at
/// its next call.
///
/// Proves: X-io-2
pub fn shutdown_gives_up_those_who_are_left<H: Harness>() {
    for role in ROLES {
        run_timed::<H>(async {
            let shutdown = shutdown::<H>();
            let start = now::<H>();
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            ws.track(&shutdown);
            let (mut busy, _peer, _) = facing::<H>(role, config());
            busy.track(&shutdown);
            let tasks: Vec<Boxed<'_, ()>> = vec![
                Box::pin(async {
                    assert!(matches!(
                        ws.recv().await,
                        Err(ConnectionError::Timeout(TimeoutKind::Close))
                    ));
                    assert!(now::<H>() - start < SECOND * 3);
                }),
                Box::pin(async { peer.expect_close(1001).await }),
                Box::pin(async {
                    sleep::<H>(SECOND * 30).await;
                    assert!(matches!(
                        busy.recv().await,
                        Err(ConnectionError::Timeout(TimeoutKind::Close))
                    ));
                    assert_eq!(busy.recv().await.unwrap(), None);
                }),
                Box::pin(async {
                    let report = shutdown.finish(SECOND * 2).await.unwrap();
                    assert_eq!(counts(report), [0, 0, 2, 0]);
                    let passed = now::<H>() - start;
                    assert!(passed >= SECOND * 2 && passed < SECOND * 3, "{passed:?}");
                    let again = shutdown.finish(SECOND * 2).await.unwrap();
                    assert_eq!(again, report);
                }),
            ];
            join_all(tasks).await;
        });
    }
}

/// A sender that waits for the socket learns of the shutdown, and the Close follows the queue.
pub fn waiting_sender_is_told_of_a_shutdown<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let shutdown = shutdown::<H>();
            let (mut ws, mut peer, _) = facing_through::<H>(role, config(), 500);
            ws.track(&shutdown);
            let data = pattern(5000);
            let send = async {
                let sent = ws.send(&data).await;
                assert!(sent.is_ok() || sent.is_err_and(|error| error.is_closed()));
                assert_eq!(ws.recv().await.unwrap(), None);
            };
            let script = async {
                pause().await;
                shutdown.request();
                pause().await;
                peer.expect(OpCode::Binary, &data).await;
                answer_close(&mut peer).await;
            };
            join(send, script).await;
            assert_eq!(counts(shutdown.finish(SECOND).await.unwrap()), [1, 0, 0, 0]);
        });
    }
}

/// An owner may finish its answer to a received message, although it has to wait for room.
pub fn answer_is_finished_before_a_shutdown_closes<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let shutdown = shutdown::<H>();
            let (mut ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(1000), 500);
            ws.track(&shutdown);
            let data = pattern(5000);
            peer.send(peer.frames().text("question")).await;
            let answer = async {
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("question")));
                ws.feed(&data).await.unwrap();
                ws.feed("the rest of it").await.unwrap();
                assert_eq!(ws.recv().await.unwrap(), None);
            };
            let script = async {
                pause().await;
                shutdown.request();
                pause().await;
                peer.expect(OpCode::Binary, &data).await;
                peer.expect(OpCode::Text, "the rest of it").await;
                answer_close(&mut peer).await;
            };
            join(answer, script).await;
        });
    }
}

/// With the reader waiting, and with another handle that reads in its place.
pub fn lanes_leave_before_the_close_of_a_shutdown<H: Harness>() {
    for with_reader in [true, false] {
        run::<H>(async {
            let shutdown = shutdown::<H>();
            let (mut ws, mut peer, _) =
                facing_through::<H>(Role::Server, config().write_high_water(1000), 500);
            ws.track(&shutdown);
            let (mut reader, writer) = ws.split();
            let mut lane = writer.lane(LaneConfig::new());
            let data = pattern(300);
            for _ in 0..30 {
                lane.push(&data).unwrap();
            }
            let own = async {
                if with_reader {
                    assert_eq!(reader.recv().await.unwrap(), None);
                } else {
                    drop(reader);
                    lane.flush().await.unwrap();
                    // Some call has to wait.
                    let outcome = writer.close(wskit_frame::CloseCode::NORMAL, "").await;
                    assert!(outcome.unwrap().is_clean());
                }
            };
            let script = async {
                pause().await;
                shutdown.request();
                for _ in 0..30 {
                    peer.expect(OpCode::Binary, &data).await;
                }
                answer_close(&mut peer).await;
            };
            join(own, script).await;
            assert_eq!(counts(shutdown.finish(SECOND).await.unwrap()), [1, 0, 0, 0]);
        });
    }
}

/// A peer that sends without a pause does not delay the shutdown.
pub fn flood_does_not_hide_a_shutdown<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let shutdown = shutdown::<H>();
            let (mut ws, mut peer, probe) = facing_through::<H>(role, config(), 64 << 20);
            ws.track(&shutdown);
            shutdown.request();
            let flood = peer.frames().binary(&pattern(1 << 16));
            for _ in 0..200 {
                peer.send(&flood).await;
            }
            let mut received = 0;
            while probe.written().is_empty() {
                received += usize::from(once(ws.recv()).await.is_some());
                // 8 MiB of large messages are a turn.
                assert!(received < 150, "no shutdown after {received} messages");
            }
            peer.expect_close(1001).await;
        });
    }
}

/// A loop that accepts, a waiting task, and a future that is done in time.
pub fn accepting_ends_with_the_request<H: Harness>() {
    run::<H>(async {
        let shutdown = shutdown::<H>();
        assert_eq!(shutdown.until_requested(async { 7 }).await, Some(7));
        // A dropped one no longer counts.
        assert!(once(shutdown.requested()).await.is_none());
        let accept = async {
            let mut accepted = 0;
            while shutdown
                .until_requested(async {
                    if accepted == 3 {
                        std::future::pending::<()>().await;
                    }
                })
                .await
                .is_some()
            {
                accepted += 1;
            }
            accepted
        };
        let request = async {
            pause().await;
            assert!(!shutdown.is_requested());
            shutdown.clone().request();
        };
        let ((accepted, ()), ()) = join(join(accept, shutdown.requested()), request).await;
        assert_eq!(accepted, 3);
        assert!(shutdown.is_requested());
        assert_eq!(shutdown.until_requested(async { 7 }).await, None);
    });
}

/// Proves: X-io-4
pub fn cut_finish_goes_on<H: Harness>() {
    for k in 1..=3 {
        run::<H>(async {
            let shutdown = shutdown::<H>();
            let mut pair = pair::<H>(config(), CAPACITY);
            pair.client.track(&shutdown);
            pair.server.track(&shutdown);
            let finish = async {
                loop {
                    match cut(shutdown.finish(SECOND * 10), k).await {
                        Some(report) => break assert_eq!(counts(report.unwrap()), [2, 0, 0, 0]),
                        None => pause().await,
                    }
                }
            };
            let (client, server) = (&mut pair.client, &mut pair.server);
            let echoes = async {
                let (one, two) = join(echo::<H>(client), echo::<H>(server)).await;
                one.unwrap();
                two.unwrap();
            };
            join(finish, echoes).await;
        });
    }
}

/// Whatever fails, each connection is counted once.
///
/// Proves: X-io-5
pub fn shutdown_with_every_operation_failing<H: Harness>() {
    for split in [false, true] {
        for fault in Fault::ALL {
            let mut nth = 0;
            while session::<H>(split, Faults::at(fault, nth)) {
                nth += 1;
                assert!(nth < 1000, "the session does not come to an end");
            }
            assert!(nth > 3, "{fault:?} has struck only {nth} times");
        }
    }
}

fn session<H: Harness>(split: bool, faults: Faults) -> bool {
    let mut struck = false;
    run::<H>(async {
        let shutdown = shutdown::<H>();
        let mut pair = pair::<H>(config(), 100);
        pair.server_probe.set_faults(faults);
        let probe = pair.server_probe.clone();
        pair.server.track(&shutdown);
        let (client, server) = (pair.client, pair.server);
        let tasks: Vec<Boxed<'_, ()>> = vec![
            Box::pin(async {
                if split {
                    let (mut reader, writer) = server.split();
                    while let Ok(Some(message)) = reader.recv().await {
                        let _ = writer.send(message).await;
                    }
                } else {
                    let mut server: WebSocket<Io<H>> = server;
                    while let Ok(Some((message, out))) = server.recv_ref().await {
                        let _ = out.feed(message);
                    }
                }
            }),
            Box::pin(async {
                // A server whose write has failed reads on until the shutdown is done.
                let mut client = client;
                let _ = client.send(pattern(500)).await;
                while let Ok(Some(_)) = client.recv().await {}
            }),
            Box::pin(async {
                for _ in 0..5 {
                    pause().await;
                }
                let report = shutdown.finish(SECOND * 10).await.unwrap();
                struck = probe.has_struck();
                // A connection that failed before the request does not count.
                assert!(report.total() <= 1, "{report}");
                let harmless = faults.at.is_some_and(|(fault, _)| fault.is_harmless());
                if !struck || harmless {
                    assert_eq!(counts(report), [1, 0, 0, 0], "{faults:?}");
                }
            }),
        ];
        join_all(tasks).await;
        assert_eq!(shutdown.connections(), 0);
    });
    struck
}

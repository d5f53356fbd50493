//! The handles of a client that runs in a task of its own.

use wskit_dial::Error;
use wskit_dial::reconnect::{Event, Verdict};
use wskit_driver::{ConnectionError, Overflow, within};
use wskit_frame::OpCode;
use wskit_proto::{CloseCode, SendError};
use wskit_test::{Harness, join, once, pause, run_timed, sleep, timer};

use super::reconnect_scene::{Attempts, is_opened, lost, message, secs};
use crate::scene::config;

/// A message leaves on the connection of the moment, and is kept for no other.
pub fn handles_send_on_the_connection_that_is_open<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut servers = [attempts.succeed(), attempts.succeed()];
        let client = attempts.client::<H>();
        let (mut events, handle, run) = client.into_parts(8, Overflow::Wait);
        let other = handle.clone();
        let using = async {
            assert!(!handle.is_connected());
            assert!(matches!(
                handle.send("early").await,
                Err(Error::NotConnected)
            ));
            for server in &mut servers {
                assert!(is_opened(events.next().await));
                assert!(handle.is_connected() && other.is_connected());
                handle.send("one").await.unwrap();
                other.send("two").await.unwrap();
                server.expect(OpCode::Text, "one").await;
                server.expect(OpCode::Text, "two").await;
                let writer = handle.writer().expect("a writer");
                writer.ping(b"?").await.unwrap();
                server.expect(OpCode::Ping, "?").await;
                let frames = server.frames();
                server
                    .send([frames.text("three"), frames.text("four")].concat())
                    .await;
                server.hang_up();
                assert_eq!(message(events.next().await), "three");
                assert_eq!(message(events.next().await), "four");
                lost(events.next().await);
                assert!(!handle.is_connected());
                assert!(matches!(other.send("late").await, Err(Error::NotConnected)));
                attempts.refuse(1);
            }
            drop(events);
        };
        join(using, run).await;
    });
}

/// `wait_connected` in a loop with `send` neither spins nor misses a connection.
pub fn waiting_handles_go_on_with_each_connection<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(2);
        let mut servers = [attempts.succeed(), attempts.succeed(), attempts.succeed()];
        let (events, handle, run) = attempts.client::<H>().into_parts(8, Overflow::DropOldest);
        let serving = async {
            for server in &mut servers {
                // The client is told before, and after, its connection has gone.
                server.expect(OpCode::Text, "x").await;
                let close = server.frames().close(1001, "");
                server.send(close).await;
                while server.read().await.is_ok_and(|n| n > 0) {}
                server.hang_up();
            }
            handle.close(CloseCode::NORMAL, "").await.unwrap();
        };
        let sending = async {
            let mut calls = 0;
            while handle.wait_connected().await.is_ok() {
                // Dropped waits leave nothing behind.
                assert!(once(handle.wait_connected()).await.is_some());
                let _ = handle.send("x").await;
                pause().await;
                calls += 1;
                assert!(calls < 100_000, "busy");
            }
            drop(events);
        };
        join(join(sending, serving), run).await;
        assert!(attempts.made() >= 5);
    });
}

/// While it opens, while it waits, and while it is connected. No further attempt is made.
pub fn handle_closes_in_every_state<H: Harness>() {
    for turns in 0..6 {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            attempts.refuse(1);
            let (mut events, handle, run) = attempts.client::<H>().into_parts(8, Overflow::Wait);
            let using = async {
                for _ in 0..turns {
                    pause().await;
                }
                let closed = handle.close(CloseCode::NORMAL, "bye").await;
                assert!(matches!(closed, Ok(None)), "{turns}: {closed:?}");
                // At once, also before the task has seen the order.
                assert!(matches!(handle.send("x").await, Err(Error::Ended)));
                while events.next().await.unwrap().is_some() {}
                assert!(handle.wait_connected().await.is_err());
                assert!(matches!(
                    handle.close(CloseCode::NORMAL, "").await,
                    Ok(None)
                ));
            };
            join(using, run).await;
            assert!(attempts.made() <= 1);
        });
    }
    // While it waits: the outcome of the connection before is not that of the close.
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let (mut events, handle, run) = attempts.client::<H>().into_parts(8, Overflow::Wait);
        let using = async {
            assert!(is_opened(events.next().await));
            let close = server.frames().close(1001, "");
            server.send(close).await;
            server.finish().await;
            lost(events.next().await);
            for _ in 0..2 {
                let closed = handle.close(CloseCode::NORMAL, "bye").await;
                assert!(matches!(closed, Ok(None)), "{closed:?}");
                assert!(matches!(events.next().await, Ok(None)));
            }
        };
        join(using, run).await;
    });
    // Also with a consumer that takes nothing, and if the call is dropped.
    for cut in [false, true] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let (mut events, handle, run) = attempts.client::<H>().into_parts(1, Overflow::Wait);
            let using = async {
                handle.wait_connected().await.unwrap();
                let frames = server.frames();
                let flood = [frames.text("1"), frames.text("2"), frames.text("3")];
                server.send(flood.concat()).await;
                sleep::<H>(secs(1)).await;
                let closing = handle.close(CloseCode::GOING_AWAY, "bye");
                if cut {
                    assert!(once(closing).await.is_none());
                } else {
                    let serving = async {
                        server.expect_close(1001).await;
                        let close = server.frames().close(1001, "bye");
                        server.send(close).await;
                        server.finish().await;
                    };
                    let (closed, ()) = join(closing, serving).await;
                    assert!(closed.unwrap().expect("an outcome").is_clean());
                }
                assert!(matches!(handle.send("x").await, Err(Error::Ended)));
                if cut {
                    server.expect_close(1001).await;
                    server.finish().await;
                    // The task reads on by itself.
                    sleep::<H>(secs(1)).await;
                }
                assert!(is_opened(events.next().await));
                assert_eq!(message(events.next().await), "1");
                assert!(matches!(events.next().await, Ok(None)));
                assert_eq!(events.dropped(), 2, "it reads on while it closes");
                // Also of a connection that broke instead of being closed.
                let again = handle.close(CloseCode::NORMAL, "").await.unwrap();
                let outcome = again.expect("an outcome");
                assert_eq!(outcome.is_clean(), !cut, "{outcome}");
            };
            join(using, run).await;
            assert_eq!(attempts.made(), 1);
        });
    }
}

/// The task is dropped while a message waits for room.
pub fn send_in_progress_ends_with_the_task<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let client = attempts.client_with::<H>(config().write_high_water(1000));
        let (mut events, handle, run) = client.into_parts(8, Overflow::Wait);
        let mut run = Some(Box::pin(run));
        let end = async {
            if let Some(run) = &mut run {
                let _ = within(timer::<H>(), secs(2), run).await;
            }
            drop(run.take());
        };
        let sending = async {
            assert!(is_opened(events.next().await));
            let waiting = async {
                // More than the pipe and the queue hold.
                let big = "x".repeat(200_000);
                let (first, second) = join(handle.send(&big), handle.send("no room")).await;
                assert!(matches!(first, Err(Error::Ended)), "{first:?}");
                assert!(matches!(second, Err(Error::Ended)), "{second:?}");
            };
            let ended = within(timer::<H>(), secs(100), waiting).await;
            assert!(ended.is_ok(), "a send goes on without the task");
            assert!(matches!(events.next().await, Ok(None)));
        };
        join(end, sending).await;
        // The connection is gone with it.
        server.rest().await;
    });
}

/// A code that no endpoint may send.
pub fn close_that_cannot_be_sent_changes_nothing<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let (mut events, handle, run) = attempts.client::<H>().into_parts(8, Overflow::Wait);
        let using = async {
            for _ in 0..2 {
                let refused = handle.close(CloseCode::NO_STATUS, "").await;
                assert!(matches!(
                    refused,
                    Err(Error::Connection(ConnectionError::Send(
                        SendError::InvalidCloseCode(_)
                    )))
                ));
                handle.wait_connected().await.unwrap();
            }
            assert!(is_opened(events.next().await));
            handle.send("x").await.unwrap();
            server.expect(OpCode::Text, "x").await;
            server.hang_up();
            lost(events.next().await);
            drop(events);
        };
        join(using, run).await;
    });
}

/// It gives up, it is closed, its events are dropped, its task is dropped: no call of a handle hangs.
pub fn end_of_the_client_ends_every_call<H: Harness>() {
    for how in ["gives up", "is closed", "no events", "no task"] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            attempts.refuse(1);
            let retries = if how == "gives up" { 0 } else { 9 };
            let client = attempts
                .client::<H>()
                .retries(retries)
                .classify(|_| Verdict::RetryAfter(secs(1000)));
            let (events, handle, run) = client.into_parts(8, Overflow::Wait);
            let mut events = Some(events);
            let mut run = Some(Box::pin(run));
            let (ending, waiting) = (handle.clone(), handle.clone());
            let end = async {
                // Long enough for the first attempt, and not for the second.
                if let Some(run) = &mut run {
                    let _ = within(timer::<H>(), secs(1), run).await;
                }
                match how {
                    "gives up" => {
                        let gave_up = events.as_mut().unwrap().next().await.unwrap_err();
                        assert!(gave_up.exhausted);
                    }
                    "is closed" => {
                        ending.close(CloseCode::NORMAL, "").await.unwrap();
                    }
                    "no events" => drop(events.take()),
                    _ => drop(run.take()),
                }
                if how == "is closed" || how == "no events" {
                    if let Some(run) = run.take() {
                        run.await;
                    }
                }
                if let Some(events) = &mut events {
                    if how != "gives up" {
                        lost(events.next().await);
                    }
                    assert!(matches!(events.next().await, Ok(None)), "{how}");
                }
            };
            let calls = async {
                let ended = waiting.wait_connected().await.unwrap_err();
                assert!(matches!(ended.into(), Error::Ended), "{how}");
                let sent = waiting.send("x").await;
                assert!(matches!(sent, Err(Error::Ended)), "{how}: {sent:?}");
                assert!(!waiting.is_connected());
                assert!(matches!(
                    waiting.close(CloseCode::NORMAL, "").await,
                    Ok(None)
                ));
            };
            join(end, calls).await;
        });
    }
}

/// What comes is not wanted any more: the server is told, and the client ends.
pub fn dropped_events_close_the_connection<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let (mut events, handle, run) = attempts.client::<H>().into_parts(1, Overflow::Wait);
        let using = async {
            assert!(is_opened(events.next().await));
            // The task waits for room.
            let frames = server.frames();
            server
                .send([frames.text("1"), frames.text("2")].concat())
                .await;
            sleep::<H>(secs(1)).await;
            drop(events);
            server.expect_close(1001).await;
            let close = server.frames().close(1001, "");
            server.send(close).await;
            server.finish().await;
            assert!(handle.wait_connected().await.is_err());
        };
        join(using, run).await;
        assert_eq!(attempts.made(), 1);
        server.expect_end().await;
    });
}

/// A program that only listens needs no handle.
pub fn dropped_handles_change_nothing<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut servers = [attempts.succeed(), attempts.succeed()];
        let (mut events, handle, run) = attempts.client::<H>().into_parts(8, Overflow::Wait);
        drop(handle);
        let using = async {
            for (server, code) in servers.iter_mut().zip([1001, 1000]) {
                assert!(is_opened(events.next().await));
                let frames = server.frames();
                server
                    .send([frames.text("news"), frames.close(code, "")].concat())
                    .await;
                server.finish().await;
                assert_eq!(message(events.next().await), "news");
                match code {
                    1000 => assert!(matches!(events.next().await, Ok(None))),
                    _ => assert!(matches!(events.next().await, Ok(Some(Event::Lost { .. })))),
                }
            }
        };
        join(using, run).await;
    });
}

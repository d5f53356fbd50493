//! A client that runs in a task of its own, and a consumer of its events that is slow.

use std::time::Duration;

use bytes::Bytes;
use wskit_dial::reconnect::{Event, Events, Loss, Verdict};
use wskit_driver::{Overflow, WebSocket};
use wskit_frame::OpCode;
use wskit_proto::{Cause, CloseCode, Config, Keepalive, Role, TimeoutKind};
use wskit_test::{Harness, Script, join, pause, run_timed, sleep, wrap};

use super::reconnect_scene::{Attempts, is_opened, lost, message, secs};

/// A server that pings every 3 s, and waits 3 s for the pong.
fn brisk() -> Config {
    Config::new().keepalive(Some(Keepalive {
        every: secs(3),
        answer_within: secs(3),
    }))
}

/// The server pings every 3 s, waits 3 s for the pong, and sends ten messages a second. The consumer takes
/// 200 ms for each, and then 10 s.
pub fn slow_consumer_is_not_thrown_out<H: Harness>() {
    const SENT: u64 = 600;
    for overflow in [Overflow::DropOldest, Overflow::LatestOnly] {
        for takes in [Duration::from_millis(200), secs(10)] {
            run_timed::<H>(async {
                let attempts = Attempts::default();
                let end = attempts.connect();
                let (mut events, handle, run) = attempts.client::<H>().into_parts(8, overflow);
                let serving = async {
                    let config = brisk();
                    let io = wrap::<H>(end);
                    let ws = WebSocket::from_parts(io, Role::Server, Bytes::new(), config);
                    let (mut reader, writer) = ws.split();
                    let sending = async {
                        for number in 0..SENT {
                            writer.send(&number.to_string()).await.expect("a client");
                            sleep::<H>(Duration::from_millis(100)).await;
                        }
                        writer.close(CloseCode::NORMAL, "").await.expect("a timer")
                    };
                    let (received, outcome) = join(reader.recv(), sending).await;
                    assert!(matches!(received, Ok(None)), "{received:?}");
                    assert!(outcome.is_clean(), "{outcome}");
                };
                let consuming = async {
                    let (mut taken, mut last) = (0, None);
                    while let Some(event) = events.next().await.unwrap() {
                        if let Event::Message(message) = event {
                            let number: u64 = message.as_text().unwrap().parse().unwrap();
                            assert!(last < Some(number), "in order");
                            last = Some(number);
                            taken += 1;
                            sleep::<H>(takes).await;
                        }
                    }
                    assert_eq!(taken + events.dropped(), SENT);
                    assert_eq!(last, Some(SENT - 1), "the newest is never dropped");
                    assert!(taken < SENT);
                };
                join(join(serving, consuming), run).await;
                assert!(!handle.is_connected());
                assert_eq!(attempts.made(), 1);
            });
        }
    }
}

/// A server that is not read from throws the client out: with `Overflow::Wait` the consumer has to keep up.
pub fn slow_consumer_that_nothing_may_be_dropped_for_stops_the_reading<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let end = attempts.connect();
        let client = attempts.client::<H>().classify(|_| Verdict::Done);
        let (mut events, _handle, run) = client.into_parts(2, Overflow::Wait);
        let serving = async {
            let config = brisk();
            let io = wrap::<H>(end);
            let mut ws = WebSocket::from_parts(io, Role::Server, Bytes::new(), config);
            for number in 0..5 {
                ws.send(&number.to_string()).await.expect("a client");
                pause().await;
            }
            let lost = ws.recv().await;
            assert!(lost.is_err());
            let cause = ws.outcome().expect("an outcome").cause;
            assert_eq!(cause, Cause::Timeout(TimeoutKind::Keepalive));
        };
        let consuming = async {
            sleep::<H>(secs(30)).await;
            assert!(is_opened(events.next().await));
            for number in 0..5 {
                assert_eq!(message(events.next().await), number.to_string());
            }
            assert!(matches!(events.next().await, Ok(None)));
            assert_eq!(events.dropped(), 0);
        };
        join(join(serving, consuming), run).await;
    });
}

/// Sends five messages in two parts to a client that holds two, and returns what it took.
async fn five<H: Harness>(server: &mut Script, events: &mut Events) -> Vec<String> {
    assert!(is_opened(events.next().await));
    for part in [["1", "2"].as_slice(), &["3", "4", "5"]] {
        let frames = server.frames();
        let frames: Vec<_> = part.iter().map(|text| frames.text(text)).collect();
        server.send(frames.concat()).await;
        sleep::<H>(secs(1)).await;
    }
    server.hang_up();
    sleep::<H>(Duration::from_millis(1)).await;
    let mut taken = Vec::new();
    loop {
        match events.next().await {
            Ok(Some(Event::Message(message))) => {
                taken.push(message.as_text().expect("text").to_owned());
            }
            Ok(Some(Event::Lost { .. })) => return taken,
            other => panic!("{other:?}"),
        }
    }
}

/// Losses are reported after the messages that came before them, and never dropped.
pub fn oldest_messages_are_dropped<H: Harness>() {
    overflowing::<H>(Overflow::DropOldest, &["4", "5"]);
    // Nothing is dropped, and nothing else is read, until there is room.
    overflowing::<H>(Overflow::Wait, &["1", "2", "3", "4", "5"]);
}

/// Also if there is room.
pub fn latest_message_replaces_all<H: Harness>() {
    overflowing::<H>(Overflow::LatestOnly, &["5"]);
}

fn overflowing<H: Harness>(overflow: Overflow, left: &[&str]) {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let client = attempts
            .client::<H>()
            .classify(|_| Verdict::RetryAfter(secs(1000)));
        let (mut events, _handle, run) = client.into_parts(2, overflow);
        let using = async {
            assert_eq!(five::<H>(&mut server, &mut events).await, left);
            assert_eq!(events.dropped(), 5 - left.len() as u64);
            drop(events);
        };
        join(using, run).await;
    });
}

/// What waits from a connection that was lost is dropped before anything of the next one. The loss itself
/// waits behind it; the handle knows at once.
pub fn messages_of_the_lost_connection_are_dropped_first<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let (mut first, mut second) = (attempts.succeed(), attempts.succeed());
        let client = attempts
            .client::<H>()
            .classify(|_| Verdict::RetryAfter(secs(9)));
        let (mut events, handle, run) = client.into_parts(3, Overflow::DropOldest);
        let using = async {
            handle.wait_connected().await.unwrap();
            let frames = first.frames();
            first
                .send(
                    ["old 1", "old 2", "old 3"]
                        .map(|text| frames.text(text))
                        .concat(),
                )
                .await;
            first.hang_up();
            sleep::<H>(secs(1)).await;
            assert!(!handle.is_connected());
            handle.wait_connected().await.unwrap();
            let frames = second.frames();
            second
                .send(["snapshot", "new"].map(|text| frames.text(text)).concat())
                .await;
            sleep::<H>(secs(1)).await;
            assert_eq!(events.dropped(), 2);
            assert!(is_opened(events.next().await));
            assert_eq!(message(events.next().await), "old 3");
            lost(events.next().await);
            assert!(is_opened(events.next().await));
            assert_eq!(message(events.next().await), "snapshot");
            assert_eq!(message(events.next().await), "new");
            second.hang_up();
            drop(events);
        };
        join(using, run).await;
    });
}

/// A feed that begins with a snapshot had better begin again. What the server answers to our Close, and
/// whether it does, is no verdict of it.
pub fn consumer_that_is_too_slow_gets_a_new_connection<H: Harness>() {
    for answer in [
        Some(1013),
        Some(1000),
        Some(1002),
        Some(1008),
        Some(0),
        None,
    ] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let (mut first, mut second) = (attempts.succeed(), attempts.succeed());
            let client = attempts.client::<H>();
            let (mut events, handle, run) = client.into_parts(2, Overflow::Disconnect);
            let using = async {
                handle.wait_connected().await.unwrap();
                let frames = first.frames();
                let messages = ["1", "2", "3", "4"].map(|text| frames.text(text));
                first.send(messages.concat()).await;
                first.expect_close(1013).await;
                let frames = first.frames();
                let close = match answer {
                    Some(0) => frames.close_empty(),
                    Some(code) => frames.close(code, ""),
                    None => Vec::new(),
                };
                first.send([frames.text("5"), close].concat()).await;
                if answer.is_some() {
                    first.finish().await;
                }
                assert!(is_opened(events.next().await));
                let (loss, _) = lost(events.next().await);
                match (answer, &loss) {
                    (Some(code), Loss::Closed(outcome)) => {
                        let code = if code == 0 { 1005 } else { code };
                        assert_eq!(outcome.code().get(), code);
                    }
                    (None, Loss::Broken(error)) => {
                        assert_eq!(
                            error.to_string(),
                            TimeoutKind::Close.to_string(),
                            "{error:?}"
                        );
                    }
                    _ => panic!("{answer:?}: {loss:?}"),
                }
                assert_eq!(events.dropped(), 5);

                assert!(is_opened(events.next().await));
                let snapshot = second.frames().text("snapshot");
                second.send(snapshot).await;
                assert_eq!(message(events.next().await), "snapshot");
                handle.send("thanks").await.unwrap();
                second.expect(OpCode::Text, "thanks").await;
                second.hang_up();
                drop(events);
            };
            join(using, run).await;
        });
    }
}

/// A server that is away for days, and a consumer that sleeps: at 64 losses the client waits for it.
pub fn losses_that_are_not_taken_are_bounded<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(100);
        let mut server = attempts.succeed();
        let (mut events, handle, run) = attempts.client::<H>().into_parts(2, Overflow::LatestOnly);
        let using = async {
            sleep::<H>(secs(100_000)).await;
            assert_eq!(attempts.made(), 64);
            for _ in 0..100 {
                lost(events.next().await);
            }
            assert!(is_opened(events.next().await));
            handle.send("here").await.unwrap();
            server.expect(OpCode::Text, "here").await;
            server.hang_up();
            drop(events);
        };
        join(using, run).await;
        assert_eq!(attempts.made(), 101);
    });
}

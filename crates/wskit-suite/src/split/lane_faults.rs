//! Lanes cut short: futures dropped at every poll, operations failing one after the other.

use wskit_driver::{LaneConfig, Overflow, Priority, WebSocket};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::Role;
use wskit_test::{Boxed, Fault, Faults, Frame, Harness, Io, cut, join, join_all, pause, run};

use super::lanes::{halves, narrow};
use crate::scene::{ROLES, pair, pattern};

/// Messages arrive whole, once and in order. Those whose call returned arrive for certain.
///
/// Proves: X-io-4, R6455-6.1-f
pub fn cut_lane_sends_are_whole_or_nothing<H: Harness>() {
    for role in ROLES {
        for send in [false, true] {
            for k in 1..=6 {
                run::<H>(async {
                    let (mut reader, writer, mut peer, _) = halves::<H>(role);
                    let mut lane = writer.lane(LaneConfig::new().max_messages(3));
                    let data = pattern(700);
                    let mut certain = Vec::new();
                    let talk = async {
                        for number in 0..30_u8 {
                            let mut message = data.clone();
                            message[0] = number;
                            let done = if send {
                                cut(lane.send(message), k).await
                            } else {
                                cut(lane.feed(message), k).await
                            };
                            if done.is_some_and(|done| done.is_ok()) {
                                certain.push(number);
                            }
                            if number % 5 == 4 {
                                while cut(lane.flush(), k).await.is_none() {
                                    pause().await;
                                }
                            }
                        }
                        writer.start_close(CloseCode::NORMAL, "").unwrap();
                    };
                    let script = async {
                        let mut got = Vec::new();
                        loop {
                            let frame = peer.frame().await;
                            if frame.opcode == OpCode::Close {
                                break;
                            }
                            assert!(frame.payload[1..] == data[1..], "a message was changed");
                            got.push(frame.payload[0]);
                        }
                        peer.send(peer.frames().close(1000, "")).await;
                        peer.finish().await;
                        got
                    };
                    let (((), received), got) = join(join(talk, reader.recv()), script).await;
                    assert_eq!(received.unwrap(), None);
                    assert!(got.windows(2).all(|two| two[0] < two[1]), "{got:?}");
                    for number in certain {
                        assert!(got.contains(&number), "{number} is lost after {k} polls");
                    }
                });
            }
        }
    }
}

/// Three lanes and a plain writer against a reader, every operation of theirs failing once.
///
/// Proves: X-io-5
pub fn lanes_with_every_operation_failing<H: Harness>() {
    for base in [Faults::none(), Faults::hesitant()] {
        for fault in Fault::ALL {
            let mut nth = 0;
            while session::<H>(Faults {
                at: Some((fault, nth)),
                ..base
            }) {
                nth += 1;
                assert!(nth < 10_000, "the session does not come to an end");
            }
            assert!(nth > 10, "{fault:?} has struck only {nth} times");
        }
    }
}

/// Whether the fault has struck.
fn session<H: Harness>(faults: Faults) -> bool {
    let harmless = faults.at.is_some_and(|(fault, _)| fault.is_harmless());
    let mut struck = false;
    run::<H>(async {
        let pair = pair::<H>(narrow(), 700);
        pair.client_probe.set_faults(faults);
        let probe = pair.client_probe.clone();
        let (mut reader, writer) = pair.client.split();
        let mut tasks: Vec<Boxed<'_, bool>> = Vec::new();
        for priority in [Priority::Urgent, Priority::Normal, Priority::Bulk] {
            let rule = LaneConfig::new().priority(priority).max_messages(3);
            let mut lane = writer.lane(rule);
            tasks.push(Box::pin(async move {
                for number in 0..6 {
                    if lane.feed(vec![number; 300]).await.is_err() {
                        return false;
                    }
                }
                lane.flush().await.is_ok()
            }));
        }
        let mut latest = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
        let other = writer.clone();
        tasks.push(Box::pin(async move {
            let mut all = true;
            for number in 0..6 {
                all &= latest.push(vec![number; 100]).is_ok();
                all &= other.send(vec![number; 200]).await.is_ok();
            }
            all
        }));
        let client = async {
            let talk = async {
                let done = join_all(tasks).await;
                let _ = writer.start_close(CloseCode::NORMAL, "");
                done.into_iter().all(|done| done)
            };
            let read = async {
                let end = reader.recv().await;
                assert!(matches!(reader.recv().await, Ok(None)));
                end
            };
            let (done, end) = join(talk, read).await;
            let clean = writer.outcome().unwrap().is_clean();
            assert_eq!(end.is_ok(), clean, "{faults:?}: {end:?}");
            assert_eq!(writer.buffered().messages, 0);
            drop((reader, writer));
            done && clean
        };
        let (clean, ()) = join(client, serve::<H>(pair.server)).await;
        struck = probe.has_struck();
        if !struck || harmless {
            assert!(clean, "{faults:?}");
        }
        // Whatever went wrong, what is on the wire is frames.
        let _ = Frame::parse_all(Role::Client, &probe.written());
    });
    struck
}

async fn serve<H: Harness>(mut ws: WebSocket<Io<H>>) {
    while let Ok(Some(_)) = ws.recv().await {}
}

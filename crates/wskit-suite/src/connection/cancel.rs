//! Every future dropped after its first, second, third … poll, and the operation called again.

use wskit_driver::{ConnectionError, WebSocket, Writer};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Event, Message, Role};
use wskit_test::{Faults, Frame, Harness, Io, Probe, cut, join, once, opposite, pause, run};

use crate::scene::{Pair, ROLES, config, facing, pair, pattern};

/// Polls after which futures are dropped.
const POLLS: std::ops::RangeInclusive<usize> = 1..=12;
/// Messages per session.
const MESSAGES: u8 = 12;

/// Returns a message that contains its number, small and large in turn.
fn message(at: u8) -> Vec<u8> {
    let mut data = pattern(if at % 3 == 2 { 2500 } else { 20 });
    data[0] = at;
    data
}

/// Two ends with a narrow pipe on which everything waits.
fn narrow<H: Harness>(role: Role) -> (WebSocket<Io<H>>, WebSocket<Io<H>>, Probe) {
    let Pair {
        client,
        server,
        client_probe,
        server_probe,
    } = pair::<H>(config().write_high_water(1000), 300);
    client_probe.set_faults(Faults::hesitant());
    server_probe.set_faults(Faults::hesitant());
    if role == Role::Client {
        (client, server, client_probe)
    } else {
        (server, client, server_probe)
    }
}

/// Sends all messages with pings between and closes.
async fn feeder<H: Harness>(mut ws: WebSocket<Io<H>>) {
    for at in 0..MESSAGES {
        ws.ping(&[at]).await.unwrap();
        ws.send(message(at)).await.unwrap();
    }
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
}

/// Receives all messages, each call dropped after its `k`-th poll; each comes once, whole, in order.
macro_rules! receive_all {
    ($ws:expr, $k:expr, $recv:expr) => {{
        let mut next = 0;
        loop {
            match cut($recv, $k).await {
                Some(Ok(Some(data))) => {
                    assert!(
                        data == message(next),
                        "message {next} after {} polls: {} bytes",
                        $k,
                        data.len()
                    );
                    next += 1;
                }
                Some(Ok(None)) => break,
                Some(Err(error)) => panic!("{error}"),
                None => pause().await,
            }
        }
        assert_eq!(next, MESSAGES, "messages were lost after {} polls", $k);
    }};
}

/// Proves: X-io-4
pub fn cut_receives_lose_nothing<H: Harness>() {
    for role in ROLES {
        for k in POLLS {
            run::<H>(async {
                let (mut ws, other, _) = narrow::<H>(role);
                let receive = async {
                    receive_all!(ws, k, async {
                        ws.recv().await.map(|m| m.map(|m| m.as_bytes().to_vec()))
                    });
                };
                join(receive, feeder::<H>(other)).await;
            });
            run::<H>(async {
                let (mut ws, other, _) = narrow::<H>(role);
                let receive = async {
                    receive_all!(ws, k, async {
                        ws.recv_ref()
                            .await
                            .map(|m| m.map(|(m, _)| m.as_bytes().to_vec()))
                    });
                };
                join(receive, feeder::<H>(other)).await;
            });
        }
    }
}

/// Proves: X-io-4
pub fn cut_recv_event_loses_nothing<H: Harness>() {
    for role in ROLES {
        for k in POLLS {
            run::<H>(async {
                let (mut ws, other, _) = narrow::<H>(role);
                let receive = async {
                    let (mut next, mut pings) = (0, 0);
                    loop {
                        match cut(ws.recv_event(), k).await {
                            Some(Ok(Some(Event::Message(data)))) => {
                                assert!(data.as_bytes() == message(next));
                                next += 1;
                            }
                            Some(Ok(Some(Event::Ping(payload)))) => {
                                assert_eq!(&*payload, [pings]);
                                pings += 1;
                            }
                            Some(Ok(None)) => break,
                            Some(other) => panic!("{other:?}"),
                            None => pause().await,
                        }
                    }
                    assert_eq!((next, pings), (MESSAGES, MESSAGES), "after {k} polls");
                };
                join(receive, feeder::<H>(other)).await;
            });
        }
    }
}

/// Proves: X-io-4
pub fn cut_recv_piece_loses_nothing<H: Harness>() {
    for role in ROLES {
        for k in POLLS {
            run::<H>(async {
                let (mut ws, other, _) = narrow::<H>(role);
                let receive = async {
                    let (mut next, mut got) = (0, Vec::new());
                    loop {
                        match cut(ws.recv_piece(), k).await {
                            Some(Ok(Some(piece))) => {
                                assert_eq!(piece.first, got.is_empty(), "after {k} polls");
                                got.extend_from_slice(piece.data);
                                if piece.last {
                                    assert!(got == message(next), "message {next} after {k} polls");
                                    got.clear();
                                    next += 1;
                                }
                            }
                            Some(Ok(None)) => break,
                            Some(Err(error)) => panic!("{error}"),
                            None => pause().await,
                        }
                    }
                    assert_eq!((next, got.len()), (MESSAGES, 0), "after {k} polls");
                };
                join(receive, feeder::<H>(other)).await;
            });
        }
    }
}

/// Proves: X-io-4
pub fn cut_split_receives_lose_nothing<H: Harness>() {
    for role in ROLES {
        for k in POLLS {
            run::<H>(async {
                let (ws, other, _) = narrow::<H>(role);
                let (mut reader, _writer) = ws.split();
                let receive = async {
                    receive_all!(reader, k, async {
                        reader
                            .recv()
                            .await
                            .map(|m| m.map(|m| m.as_bytes().to_vec()))
                    });
                };
                join(receive, feeder::<H>(other)).await;
            });
            run::<H>(async {
                let (ws, other, _) = narrow::<H>(role);
                let (mut reader, _writer) = ws.split();
                let receive = async {
                    receive_all!(reader, k, async {
                        reader
                            .recv_ref()
                            .await
                            .map(|m| m.map(|m| m.as_bytes().to_vec()))
                    });
                };
                join(receive, feeder::<H>(other)).await;
            });
        }
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Send,
    Feed,
    Reserve,
}

const WAYS: [How; 3] = [How::Send, How::Feed, How::Reserve];

/// Reads to the end and returns all bytes.
async fn taker<H: Harness>(mut ws: WebSocket<Io<H>>) -> Vec<Vec<u8>> {
    let mut got = Vec::new();
    while let Some(message) = ws.recv().await.unwrap() {
        got.push(message.as_bytes().to_vec());
    }
    assert!(ws.outcome().unwrap().is_clean());
    got
}

/// Messages are on the wire at most once, whole and in order. Those whose call returned are there.
fn judge(got: &[Vec<u8>], certain: &[u8], how: How, k: usize) {
    let order: Vec<u8> = got.iter().map(|data| data[0]).collect();
    for data in got {
        assert!(
            *data == message(data[0]),
            "{how:?} after {k} polls: a message was changed"
        );
    }
    assert!(
        order.windows(2).all(|two| two[0] < two[1]),
        "{how:?} after {k} polls: {order:?}"
    );
    for at in certain {
        assert!(
            order.contains(at),
            "{how:?} after {k} polls: message {at} was lost: {order:?}"
        );
    }
    if how == How::Reserve {
        assert_eq!(order, certain, "reserve leaves no doubt");
    }
}

/// Proves: X-io-4, R6455-6.1-f
pub fn cut_sends_are_whole_or_nothing<H: Harness>() {
    for role in ROLES {
        for how in WAYS {
            for k in POLLS {
                run::<H>(async {
                    let (mut ws, other, probe) = narrow::<H>(role);
                    let mut certain = Vec::new();
                    let send = async {
                        for at in 0..MESSAGES {
                            let data = message(at);
                            let done = match how {
                                How::Send => cut(ws.send(&data), k)
                                    .await
                                    .is_some_and(|sent| sent.is_ok()),
                                How::Feed => cut(ws.feed(&data), k)
                                    .await
                                    .is_some_and(|sent| sent.is_ok()),
                                How::Reserve => cut(ws.reserve(), k).await.is_some_and(|permit| {
                                    permit.map(|permit| permit.send(&data)).is_ok()
                                }),
                            };
                            if done {
                                certain.push(at);
                            }
                            // Sometimes the rest is flushed in bits too.
                            if at % 4 == 3 {
                                while cut(ws.flush(), k).await.is_none() {
                                    pause().await;
                                }
                            }
                        }
                        close_in_bits(&mut ws, k).await;
                    };
                    let ((), got) = join(send, taker::<H>(other)).await;
                    judge(&got, &certain, how, k);
                    // The recording itself: whole frames, the last a Close, and only one.
                    let frames = Frame::parse_all(role, &probe.written());
                    assert_eq!(
                        frames
                            .iter()
                            .filter(|frame| frame.opcode == OpCode::Close)
                            .count(),
                        1
                    );
                    assert_eq!(frames.last().map(|frame| frame.opcode), Some(OpCode::Close));
                });
            }
        }
    }
}

async fn close_in_bits<T: wskit_driver::Transport>(ws: &mut WebSocket<T>, k: usize) {
    loop {
        match cut(ws.close(CloseCode::NORMAL, "in bits"), k).await {
            Some(outcome) => {
                let outcome = outcome.unwrap();
                assert!(outcome.is_clean(), "after {k} polls: {outcome:?}");
                return;
            }
            None => pause().await,
        }
    }
}

/// Proves: X-io-4
pub fn cut_pings_are_sent_once_at_most<H: Harness>() {
    for role in ROLES {
        for k in POLLS {
            run::<H>(async {
                let (mut ws, other, probe) = narrow::<H>(role);
                let send = async {
                    for at in 0..MESSAGES {
                        let _ = cut(ws.ping(&[at]), k).await;
                        pause().await;
                    }
                    close_in_bits(&mut ws, k).await;
                };
                join(send, taker::<H>(other)).await;
                let frames = Frame::parse_all(role, &probe.written());
                let pings: Vec<u8> = frames
                    .iter()
                    .filter(|frame| frame.opcode == OpCode::Ping)
                    .map(|frame| frame.payload[0])
                    .collect();
                assert!(
                    pings.windows(2).all(|two| two[0] < two[1]),
                    "after {k} polls: {pings:?}"
                );
            });
        }
    }
}

/// Proves: X-io-4, R6455-6.1-f
pub fn cut_split_sends_are_whole_or_nothing<H: Harness>() {
    for role in ROLES {
        for how in WAYS {
            for with_reader in [true, false] {
                for k in POLLS {
                    run::<H>(async {
                        let (ws, other, probe) = narrow::<H>(role);
                        let (reader, writer) = ws.split();
                        let mut certain = Vec::new();
                        let send = async {
                            for at in 0..MESSAGES {
                                let data = message(at);
                                if cut_write(&writer, how, &data, k).await {
                                    certain.push(at);
                                }
                                if at % 4 == 3 {
                                    while cut(writer.flush(), k).await.is_none() {
                                        pause().await;
                                    }
                                }
                            }
                            loop {
                                match cut(writer.close(CloseCode::NORMAL, ""), k).await {
                                    Some(outcome) => break assert!(outcome.unwrap().is_clean()),
                                    None => pause().await,
                                }
                            }
                        };
                        let read = async {
                            let mut reader = reader;
                            if with_reader {
                                assert_eq!(reader.recv().await.unwrap(), None);
                            }
                        };
                        let ((), got) =
                            join(async { join(send, read).await.0 }, taker::<H>(other)).await;
                        judge(&got, &certain, how, k);
                        let frames = Frame::parse_all(role, &probe.written());
                        assert_eq!(frames.last().map(|frame| frame.opcode), Some(OpCode::Close));
                    });
                }
            }
        }
    }
}

async fn cut_write<T: wskit_driver::Transport>(
    writer: &Writer<T>,
    how: How,
    data: &[u8],
    k: usize,
) -> bool {
    let sent: Option<Result<(), ConnectionError>> = match how {
        How::Send => cut(writer.send(data), k).await,
        How::Feed => cut(writer.feed(data), k).await,
        How::Reserve => cut(writer.reserve(), k)
            .await
            .map(|permit| permit.map(|permit| permit.send(data))),
    };
    sent.is_some_and(|sent| sent.is_ok())
}

/// Both directions at once in one task: a `select` of receive and send, the loser dropped each time.
///
/// Proves: X-io-4
pub fn receive_and_send_dropped_in_turn<H: Harness>() {
    for role in ROLES {
        for k in 1..=5 {
            run::<H>(async {
                let (mut ws, mut other, probe) = narrow::<H>(role);
                let turns = async {
                    let (mut sent, mut next) = (0, 0);
                    while next < MESSAGES {
                        if sent < MESSAGES {
                            if let Some(permit) = cut(ws.reserve(), k).await {
                                permit.unwrap().send(message(sent));
                                sent += 1;
                            }
                        }
                        match cut(ws.recv(), k).await {
                            Some(received) => {
                                assert!(received.unwrap() == Some(Message::binary(message(next))));
                                next += 1;
                            }
                            None => pause().await,
                        }
                    }
                    close_in_bits(&mut ws, k).await;
                };
                let ((), echoed) = join(turns, crate::scene::echo::<H>(&mut other)).await;
                echoed.unwrap();
                let sent = Frame::parse_all(role, &probe.written());
                assert_eq!(
                    sent.iter()
                        .filter(|frame| frame.opcode == OpCode::Binary)
                        .count(),
                    usize::from(MESSAGES)
                );
                assert_eq!(opposite(opposite(role)), role);
            });
        }
    }
}

/// A receive of pieces that has handed out none leaves the message whole for the next receive.
///
/// Proves: X-io-4
pub fn dropped_recv_piece_leaves_the_message_whole<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frame = peer.frames().text("whole");
            let head = frame.len() - "whole".len();
            peer.send(&frame[..head]).await;
            assert!(once(ws.recv_piece()).await.is_none());
            peer.send(&frame[head..]).await;
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("whole")));
        });
    }
}

//! Streamed messages whose calls are dropped, and whose transport fails.

use wskit_driver::{ConnectionError, MessageWriter, WebSocket, Writer};
use wskit_frame::CloseCode;
use wskit_proto::{Message, MessageKind, Role};
use wskit_test::{Fault, Faults, Harness, Io, cut, join, pause, run};

use crate::scene::{ROLES, config, pair, pattern};

/// A message in pieces, each call dropped after its `k`-th poll and made again: what was not done was
/// not queued, so nothing is lost or doubled.
///
/// Proves: X-io-4
pub fn cut_pieces_come_once<H: Harness>() {
    for role in ROLES {
        for split in [false, true] {
            for k in 1..=8 {
                run::<H>(async {
                    let pair = pair::<H>(config().write_high_water(500), 300);
                    pair.client_probe.set_faults(Faults::hesitant());
                    pair.server_probe.set_faults(Faults::hesitant());
                    let (near, mut far) = if role == Role::Client {
                        (pair.client, pair.server)
                    } else {
                        (pair.server, pair.client)
                    };
                    let send = async {
                        let mut end = End::<H>::new(near, split);
                        for at in 0..6 {
                            send_in_bits(&mut end, &pattern(1000 * at), k).await;
                        }
                        end.close().await;
                    };
                    let receive = async {
                        for at in 0..6 {
                            let message = far.recv().await.unwrap().unwrap();
                            assert!(
                                message.as_bytes() == pattern(1000 * at),
                                "message {at} after {k} polls: {} bytes",
                                message.as_bytes().len()
                            );
                        }
                        assert_eq!(far.recv().await.unwrap(), None);
                    };
                    join(send, receive).await;
                });
            }
        }
    }
}

async fn send_in_bits<H: Harness>(end: &mut End<H>, data: &[u8], k: usize) {
    // Nothing is sent by it, so it can be tried again.
    while !end.begin_within(k).await {
        pause().await;
    }
    let mut message = end.begin(MessageKind::Binary).await.unwrap();
    for piece in data.chunks(170) {
        while cut(message.write(piece), k).await.is_none() {
            pause().await;
        }
        let _ = cut(message.flush(), k).await;
    }
    if let Some(finished) = cut(message.finish(), k).await {
        finished.unwrap();
    }
}

/// A connection, split or not.
enum End<H: Harness> {
    Whole(WebSocket<Io<H>>),
    Split(wskit_driver::Reader<Io<H>>, Writer<Io<H>>),
}

impl<H: Harness> End<H> {
    fn new(ws: WebSocket<Io<H>>, split: bool) -> Self {
        if split {
            let (reader, writer) = ws.split();
            Self::Split(reader, writer)
        } else {
            Self::Whole(ws)
        }
    }

    async fn begin(
        &mut self,
        kind: MessageKind,
    ) -> Result<MessageWriter<'_, Io<H>>, ConnectionError> {
        match self {
            Self::Whole(ws) => ws.begin(kind).await,
            Self::Split(_, writer) => writer.begin(kind).await,
        }
    }

    async fn begin_within(&mut self, polls: usize) -> bool {
        let begun = cut(self.begin(MessageKind::Text), polls).await;
        begun.is_some_and(|begun| begun.is_ok())
    }

    async fn close(&mut self) {
        let outcome = match self {
            Self::Whole(ws) => ws.close(CloseCode::NORMAL, "").await,
            Self::Split(reader, writer) => {
                let close = writer.close(CloseCode::NORMAL, "");
                let (outcome, end) = join(close, reader.recv()).await;
                assert_eq!(end.unwrap(), None);
                outcome
            }
        };
        assert!(outcome.unwrap().is_clean());
    }
}

/// A streamed message while operation number 0, 1, 2, … of its sender fails: the receiver gets all of
/// it or an error, never a part as the whole.
///
/// Proves: X-io-5
pub fn stream_with_every_operation_failing<H: Harness>() {
    for role in ROLES {
        for split in [false, true] {
            for fault in Fault::ALL {
                let mut nth = 0;
                while broken_stream::<H>(role, split, fault, nth) {
                    nth += 1;
                    assert!(nth < 1000, "the stream does not come to an end");
                }
                assert!(nth > 5, "{fault:?} has struck only {nth} times");
            }
        }
    }
}

fn broken_stream<H: Harness>(role: Role, split: bool, fault: Fault, nth: usize) -> bool {
    let mut struck = false;
    run::<H>(async {
        let pair = pair::<H>(config().write_high_water(1000), 700);
        let (near, mut far, probe) = if role == Role::Client {
            (pair.client, pair.server, pair.client_probe)
        } else {
            (pair.server, pair.client, pair.server_probe)
        };
        probe.set_faults(Faults::at(fault, nth));
        let data = pattern(5000);
        let send = async {
            let mut end = End::<H>::new(near, split);
            let mut message = end.begin(MessageKind::Binary).await?;
            for piece in data.chunks(600) {
                message.write(piece).await?;
            }
            message.finish().await
        };
        let receive = async {
            let got = far.recv().await;
            drop(far);
            got
        };
        let (sent, got) = join(send, receive).await;
        struck = probe.has_struck();
        match got {
            Ok(Some(message)) => assert!(message == Message::binary(data.clone())),
            Ok(None) => assert!(struck && !fault.is_harmless(), "{sent:?}"),
            Err(error) => assert!(struck && !fault.is_harmless(), "{error:?} {sent:?}"),
        }
        if !struck || fault.is_harmless() {
            sent.unwrap();
        }
    });
    struck
}

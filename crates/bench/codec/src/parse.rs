//! A buffer full of masked frames, copied in as a read would, taken apart and unmasked.

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use futures_core::Stream as _;
use tokio_util::codec::Decoder as _;
use wskit_frame::{FrameHeader, HeaderRules, Mask, Masking, Parsed};

use crate::memory::{Memory, ready};
use crate::sample;
use crate::{Case, Run, size_name};

const SIZES: [usize; 3] = [16, 125, 1024];

/// What one read brings.
const BUFFER: usize = 32 * 1024;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SIZES.map(case).into_iter()
}

fn case(len: usize) -> Case {
    let runs = vec![
        buffers("memcpy", len, |wire, buffer, count| {
            buffer[..wire.len()].copy_from_slice(wire);
            count
        }),
        buffers("wskit-frame", len, |wire, buffer, _| {
            buffer[..wire.len()].copy_from_slice(wire);
            walk(&mut buffer[..wire.len()])
        }),
        inbound(len),
        connection(len),
        sockudo(len),
        yawc(len),
        tungstenite(len),
        tokio_websockets(len),
        fastwebsockets(len),
    ];
    Case::new(format!("parse + unmask {}", size_name(len)), runs)
}

/// Calls `whole` with one buffer of frames at a time. It returns how many there were.
fn buffers(
    who: &'static str,
    len: usize,
    mut whole: impl FnMut(&[u8], &mut [u8], u64) -> u64 + 'static,
) -> Run {
    let (wire, each) = sample::frames(len, BUFFER);
    let mut buffer = vec![0; wire.len()];
    let go = Box::new(move |n| {
        for _ in 0..n {
            assert_eq!(whole(black_box(&wire), &mut buffer, each), each);
        }
    });
    Run { who, each, go }
}

fn walk(mut buffer: &mut [u8]) -> u64 {
    let rules = HeaderRules {
        masking: Masking::Required,
        allow_rsv1: false,
    };
    let mut count = 0;
    while let Ok(Parsed::Header { header, size }) = FrameHeader::parse(buffer, rules) {
        let Some(len) = header.len_within(buffer.len() - size) else {
            break;
        };
        let (payload, rest) = buffer[size..].split_at_mut(len);
        Mask::new(header.mask.unwrap()).apply(payload);
        black_box(payload);
        buffer = rest;
        count += 1;
    }
    count
}

fn connection(len: usize) -> Run {
    use wskit_proto::{Config, Connection, Event};
    let now = Instant::now();
    let mut connection = Connection::server(Config::new(), now);
    buffers("wskit-proto connection", len, move |mut wire, _, _| {
        let mut count = 0;
        while !wire.is_empty() {
            let taken = connection.receive(wire);
            wire = &wire[taken..];
            loop {
                match connection.poll_event(now) {
                    Ok(Some(Event::Message(message))) => {
                        black_box(message.as_bytes());
                        count += 1;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        count
    })
}

/// The receiving half, as the driver uses it.
fn inbound(len: usize) -> Run {
    use wskit_proto::{Config, Connection};
    let (mut inbound, mut outbox) = Connection::server(Config::new(), Instant::now()).split();
    buffers("wskit-proto receiving half", len, move |mut wire, _, _| {
        let mut count = 0;
        while !wire.is_empty() {
            let taken = inbound.receive(wire);
            wire = &wire[taken..];
            loop {
                while let Some(item) = inbound.next_fast() {
                    black_box(inbound.fast_message(item).as_bytes());
                    count += 1;
                }
                match inbound.next(&mut outbox, Instant::now) {
                    Ok(Some(_)) => count += 1,
                    Ok(None) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        count
    })
}

fn sockudo(len: usize) -> Run {
    let mut parser = sockudo_ws::frame::FrameParser::new(1 << 20, true);
    let mut input = BytesMut::new();
    buffers("sockudo-ws parser", len, move |wire, _, _| {
        input.extend_from_slice(wire);
        let mut count = 0;
        while let Some(frame) = parser.parse(&mut input).unwrap() {
            black_box(&frame.payload);
            count += 1;
        }
        count
    })
}

fn yawc(len: usize) -> Run {
    let mut decoder = yawc::codec::Decoder::new(yawc::Role::Server, 1 << 20);
    let mut input = BytesMut::new();
    buffers("yawc decoder", len, move |wire, _, _| {
        input.extend_from_slice(wire);
        let mut count = 0;
        while let Some(frame) = decoder.decode(&mut input).unwrap() {
            black_box(frame.payload());
            count += 1;
        }
        count
    })
}

fn tungstenite(len: usize) -> Run {
    use tungstenite::protocol::{Role, WebSocket};
    buffers("tungstenite connection", len, move |wire, _, count| {
        let mut output = Vec::new();
        let stream = Memory {
            input: wire,
            output: &mut output,
        };
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        for _ in 0..count {
            black_box(socket.read().unwrap());
        }
        count
    })
}

fn tokio_websockets(len: usize) -> Run {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    let server = tokio_websockets::ServerBuilder::new();
    buffers("tokio-websockets connection", len, move |wire, _, count| {
        let mut output = Vec::new();
        let mut socket = server.serve(Memory {
            input: wire,
            output: &mut output,
        });
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..count {
            match Pin::new(&mut socket).poll_next(&mut cx) {
                Poll::Ready(Some(Ok(message))) => black_box(message),
                other => panic!("{other:?}"),
            };
        }
        count
    })
}

fn fastwebsockets(len: usize) -> Run {
    use fastwebsockets::{Role, WebSocket};
    buffers("fastwebsockets connection", len, move |wire, _, count| {
        let mut output = Vec::new();
        let stream = Memory {
            input: wire,
            output: &mut output,
        };
        let mut socket = WebSocket::after_handshake(stream, Role::Server);
        for _ in 0..count {
            black_box(ready(socket.read_frame()).unwrap().payload.len());
        }
        count
    })
}

//! A client's frame, masked on the way into the write buffer.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder as _;

use crate::sample::{self, KEY};
use crate::{Case, Run, size_name};

const SIZES: [usize; 4] = [16, 125, 1024, 16 * 1024];

/// The size of the buffer that frames are written to one after the other. It is emptied when it is full. It
/// and the payload fit into a first-level cache.
const SLAB: usize = 20 * 1024;

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    SIZES.map(case).into_iter()
}

fn case(len: usize) -> Case {
    let payload = sample::bytes(len);
    let frame = len + 14;
    let copied = slab(&payload, |from, to| {
        to[..from.len()].copy_from_slice(from);
        from.len()
    });
    let ours = slab(&payload, |from, to| {
        let opcode = wskit_frame::OpCode::Binary;
        wskit_frame::encode_frame(true, false, opcode, Some(black_box(KEY)), from, to).unwrap()
    });
    let sockudo = {
        use sockudo_ws::frame::{OpCode, encode_frame};
        let payload = payload.clone();
        growing(frame, move |out| {
            encode_frame(
                out,
                OpCode::Binary,
                &payload[..black_box(len)],
                true,
                Some(KEY),
            );
        })
    };
    let yawc = {
        use yawc::codec::Encoder;
        let mut encoder = Encoder::new(yawc::Role::Client);
        let payload = Bytes::from(payload.clone());
        growing(frame, move |out| {
            let frame = yawc::Frame::binary(payload.clone()).with_mask(black_box(KEY));
            encoder.encode(frame, out).unwrap();
        })
    };
    let tungstenite = {
        use tungstenite::protocol::frame::Frame;
        use tungstenite::protocol::frame::coding::{Data, OpCode};
        let payload = Bytes::from(payload.clone());
        let mut out = Vec::with_capacity(SLAB);
        move |n| {
            for _ in 0..n {
                if out.len() + frame > SLAB {
                    out.clear();
                }
                let mut frame = Frame::message(payload.clone(), OpCode::Data(Data::Binary), true);
                frame.header_mut().mask = Some(black_box(KEY));
                frame.format(&mut out).unwrap();
            }
        }
    };
    let web_socket = move |n| {
        for _ in 0..n {
            let data = &payload[..black_box(len)];
            let frame = web_socket::Frame {
                fin: true,
                opcode: 2,
                data,
            };
            black_box(frame.encode_with_mask());
        }
    };
    let runs = vec![
        Run::new("memcpy", copied),
        Run::new("wskit", ours),
        Run::new("sockudo-ws", sockudo),
        Run::new("yawc", yawc),
        Run::new("tungstenite", tungstenite),
        Run::new("web-socket", web_socket),
    ];
    Case::new(format!("masked encode {}", size_name(len)), runs)
}

fn slab<P: FnMut(&[u8], &mut [u8]) -> usize>(
    payload: &[u8],
    mut put: P,
) -> impl FnMut(u64) + use<P> {
    let payload = payload.to_vec();
    let frame = payload.len() + 14;
    let mut slab = vec![0; SLAB];
    let mut at = 0;
    move |n| {
        for _ in 0..n {
            if at + frame > SLAB {
                at = 0;
            }
            at += put(&payload[..black_box(payload.len())], &mut slab[at..]);
        }
    }
}

fn growing(frame: usize, mut put: impl FnMut(&mut BytesMut)) -> impl FnMut(u64) {
    let mut out = BytesMut::with_capacity(SLAB);
    move |n| {
        for _ in 0..n {
            if out.len() + frame > SLAB {
                out.clear();
            }
            put(&mut out);
        }
    }
}

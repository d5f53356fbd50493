//! The header alone.

use std::hint::black_box;
use std::io::Cursor;

use wskit_frame::{FrameHeader, HeaderRules, Masking, OpCode, Parsed};

use crate::sample::{self, KEY};
use crate::{Case, Run};

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let short = |len: usize| {
        if len > 125 {
            "16-bit length"
        } else {
            "7-bit length"
        }
    };
    let parse = [16, 1024].map(|len| {
        let wire = sample::frames(len, 1).0[..14].to_vec();
        let theirs = wire.clone();
        let rules = HeaderRules {
            masking: Masking::Required,
            allow_rsv1: false,
        };
        let runs = vec![
            Run::new("wskit", move |n| {
                for _ in 0..n {
                    let parsed = FrameHeader::parse(black_box(&wire[..]), rules);
                    let Ok(Parsed::Header { header, size }) = parsed else {
                        panic!("a whole header");
                    };
                    black_box(header.len);
                    black_box(size);
                }
            }),
            Run::new("tungstenite", move |n| {
                use tungstenite::protocol::frame::FrameHeader;
                for _ in 0..n {
                    let mut cursor = Cursor::new(black_box(&theirs[..]));
                    black_box(FrameHeader::parse(&mut cursor).unwrap().unwrap().1);
                }
            }),
        ];
        Case::new(format!("parse header, {}", short(len)), runs)
    });
    let encode = [16_usize, 1024].map(|len| {
        let runs = vec![
            Run::new("wskit", move |n| {
                let mut out = [0; FrameHeader::MAX_SIZE];
                for _ in 0..n {
                    let header = FrameHeader {
                        fin: true,
                        rsv1: false,
                        opcode: black_box(OpCode::Binary),
                        mask: Some(KEY),
                        len: black_box(len as u64),
                    };
                    black_box(header.encode(&mut out));
                    black_box(&out);
                }
            }),
            Run::new("sockudo-ws", move |n| {
                use sockudo_ws::frame::{OpCode, encode_frame_header};
                let mut out = bytes::BytesMut::with_capacity(64);
                for _ in 0..n {
                    out.clear();
                    let opcode = black_box(OpCode::Binary);
                    encode_frame_header(&mut out, opcode, black_box(len), true, Some(KEY));
                    black_box(&out);
                }
            }),
            Run::new("fastwebsockets", move |n| {
                use fastwebsockets::{Frame, OpCode, Payload};
                let payload = vec![0; len];
                let mut out = [0; 16];
                for _ in 0..n {
                    let payload = Payload::Borrowed(black_box(&payload));
                    let mut frame = Frame::new(true, OpCode::Binary, Some(KEY), payload);
                    black_box(frame.fmt_head(&mut out));
                    black_box(&out);
                }
            }),
        ];
        Case::new(format!("encode header, {}", short(len)), runs)
    });
    parse.into_iter().chain(encode)
}

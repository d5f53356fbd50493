//! Frames that a program encodes itself, and rules that it may relax.

use std::io::IoSlice;

use crate::wire::*;
use wskit_proto::{Config, FrameError, MessageKind, ProtocolError, Role, SendError};

/// Proves: R6455-5.1-b
#[test]
fn unmasked_frames_are_taken_only_where_asked_for() {
    let unmasked_text = unmasked(FIN | TEXT, b"plain");
    let mut end = server();
    assert_eq!(
        feed(&mut end, &unmasked_text),
        [Got::Error(ProtocolError::Frame(FrameError::MaskMissing))]
    );
    let input = [
        unmasked_text.clone(),
        masked(FIN | TEXT, b"masked"),
        unmasked(BINARY, &[7; 300]),
        unmasked(FIN | PING, b"p"),
        masked(FIN | CONTINUATION, &[7; 300]),
    ]
    .concat();
    // Whole, and byte by byte.
    for step in [input.len(), 1] {
        let mut end = open(Role::Server, Config::new().accept_unmasked(true));
        let got: Vec<_> = input
            .chunks(step)
            .flat_map(|chunk| feed(&mut end, chunk))
            .collect();
        let expected = [
            text("plain"),
            text("masked"),
            Got::Ping(b"p".to_vec()),
            Got::Binary(vec![7; 600]),
        ];
        assert_eq!(got, expected);
    }
    // The other direction has no such exception.
    let mut end = open(Role::Client, Config::new().accept_unmasked(true));
    assert_eq!(
        feed(&mut end, &masked(FIN | TEXT, b"x")),
        [Got::Error(ProtocolError::Frame(FrameError::MaskUnexpected))]
    );
}

#[test]
fn unmasked_frames_can_be_taken_from_the_next_frame_on() {
    let (mut inbound, mut outbound) = server().split();
    inbound.set_accept_unmasked(true);
    assert_eq!(inbound.receive(&unmasked(FIN | TEXT, b"late")), 6);
    assert!(
        inbound
            .next(&mut outbound, std::time::Instant::now)
            .unwrap()
            .is_some()
    );
}

/// Proves: R6455-10.4-b
#[test]
fn frame_above_its_limit_fails_from_its_header() {
    for role in ROLES {
        for limit in [0, 10, 125, 126, 40_000] {
            let config = Config::new().max_frame_size(limit);
            let mut end = open(role, config.clone());
            let fragments = [
                to(role, BINARY, &vec![1; limit]),
                to(role, FIN | CONTINUATION, &vec![1; limit]),
            ]
            .concat();
            assert_eq!(
                feed(&mut end, &fragments),
                [Got::Binary(vec![1; 2 * limit])]
            );
            let more = to(role, FIN | BINARY, &vec![1; limit + 1]);
            let error = ProtocolError::FrameTooBig {
                size: limit as u64 + 1,
                limit,
            };
            assert_eq!(feed(&mut end, &more[..more.len() - 1]), [Got::Error(error)]);
            assert_failed_with(&mut end, 1009);
        }
    }
}

#[test]
fn encoded_frames_go_out_as_they_are_and_in_order() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        // Reserved bits, a reserved opcode, a mask where there should be none: the caller's affair.
        let odd = [unmasked(0x73, b"odd"), masked(FIN | 0xf, b"k")].concat();
        end.feed("before").unwrap();
        end.outbound().feed_frames(odd.clone().into()).unwrap();
        end.feed("after").unwrap();
        let output = end.take_output();
        let at = output
            .windows(odd.len())
            .position(|part| part == odd)
            .unwrap();
        assert_eq!(take_frame(&output).3, at);
        assert_eq!(take_frame(&output[at + odd.len()..]).1, b"after");
    }
}

#[test]
fn encoded_frames_may_be_fragments_of_an_open_message_but_not_follow_a_close() {
    let mut end = server();
    end.outbox().begin(MessageKind::Text).unwrap();
    end.outbound()
        .feed_frames(unmasked(TEXT, b"a").into())
        .unwrap();
    end.close(None).unwrap();
    assert_eq!(
        end.outbound().feed_frames(unmasked(FIN, b"b").into()),
        Err(SendError::Closed)
    );
}

/// A ping goes between two frames, wherever a write stopped.
#[test]
fn control_frames_never_cut_an_encoded_frame() {
    let odd = [unmasked(0x73, &[3; 200]), masked(0x83, &vec![4; 70_000])].concat();
    let ping = unmasked(FIN | PING, b"!");
    for written in [1, 3, 203, 204, 205, 210, 300, 60_000, odd.len() - 1] {
        let mut end = server();
        end.outbound().feed_frames(odd.clone().into()).unwrap();
        end.advance(written);
        end.outbox().ping(b"!").unwrap();
        let mut chunks = [IoSlice::new(&[]); 8];
        let n = end.chunks(&mut chunks);
        let output: Vec<u8> = chunks[..n]
            .iter()
            .flat_map(|chunk| chunk.iter().copied())
            .collect();
        let border = if written <= 204 { 204 } else { odd.len() };
        let expected = [&odd[written..border], &ping, &odd[border..]].concat();
        assert!(output == expected, "after {written} bytes");
    }
}

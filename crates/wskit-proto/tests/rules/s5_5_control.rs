//! RFC 6455 §5.5: Ping, Pong and Close frames.

use crate::wire::*;
use wskit_proto::{
    CloseCode, CloseFrame, Config, FrameError, ProtocolError, Role, SendError, State,
};

/// Proves: R6455-5.5.2-a, R6455-5.5.3-a, R6455-5.5-a
#[test]
fn ping_of_every_length_is_answered_with_the_same_data() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        for len in 0..=125_u8 {
            let payload: Vec<u8> = (0..len).collect();
            assert_eq!(
                feed(&mut end, &to(role, FIN | PING, &payload)),
                [Got::Ping(payload.clone())]
            );
            assert_eq!(sent(&mut end), [(FIN | PONG, payload)]);
        }
    }
}

/// Proves: R6455-5.5-a, R6455-5.5-b, R6455-5.4-d
#[test]
fn long_or_fragmented_control_frame_fails_the_connection() {
    for role in ROLES {
        let bit = if role == Role::Server { 0x80 } else { 0 };
        for opcode in [CLOSE, PING, PONG] {
            for code in [126, 127] {
                let mut end = open(role, Config::new());
                let got = feed(&mut end, &[FIN | opcode, bit | code]);
                assert!(matches!(
                    got[..],
                    [Got::Error(ProtocolError::Frame(
                        FrameError::ControlTooLong(_)
                    ))]
                ));
                assert_failed_with(&mut end, 1002);
            }
            let mut end = open(role, Config::new());
            let got = feed(&mut end, &[opcode]);
            assert_eq!(
                got,
                [Got::Error(ProtocolError::Frame(
                    FrameError::FragmentedControl
                ))]
            );
            assert_failed_with(&mut end, 1002);
        }
    }
}

/// Proves: R6455-5.5-a, R6455-5.4-d
#[test]
fn sender_refuses_a_long_control_frame() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(end.outbox().ping(&[0; 126]), Err(SendError::ControlTooLong));
        assert_eq!(end.outbox().pong(&[0; 126]), Err(SendError::ControlTooLong));
        assert!(end.outbox().is_empty());
        end.outbox().ping(&[0; 125]).unwrap();
        assert_eq!(sent(&mut end), [(FIN | PING, vec![0; 125])]);
    }
}

/// Proves: R6455-5.5.3-c
#[test]
fn unsolicited_pong_needs_no_answer() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(
            feed(&mut end, &to(role, FIN | PONG, b"hi")),
            [Got::Pong(b"hi".to_vec())]
        );
        assert_eq!(sent(&mut end), []);
        end.outbox().pong(b"there").unwrap();
        assert_eq!(sent(&mut end), [(FIN | PONG, b"there".to_vec())]);
    }
}

/// Proves: R6455-5.5.3-a, R6455-5.5.2-a
#[test]
fn ten_pings_get_ten_pongs_in_order() {
    let mut server = server();
    let pings: Vec<u8> = (0..10).flat_map(|i| masked(FIN | PING, &[i])).collect();
    assert_eq!(feed(&mut server, &pings).len(), 10);
    let expected: Vec<_> = (0..10).map(|i| (FIN | PONG, vec![i])).collect();
    assert_eq!(sent(&mut server), expected);
}

/// Proves: R6455-5.5.3-b
#[test]
fn only_the_latest_ping_is_answered_while_writes_are_blocked() {
    let mut server = server();
    server.outbound().set_blocked(true);
    for i in 0..100 {
        feed(&mut server, &masked(FIN | PING, &[i]));
    }
    assert_eq!(sent(&mut server), [(FIN | PONG, vec![99])]);
}

/// Proves: R6455-5.5.3-b
#[test]
fn pong_that_is_partly_written_is_finished_before_the_latest() {
    let mut server = server();
    server.outbound().set_blocked(true);
    feed(&mut server, &masked(FIN | PING, b"abc"));
    server.advance(1);
    feed(&mut server, &masked(FIN | PING, b"d"));
    feed(&mut server, &masked(FIN | PING, b"e"));
    assert_eq!(
        server.take_output(),
        [
            &unmasked(FIN | PONG, b"abc")[1..],
            &unmasked(FIN | PONG, b"e")
        ]
        .concat()
    );
}

/// Proves: R6455-5.5.2-a
#[test]
fn ping_is_left_to_the_caller_where_that_was_asked_for() {
    let mut server = open(Role::Server, Config::new().auto_pong(false));
    assert_eq!(
        feed(&mut server, &masked(FIN | PING, b"?")),
        [Got::Ping(b"?".to_vec())]
    );
    assert_eq!(sent(&mut server), []);
    server.outbox().pong(b"?").unwrap();
    assert_eq!(sent(&mut server), [(FIN | PONG, b"?".to_vec())]);
}

/// Proves: R6455-5.5.2-a, R6455-5.5.1-m
#[test]
fn ping_after_the_peers_close_is_not_answered() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let session = [
            close_to(role, 1000),
            to(role, FIN | PING, b"?"),
            to(role, FIN | TEXT, b"late"),
        ]
        .concat();
        assert_eq!(feed(&mut end, &session), [close(1000)]);
        assert_eq!(feed(&mut end, &to(role, FIN | TEXT, b"later")), []);
        assert_eq!(sent(&mut end), [(FIN | CLOSE, vec![0x03, 0xe8])]);
    }
}

/// Proves: R6455-5.5.2-a, R6455-5.1-e
#[test]
fn ping_after_our_own_close_is_answered() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.close(None).unwrap();
        assert_eq!(sent(&mut end), [(FIN | CLOSE, vec![])]);
        let session = [to(role, FIN | PING, b"?"), to(role, FIN | TEXT, b"late")].concat();
        assert_eq!(
            feed(&mut end, &session),
            [Got::Ping(b"?".to_vec()), text("late")]
        );
        assert_eq!(sent(&mut end), [(FIN | PONG, b"?".to_vec())]);
    }
}

/// Proves: R6455-5.5.1-a
#[test]
fn close_body_is_nothing_or_a_code() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(
            feed(&mut end, &to(role, FIN | CLOSE, b"")),
            [Got::Close(None)]
        );
        assert_eq!(sent(&mut end), [(FIN | CLOSE, vec![])]);
        let mut end = open(role, Config::new());
        let error = Got::Error(ProtocolError::Frame(FrameError::CloseTooShort));
        assert_eq!(feed(&mut end, &to(role, FIN | CLOSE, &[3])), [error]);
        assert_failed_with(&mut end, 1002);
    }
}

/// Proves: R6455-5.5.1-b
#[test]
fn close_reason_is_utf8_of_at_most_123_bytes() {
    for role in ROLES {
        let reason = "é".repeat(61) + "!";
        let mut end = open(role, Config::new());
        let got = feed(&mut end, &to(role, FIN | CLOSE, &close_body(4000, &reason)));
        assert_eq!(got, [Got::Close(Some((4000, reason.clone())))]);

        let mut end = open(role, Config::new());
        let bad = [&close_body(1000, "")[..], &[0xc3]].concat();
        let error = Got::Error(ProtocolError::Frame(FrameError::CloseReasonUtf8));
        assert_eq!(feed(&mut end, &to(role, FIN | CLOSE, &bad)), [error]);
        assert_failed_with(&mut end, 1007);

        let mut end = open(role, Config::new());
        let long = CloseFrame::new(CloseCode::NORMAL, reason.clone() + "!");
        assert_eq!(end.close(Some(long)), Err(SendError::ReasonTooLong));
        assert_eq!(end.state(), State::Open);
        end.close(Some(CloseFrame::new(CloseCode::NORMAL, reason.as_str())))
            .unwrap();
        assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(1000, &reason))]);
    }
}

/// Proves: R6455-5.5.1-c
#[test]
fn close_reason_is_shown_escaped() {
    let frame = CloseFrame::new(CloseCode::NORMAL, "\u{1b}[31mred\n");
    let shown = frame.to_string();
    assert!(!shown.contains(['\u{1b}', '\n']), "{shown}");
}

/// Proves: R6455-5.5.1-e, R6455-5.1-e, R6455-6.1-a
#[test]
fn nothing_is_sent_after_a_close() {
    for role in ROLES {
        for by_peer in [false, true] {
            let mut end = open(role, Config::new());
            end.outbox().begin(wskit_proto::MessageKind::Text).unwrap();
            end.outbox().piece(b"cut", false).unwrap();
            if by_peer {
                feed(&mut end, &close_to(role, 1000));
            } else {
                end.close(Some(CloseFrame::new(CloseCode::NORMAL, "")))
                    .unwrap();
            }
            let before = end.take_output();
            assert_eq!(end.feed("a"), Err(SendError::Closed));
            assert_eq!(end.feed(vec![0; 50_000]), Err(SendError::Closed));
            assert_eq!(
                end.outbox().begin(wskit_proto::MessageKind::Text),
                Err(SendError::Closed)
            );
            assert_eq!(end.outbox().piece(b"rest", true), Err(SendError::Closed));
            assert_eq!(end.outbox().ping(b""), Err(SendError::Closed));
            assert_eq!(end.outbox().pong(b""), Err(SendError::Closed));
            assert_eq!(end.close(None), Ok(()), "a second close changes nothing");
            assert_eq!(end.take_output(), b"");
            assert_eq!(frames(&before).last().unwrap().0, FIN | CLOSE);
        }
    }
}

/// Proves: R6455-5.5.2-c
#[test]
fn ping_goes_between_the_frames_of_a_streamed_message() {
    let mut server = server();
    server
        .outbox()
        .begin(wskit_proto::MessageKind::Binary)
        .unwrap();
    server.outbox().piece(b"one", false).unwrap();
    let first = server.take_output();
    server.outbox().ping(b"?").unwrap();
    server.outbox().piece(b"two", true).unwrap();
    assert_eq!(first, unmasked(BINARY, b"one"));
    assert_eq!(
        sent(&mut server),
        [(FIN | PING, b"?".to_vec()), (FIN, b"two".to_vec())]
    );
}

/// Proves: R6455-5.5.2-a, R6455-5.5.3-c
#[test]
fn pong_of_the_application_takes_no_answers_place() {
    let mut server = server();
    feed(&mut server, &masked(FIN | PING, b"first"));
    server.outbound().set_blocked(true);
    feed(&mut server, &masked(FIN | PING, b"asked"));
    server.outbox().pong(b"unasked").unwrap();
    server.outbox().pong(b"unasked").unwrap();
    let pongs: Vec<_> = sent(&mut server)
        .into_iter()
        .map(|(_, body)| body)
        .collect();
    assert_eq!(pongs, [&b"asked"[..], b"unasked", b"unasked"]);
}

/// An answer that the application gives is treated like an automatic one.
///
/// Proves: R6455-5.5.2-a, R6455-5.5.3-b
#[test]
fn pong_of_the_application_is_the_answer_where_pings_are_left_to_it() {
    let mut server = open(Role::Server, Config::new().auto_pong(false));
    server.outbound().set_blocked(true);
    server.outbox().pong(b"first").unwrap();
    server.outbox().pong(b"latest").unwrap();
    assert_eq!(sent(&mut server), [(FIN | PONG, b"latest".to_vec())]);

    // The latest ping can be answered however much waits.
    while server.outbox().ping(&[0; 125]).is_ok() {}
    server.outbox().pong(b"first").unwrap();
    server.outbox().pong(b"latest").unwrap();
    let pongs: Vec<_> = sent(&mut server)
        .into_iter()
        .filter(|(first, _)| *first == FIN | PONG)
        .collect();
    assert_eq!(pongs, [(FIN | PONG, b"latest".to_vec())]);
}

//! RFC 6455 §7: how a connection ends.
#![allow(
    clippy::large_stack_arrays,
    reason = "payloads of the sizes where something changes"
)]

use std::io::ErrorKind;

use crate::wire::*;
use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Connection, Ending, Initiator, ProtocolError, Role,
    SendError, State,
};

fn normal() -> CloseFrame {
    CloseFrame::new(CloseCode::NORMAL, "bye")
}

/// Writes everything, does what the ending asks for, and ends the peer's stream when it is waited
/// for.
fn end_transport(end: &mut Connection) -> Vec<Ending> {
    let mut endings = vec![end.ending()];
    let _ = end.take_output();
    loop {
        endings.push(end.ending());
        match end.ending() {
            Ending::ShutDown => end.transport_shut_down(),
            Ending::Drain => end.receive_eof(),
            Ending::NotYet | Ending::Done => return endings,
        }
    }
}

/// Proves: R6455-7.1.1-c, R6455-7.1.2-a, R6455-7.1.2-b, R6455-7.1.3-a, R6455-7.1.4-a, R6455-7.1.5-a, R6455-7.1.6-a
#[test]
fn local_close_that_is_answered_is_clean() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        assert_eq!(end.state(), State::Open);
        end.close(Some(normal())).unwrap();
        end.close(Some(CloseFrame::new(CloseCode::GOING_AWAY, "again")))
            .unwrap();
        assert_eq!(end.state(), State::Closing);
        assert_eq!(
            sent(&mut end),
            [(FIN | CLOSE, close_body(1000, "bye"))],
            "once"
        );
        assert_eq!(end.ending(), Ending::NotYet, "the answer is still to come");
        assert_eq!(end.outcome(), None);
        assert_eq!(
            feed(&mut end, &to(role, FIN | CLOSE, &close_body(1000, "too"))).len(),
            1
        );
        assert_eq!(sent(&mut end), [], "no third Close");
        let endings = end_transport(&mut end);
        match role {
            Role::Server => assert_eq!(endings, [Ending::ShutDown, Ending::ShutDown, Ending::Done]),
            Role::Client => assert_eq!(
                endings,
                [Ending::Drain, Ending::Drain, Ending::ShutDown, Ending::Done],
                "the server ends the stream first"
            ),
        }
        let outcome = end.outcome().unwrap();
        assert!(outcome.is_clean());
        assert_eq!(
            (outcome.code(), outcome.reason()),
            (CloseCode::NORMAL, "too")
        );
        assert_eq!(outcome.initiator, Some(Initiator::Local));
        assert_eq!(outcome.sent, Some(Some(CloseCode::NORMAL)));
        assert_eq!(end.state(), State::Closed);
    }
}

/// Proves: R6455-5.5.1-f, R6455-7.1.5-a, R6455-7.1.6-a
#[test]
fn peers_close_is_answered_with_its_code_and_reason() {
    for role in ROLES {
        for code in [Some(1000), Some(1001), Some(3000), Some(4999), None] {
            let mut end = open(role, Config::new());
            let body = code.map_or(vec![], |code| close_body(code, "why"));
            assert_eq!(
                feed(&mut end, &to(role, FIN | CLOSE, &body)),
                [Got::Close(code.map(|code| (code, "why".to_owned())))]
            );
            assert_eq!(end.state(), State::Closing);
            assert_eq!(
                end.ending(),
                Ending::NotYet,
                "our answer is not written yet"
            );
            assert_eq!(sent(&mut end), [(FIN | CLOSE, body)]);
            end_transport(&mut end);
            let outcome = end.outcome().unwrap();
            assert!(outcome.is_clean());
            assert_eq!(outcome.code().get(), code.unwrap_or(1005));
            assert_eq!(outcome.reason(), if code.is_some() { "why" } else { "" });
            assert_eq!(outcome.initiator, Some(Initiator::Peer));
        }
    }
}

/// Proves: R6455-5.5.1-l, R6455-7.1.5-a
#[test]
fn crossing_closes_are_clean_on_both_ends() {
    let (mut a, mut b) = (client(), server());
    a.close(Some(normal())).unwrap();
    b.close(None).unwrap();
    let (from_a, from_b) = (a.take_output(), b.take_output());
    assert_eq!(feed(&mut a, &from_b), [Got::Close(None)]);
    assert_eq!(
        feed(&mut b, &from_a),
        [Got::Close(Some((1000, "bye".to_owned())))]
    );
    for end in [&mut a, &mut b] {
        assert_eq!(sent(end), [], "no third Close");
        end_transport(end);
        assert!(end.outcome().unwrap().is_clean());
        assert_eq!(end.outcome().unwrap().initiator, Some(Initiator::Local));
    }
    assert_eq!(a.outcome().unwrap().code(), CloseCode::NO_STATUS);
    assert_eq!(b.outcome().unwrap().code(), CloseCode::NORMAL);
}

/// Proves: R6455-7.1.5-a, R6455-5.5.1-m
#[test]
fn first_of_two_closes_counts() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let session = [close_to(role, 1001), close_to(role, 1002)].concat();
        assert_eq!(feed(&mut end, &session), [close(1001)]);
        end_transport(&mut end);
        assert_eq!(end.outcome().unwrap().code(), CloseCode::GOING_AWAY);
    }
}

/// Proves: R6455-7.1.4-a, R6455-7.1.5-a, R6455-7.1.6-a
#[test]
fn end_of_stream_is_clean_only_after_both_closes() {
    for role in ROLES {
        for ours_first in [false, true] {
            let messages = [
                to(role, FIN | TEXT, b"hello"),
                to(role, BINARY, &[7; 200]),
                to(role, FIN | PING, b"?"),
                to(role, FIN, b"x"),
            ];
            let session = [
                messages.concat(),
                to(role, FIN | CLOSE, &close_body(1000, "bye")),
            ]
            .concat();
            for at in 0..=session.len() {
                let mut end = open(role, Config::new());
                if ours_first {
                    end.close(Some(normal())).unwrap();
                }
                feed(&mut end, &session[..at]);
                let _ = end.take_output();
                end.receive_eof();
                if at == session.len() {
                    assert_eq!(end.ending(), Ending::ShutDown);
                    end.transport_shut_down();
                }
                assert_eq!(end.ending(), Ending::Done);
                assert_eq!(end.state(), State::Closed);
                let outcome = end.outcome().unwrap();
                if at == session.len() {
                    assert_eq!(
                        (outcome.is_clean(), outcome.code().get(), outcome.reason()),
                        (true, 1000, "bye")
                    );
                } else {
                    assert_eq!(
                        (outcome.is_clean(), outcome.code().get(), outcome.reason()),
                        (false, 1006, "")
                    );
                    assert_eq!(outcome.cause, Cause::Disconnected);
                    assert_eq!(outcome.sent, ours_first.then_some(Some(CloseCode::NORMAL)));
                }
                assert_eq!(end.feed("no"), Err(SendError::Closed));
                assert_eq!(poll(&mut end), []);
                assert_eq!(end.take_output(), b"");
            }
        }
    }
}

/// Proves: R6455-7.1.4-a
#[test]
fn peer_that_ends_its_stream_with_its_close_still_gets_ours() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        feed(&mut end, &close_to(role, 1000));
        end.receive_eof();
        assert_eq!(end.state(), State::Closing);
        assert_eq!(end.ending(), Ending::NotYet, "the answer is owed");
        assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(1000, ""))]);
        assert_eq!(end.ending(), Ending::ShutDown);
        end.transport_shut_down();
        assert_eq!(end.ending(), Ending::Done, "there is nothing to wait for");
        assert!(end.outcome().unwrap().is_clean());
    }
}

/// Proves: R6455-7.1.4-a, R6455-7.1.5-a
#[test]
fn failed_transport_is_clean_only_after_both_closes() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.feed("lost").unwrap();
        end.transport_failed(ErrorKind::ConnectionReset);
        let outcome = end.outcome().unwrap();
        assert_eq!(outcome.cause, Cause::Transport(ErrorKind::ConnectionReset));
        assert_eq!(
            (outcome.is_clean(), outcome.code().get(), outcome.initiator),
            (false, 1006, None)
        );
        assert_eq!((end.state(), end.ending()), (State::Closed, Ending::Done));
        assert_eq!(end.take_output(), b"");
        assert_eq!(end.feed("no"), Err(SendError::Closed));

        let mut end = open(role, Config::new());
        feed(&mut end, &close_to(role, 1000));
        end.transport_failed(ErrorKind::BrokenPipe);
        let outcome = end.outcome().unwrap();
        assert!(!outcome.is_clean(), "our answer was never written");
        assert_eq!(outcome.code().get(), 1000, "the peer's Close did come");

        let mut end = open(role, Config::new());
        feed(&mut end, &close_to(role, 1000));
        let _ = end.take_output();
        end.transport_failed(ErrorKind::ConnectionReset);
        assert!(end.outcome().unwrap().is_clean());
    }
}

/// Proves: R6455-7.1.7-a, R6455-7.1.7-b, R6455-7.1.7-c, X-api-2
#[test]
fn after_an_error_nothing_more_is_processed() {
    for role in ROLES {
        let bad = to(role, FIN, b"");
        let good = [
            to(role, FIN | TEXT, b"late"),
            to(role, FIN | PING, b"?"),
            close_to(role, 1000),
        ]
        .concat();
        let mut end = open(role, Config::new());
        let error = ProtocolError::UnexpectedContinuation;
        let session = [to(role, FIN | TEXT, b"early"), bad, good.clone()].concat();
        assert_eq!(
            feed(&mut end, &session),
            [text("early"), Got::Error(error.clone())]
        );
        for _ in 0..3 {
            assert_eq!(feed(&mut end, &good), []);
            assert_eq!(poll(&mut end), []);
        }
        assert_eq!(end.feed("no"), Err(SendError::Closed));
        assert_failed_with(&mut end, 1002);
        let endings = end_transport(&mut end);
        assert_eq!(
            endings,
            [
                Ending::ShutDown,
                Ending::ShutDown,
                Ending::Drain,
                Ending::Done
            ]
        );
        let outcome = end.outcome().unwrap();
        assert_eq!(outcome.cause, Cause::Protocol(error));
        assert_eq!(outcome.code().get(), 1006, "its Close was not processed");
        assert_eq!(outcome.sent, Some(Some(CloseCode::PROTOCOL_ERROR)));
        end.receive_eof();
        end.transport_failed(ErrorKind::BrokenPipe);
        assert_eq!(end.outcome().unwrap(), outcome, "the first cause stays");
    }
}

/// Proves: R6455-7.1.7-c
#[test]
fn error_after_our_own_close_sends_no_second_close() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.close(Some(normal())).unwrap();
        assert_eq!(feed(&mut end, &to(role, FIN, b"")).len(), 1);
        assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(1000, "bye"))]);
    }
}

/// Proves: R6455-5.5.1-h
#[test]
fn close_goes_after_what_was_queued_before() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.feed("first").unwrap();
        end.feed(vec![1; 100_000]).unwrap();
        feed(&mut end, &close_to(role, 1000));
        let opcodes: Vec<u8> = sent(&mut end).iter().map(|(first, _)| *first).collect();
        assert_eq!(opcodes, [FIN | TEXT, FIN | BINARY, FIN | CLOSE]);
    }
}

/// Proves: R6455-7.1.4-a
#[test]
fn transport_that_is_shut_down_unasked_is_no_clean_end() {
    for role in ROLES {
        for closing in [false, true] {
            let mut end = open(role, Config::new());
            if closing {
                end.close(None).unwrap();
            }
            end.transport_shut_down();
            assert_eq!(end.feed("no"), Err(SendError::Closed));
            assert_eq!(end.outcome(), None);
            end.receive_eof();
            assert_eq!(end.outcome().unwrap().cause, Cause::Disconnected);
        }
    }
}

/// Proves: X-api-2
#[test]
fn error_that_is_pending_at_the_end_of_the_stream_is_not_told_after_it() {
    let mut client = client();
    let mut frame = unmasked(FIN | TEXT, &[b'a'; 100_000]);
    frame[60_000] = 0xff;
    assert_eq!(feed(&mut client, &frame[..40_000]), []);
    let mut at = 40_000;
    while at < 70_000 {
        at += push_by_read_buf(&mut client, &frame[at..70_000]);
    }
    client.receive_eof();
    let outcome = client.outcome();
    assert_eq!(poll(&mut client), []);
    assert_eq!(client.outcome(), outcome);
}

/// Proves: X-api-1
#[test]
fn calls_in_the_wrong_order_do_no_harm() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.filled(70_000);
        end.filled_large(70_000);
        end.advance(1_000_000);
        end.advance(0);
        end.release();
        end.release();
        end.receive_eof();
        end.receive_eof();
        end.transport_shut_down();
        end.close(None).unwrap();
        end.transport_failed(ErrorKind::Other);
        assert_eq!(end.receive(b"abc"), 3);
        assert_eq!(poll(&mut end), []);
        assert_eq!(end.outcome().unwrap().cause, Cause::Disconnected);
    }
}

/// Proves: R6455-7.1.7-a
#[test]
fn outcome_is_shown_in_a_sentence() {
    let mut end = server();
    feed(&mut end, &masked(FIN | CLOSE, &close_body(1001, "off\n")));
    end_transport(&mut end);
    assert_eq!(
        end.outcome().unwrap().to_string(),
        "closed by the peer with 1001 (going away): off\\n"
    );
    let mut end = server();
    end.receive_eof();
    assert_eq!(
        end.outcome().unwrap().to_string(),
        "the peer went away without a Close"
    );
}

/// A message that was handed out, or is about to be, is complete although the transport has failed
/// since.
///
/// Proves: X-io-4, X-io-5
#[test]
fn message_in_a_buffer_of_its_own_outlives_the_transport() {
    for role in ROLES {
        let (mut inbound, mut outbox) = open(role, Config::new()).split();
        let frames = [
            to(role, TEXT, b"in two "),
            to(role, FIN | CONTINUATION, b"parts"),
        ]
        .concat();
        assert_eq!(inbound.receive(&frames), frames.len());
        let now = std::time::Instant::now;
        let Ok(Some(wskit_proto::Event::Message(span))) = inbound.next(&mut outbox, now) else {
            panic!("both fragments are there");
        };
        inbound.stop();
        outbox.transport_failed(ErrorKind::ConnectionReset);
        assert_eq!(inbound.message(span).as_text(), Some("in two parts"));
        assert!(matches!(inbound.next(&mut outbox, now), Ok(None)));
        inbound.release();
        assert_eq!(inbound.buffer_bytes(), 0);
    }
}

//! The texts of errors, endings and messages, as they appear in a log.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Instant;

use crate::wire::*;
use wskit_proto::deflate::DecompressError;
use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Event, FrameError, Initiator, MaskKeys, Message,
    MessageKind, Outcome, Outgoing, ProtocolError, Role, SendError, TimeoutKind,
};

#[test]
fn protocol_error_says_which_rule_the_peer_broke() {
    for (error, words) in [
        (
            ProtocolError::Frame(FrameError::MaskMissing),
            "the client sent a frame without a mask",
        ),
        (
            ProtocolError::UnexpectedContinuation,
            "the peer sent a continuation frame with no message open",
        ),
        (
            ProtocolError::ExpectedContinuation {
                begun: MessageKind::Binary,
            },
            "the peer began a message inside another one",
        ),
        (
            ProtocolError::InvalidUtf8,
            "the peer sent a text message that is not UTF-8",
        ),
        (
            ProtocolError::FrameTooBig { size: 8, limit: 7 },
            "the peer sent a frame of 8 bytes, more than 7 (Config::max_frame_size)",
        ),
        (
            ProtocolError::MessageTooBig { limit: 7 },
            "the peer sent a message of more than 7 bytes (Config::max_message_size)",
        ),
        (
            ProtocolError::TooManyFragments { limit: 3 },
            "the peer sent a message in more than 3 frames (Config::max_fragments)",
        ),
        (
            ProtocolError::Compression,
            "the peer sent a compressed message that does not decompress",
        ),
        (
            DecompressError::Truncated.into(),
            "the peer sent a compressed message that ends inside a DEFLATE block",
        ),
    ] {
        let error: Box<dyn Error> = error.into();
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn send_error_says_what_to_do() {
    for (error, words) in [
        (SendError::Closed, "the connection is closing or closed"),
        (
            SendError::QueueFull,
            "the send queue is full: flush it, or await feed or send",
        ),
        (
            SendError::MessageOpen,
            "a streamed message is open: finish it first",
        ),
        (
            SendError::NoMessageOpen,
            "no streamed message is open: begin one first",
        ),
        (SendError::InvalidUtf8, "text to send is not UTF-8"),
        (
            SendError::ControlTooLong,
            "a ping or pong carries at most 125 bytes",
        ),
        (
            SendError::InvalidCloseCode(CloseCode::NO_STATUS),
            "close code 1005 may not be sent",
        ),
        (
            SendError::ReasonTooLong,
            "a close reason has at most 123 bytes",
        ),
    ] {
        let error: Box<dyn Error> = error.into();
        assert_eq!(error.to_string(), words);
    }
}

/// Returns how a server's connection ends on these bytes, after all its output was written.
fn ending(close_first: bool, bytes: &[u8]) -> Outcome {
    let mut server = open(Role::Server, Config::new());
    if close_first {
        let close = CloseFrame::new(CloseCode::GOING_AWAY, "restart");
        server.close(Some(close)).unwrap();
    }
    feed(&mut server, bytes);
    let _ = server.take_output();
    server.receive_eof();
    poll(&mut server);
    server.transport_shut_down();
    server.outcome().expect("it has ended")
}

#[test]
fn outcome_says_who_closed_and_why() {
    let bye = masked(FIN | CLOSE, &close_body(1000, "b\u{1b}ye"));
    assert_eq!(
        ending(false, &bye).to_string(),
        r"closed by the peer with 1000 (normal closure): b\u{1b}ye",
        "what the peer wrote does not reach the terminal"
    );
    assert_eq!(
        ending(true, &masked(FIN | CLOSE, &close_body(1001, ""))).to_string(),
        "closed by us with 1001 (going away)"
    );
    assert_eq!(
        ending(false, &masked(FIN | CLOSE, b"")).to_string(),
        "closed by the peer with 1005 (no status received)"
    );
    assert_eq!(
        ending(false, b"").to_string(),
        "the peer went away without a Close"
    );
    let broken = ending(false, &unmasked(FIN | TEXT, b"hi"));
    assert_eq!(broken.to_string(), "the client sent a frame without a mask");
    let with = |cause| {
        let mut other = broken.clone();
        other.cause = cause;
        other
    };
    for (cause, words) in [
        (
            Cause::Timeout(TimeoutKind::Keepalive),
            "the peer did not answer a ping in time",
        ),
        (
            Cause::Timeout(TimeoutKind::Close),
            "the peer did not complete the closing handshake in time",
        ),
        (
            Cause::Transport(ErrorKind::ConnectionReset),
            "the transport failed: connection reset",
        ),
    ] {
        assert_eq!(with(cause).to_string(), words);
    }
    assert_eq!(broken.initiator, Some(Initiator::Local));
}

#[test]
fn close_frame_shows_its_reason_escaped() {
    let close = |reason: &str| CloseFrame::new(CloseCode::NORMAL, reason).to_string();
    assert_eq!(close(""), "1000 (normal closure)");
    assert!(close("a\nb").ends_with(r"a\nb"), "{}", close("a\nb"));
}

#[test]
fn message_is_shown_as_a_log_line() {
    let text = Message::text("grüße\n");
    assert_eq!(text.to_string(), "grüße\n");
    assert_eq!(format!("{text:?}"), r#"Text("grüße\n")"#);
    let binary = Message::binary(vec![0xab; 20]);
    assert_eq!(binary.to_string(), "[20 bytes]");
    let first = ["ab"; 16].join(", ");
    assert_eq!(
        format!("{binary:?}"),
        format!("Binary(20 bytes: [{first}])")
    );
    assert_eq!(
        format!("{:?}", Message::binary(vec![1, 2])),
        "Binary(2 bytes: [01, 02])"
    );
    assert_eq!(
        format!("{:?}", Outgoing::from("four")),
        "Outgoing(Text, 4 bytes)"
    );
}

#[test]
fn lent_message_is_shown_as_the_owned_one() {
    let mut server = open(Role::Server, Config::new());
    let taken = server.receive(&masked(FIN | TEXT, b"hello"));
    assert_eq!(taken, 11);
    match server.poll_event(Instant::now()) {
        Ok(Some(Event::Message(message))) => {
            assert_eq!(message.to_string(), "hello");
            assert_eq!(format!("{message:?}"), r#"Text("hello")"#);
            assert_eq!((message.len(), message.is_empty()), (5, false));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn debug_output_tells_no_secret_and_no_payload() {
    assert_eq!(format!("{:?}", MaskKeys::new(sample_key)), "MaskKeys(..)");
    let mut server = open(Role::Server, Config::new());
    server.feed("a secret").unwrap();
    let shown = format!("{server:?}");
    assert!(!shown.contains("secret"), "{shown}");
    let taken = server.receive(&masked(FIN | PING, b"a\x1b"));
    assert_eq!(taken, 8);
    match server.poll_event(Instant::now()) {
        Ok(Some(Event::Ping(payload))) => {
            assert_eq!(format!("{payload:?}"), r#"ControlPayload("a\\x1b")"#);
        }
        other => panic!("{other:?}"),
    }
}

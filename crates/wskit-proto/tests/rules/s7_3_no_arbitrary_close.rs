//! RFC 6455 §7.1.7, §7.3, §7.4.1, §10.1: when and why a connection closes, and what a server
//! accepts from any peer.

use std::time::{Duration, Instant};

use crate::wire::*;
use proptest::prelude::*;
use wskit_proto::{
    CloseCode, CloseFrame, Config, FrameError, MessageKind, ProtocolError, Role, SendError, State,
};

/// Appends one frame that the rules allow, whole or part of a message; returns whether a message is
/// open.
fn legal(role: Role, choice: u8, len: usize, open_message: &mut bool) -> Vec<u8> {
    let payload = vec![b'x'; len % 126];
    let data = if *open_message { CONTINUATION } else { TEXT };
    match choice % 5 {
        0 => to(role, FIN | PING, &payload),
        1 => to(role, FIN | PONG, &payload),
        2 => {
            *open_message = true;
            to(role, data, &payload)
        }
        _ => {
            *open_message = false;
            to(role, FIN | data, &payload)
        }
    }
}

proptest! {
    /// This end sends no Close to a peer that keeps the rules, whatever it sends and however long
    /// it takes.
    ///
    /// Proves: R6455-7.1.7-d, R6455-7.3-a
    #[test]
    fn peer_that_keeps_the_rules_is_never_sent_a_close(
        server in any::<bool>(),
        steps in prop::collection::vec((any::<u8>(), 0_usize..500, 0_u64..19), 1..60),
    ) {
        let role = if server { Role::Server } else { Role::Client };
        let mut now = Instant::now();
        let mut end = open_at(role, Config::new(), now);
        let mut open_message = false;
        for (choice, len, seconds) in steps {
            let frame = legal(role, choice, len, &mut open_message);
            prop_assert_eq!(end.receive(&frame), frame.len());
            while end.poll_event(now).expect("it is legal").is_some() {}
            now += Duration::from_secs(seconds);
            prop_assert_eq!(end.handle_timeout(now), Ok(()), "the peer was never silent for long");
            prop_assert_eq!(end.state(), State::Open);
            let mut out = end.take_output();
            while let [first, second, ..] = out[..] {
                prop_assert_ne!(first & 15, CLOSE);
                let len = 2 + usize::from(second & 0x7f) + if second & 0x80 == 0 { 0 } else { 4 };
                out.drain(..len);
            }
        }
    }

    /// A server survives any input: it reports the events up to the first mistake, holds little
    /// memory, and reports nothing after the mistake.
    ///
    /// Proves: R6455-10.1-a, R6455-10.7-a, X-api-1
    #[test]
    fn server_trusts_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        good in 0_usize..3,
        step in 1_usize..40,
    ) {
        let now = Instant::now();
        let mut end = open_at(Role::Server, Config::new().max_message_size(1000), now);
        let wire = [masked(FIN | TEXT, b"hello").repeat(good), bytes].concat();
        let (mut events, mut error) = (0, None);
        for piece in wire.chunks(step) {
            prop_assert_eq!(end.receive(piece), piece.len());
            loop {
                match end.poll_event(now) {
                    Ok(None) => break,
                    Ok(Some(_)) => {
                        prop_assert_eq!(&error, &None, "nothing is seen after a mistake");
                        events += 1;
                    }
                    Err(mistake) => prop_assert_eq!(error.replace(mistake), None),
                }
            }
            prop_assert!(end.buffer_bytes() < 200 << 10);
        }
        prop_assert!(events >= good);
        prop_assert!(error.is_none() || end.state() != State::Open);
    }
}

/// 1010 is for a client that misses an extension. The application may send it, with the names as
/// its reason; the connection never sends it by itself.
///
/// Proves: R6455-7.4.1-f
#[test]
fn client_says_which_extension_is_missing() {
    let mut client = open(Role::Client, Config::new());
    let missing = CloseFrame::new(CloseCode::new(1010), "permessage-deflate");
    client.close(Some(missing)).unwrap();
    assert_eq!(
        client.take_output(),
        masked(FIN | CLOSE, &close_body(1010, "permessage-deflate"))
    );
    assert_eq!(client.feed("late"), Err(SendError::Closed));

    let mistakes = [
        ProtocolError::UnexpectedContinuation,
        ProtocolError::ExpectedContinuation {
            begun: MessageKind::Text,
        },
        ProtocolError::FrameTooBig { size: 2, limit: 1 },
        ProtocolError::InvalidUtf8,
        ProtocolError::Compression,
        ProtocolError::MessageTooBig { limit: 1 },
        ProtocolError::TooManyFragments { limit: 1 },
        ProtocolError::Frame(FrameError::ReservedBits),
        ProtocolError::Frame(FrameError::CloseCode(1005)),
        ProtocolError::Frame(FrameError::CloseReasonUtf8),
    ];
    for mistake in mistakes {
        assert_ne!(mistake.close_code().get(), 1010, "{mistake}");
    }
}

//! The memory of a handshake, counted by the allocator.
#![allow(clippy::cast_possible_wrap, reason = "counts of bytes in one test")]

mod wire;

use wire::*;
use wskit_handshake::{ClientHandshake, ClientRequest, HeadLimits, Progress, ServerHandshake};
use wskit_test::alloc::{Counting, live, rise};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A head that arrives byte by byte and breaks off, at every byte, forty times each, leaves no
/// memory allocated.
///
/// Proves: X-http-1
#[test]
fn abandoned_handshakes_leave_nothing() {
    let serve = |bytes: &[u8]| {
        let mut handshake = ServerHandshake::new(HeadLimits::default());
        for byte in bytes {
            if !matches!(
                handshake.receive(std::slice::from_ref(byte)),
                Ok(Progress::NeedMore)
            ) {
                break;
            }
        }
        drop(handshake.receive_eof());
    };
    let dial = |bytes: &[u8]| {
        let request = ClientRequest::new("ws://server.example.com/chat").unwrap();
        let mut handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
        for byte in bytes {
            if !matches!(
                handshake.receive(std::slice::from_ref(byte)),
                Ok(Progress::NeedMore)
            ) {
                break;
            }
        }
        drop(handshake.receive_eof());
    };
    serve(REQUEST.as_bytes());
    dial(RESPONSE.as_bytes());
    let base = live();
    for _ in 0..40 {
        for cut in 0..=REQUEST.len() {
            serve(&REQUEST.as_bytes()[..cut]);
        }
        for cut in 0..=RESPONSE.len() {
            dial(&RESPONSE.as_bytes()[..cut]);
        }
    }
    assert_eq!(live() - base, 0);
}

/// A head that never ends holds no more than its limit, whatever it contains.
///
/// Proves: X-http-1
#[test]
fn endless_heads_hold_the_limit_at_most() {
    for line in ["a:\r\n", "Sec-WebSocket-Extensions: a;b=\"\\c\\c\r\n", "x"] {
        let limits = HeadLimits::default();
        let mut handshake = ServerHandshake::new(limits);
        let risen = rise(|| {
            let _ = handshake.receive(b"GET /chat HTTP/1.1\r\n");
            for byte in line.bytes().cycle().take(1 << 20) {
                if handshake.receive(&[byte]).is_err() {
                    return;
                }
            }
            panic!("it never ends");
        });
        // The old and the new buffer exist together while it grows.
        assert!(
            risen <= 3 * limits.get_max_head_bytes() as isize,
            "{risen} bytes for {line:?}"
        );
    }
}

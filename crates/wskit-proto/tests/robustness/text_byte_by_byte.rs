//! Text that comes a byte at a time is checked as it comes, and no byte is looked at again.

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Connection, Delivery, Event, Role};

const SIZE: usize = 1 << 20;

/// Text in which every byte but the last of a character leaves one unfinished.
fn text_of(size: usize) -> Vec<u8> {
    let text = "aäß€𝄞";
    text.repeat(size / text.len()).into_bytes()
}

/// Passes the bytes one by one; returns how many were passed when the connection failed, and the
/// bytes of text that came out.
fn trickle(end: &mut Connection, bytes: &[u8], now: Instant) -> (Option<usize>, usize) {
    let mut came = 0;
    for (at, byte) in bytes.iter().enumerate() {
        assert_eq!(end.receive(std::slice::from_ref(byte)), 1);
        loop {
            match end.poll_event(now) {
                Ok(Some(Event::Message(message))) => came += message.len(),
                Ok(Some(Event::Piece(piece))) => came += piece.data.len(),
                Ok(Some(other)) => panic!("{other:?}"),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error.close_code().get(), 1007);
                    return (Some(at + 1), came);
                }
            }
        }
    }
    (None, came)
}

/// One frame, or a frame for each byte of the text.
fn forms(role: Role, text: &[u8]) -> [Vec<u8>; 2] {
    let mut fragments = to(role, TEXT, &text[..1]);
    for byte in &text[1..] {
        fragments.extend(to(role, CONTINUATION, std::slice::from_ref(byte)));
    }
    fragments.extend(to(role, FIN, b""));
    [to(role, FIN | TEXT, text), fragments]
}

fn config() -> Config {
    Config::new().max_fragments(1 << 20)
}

/// Checking all of the text with each byte would be 2^39 bytes of work, which would not end in
/// reasonable time. A check that goes on from its state cannot look at a byte twice, because then
/// characters cut in two would be invalid.
///
/// Proves: R6455-8.1-a, X-cpu-1
#[test]
fn text_of_a_mebibyte_comes_through_byte_by_byte() {
    let now = Instant::now();
    for role in ROLES {
        let (long, short) = (text_of(SIZE), text_of(SIZE / 32));
        let [whole, _] = forms(role, &long);
        let mut end = open(role, config());
        assert_eq!(trickle(&mut end, &whole, now), (None, long.len()));
        for (form, bytes) in forms(role, &short).iter().enumerate() {
            for delivery in [Delivery::Whole, Delivery::Pieces] {
                let mut end = open(role, config());
                end.set_delivery(delivery);
                let outcome = trickle(&mut end, bytes, now);
                assert_eq!(
                    outcome,
                    (None, short.len()),
                    "{role:?}, form {form}, {delivery:?}"
                );
            }
        }
    }
}

/// A byte that is impossible at its place fails the connection at once, however much came before
/// it.
///
/// Proves: R6455-8.1-a
#[test]
fn trickling_text_fails_at_its_first_impossible_byte() {
    let now = Instant::now();
    let mut text = text_of(SIZE / 32);
    // The last character lacks its end, and A follows.
    while text.last().is_some_and(|byte| *byte != 0xe2) {
        text.pop();
    }
    let good = text.len();
    text.extend(b"Abehind it");
    for role in ROLES {
        let head = to(role, FIN | TEXT, &text).len() - text.len();
        let [whole, fragments] = forms(role, &text);
        let frame = to(role, CONTINUATION, b"x").len();
        for (bytes, expected) in [(whole, head + good + 1), (fragments, (good + 1) * frame)] {
            let mut end = open(role, config());
            assert_eq!(
                trickle(&mut end, &bytes, now),
                (Some(expected), 0),
                "{role:?}"
            );
        }
    }
}

//! Reading into a whole buffer (`Inbound::fresh_buf`), and bytes of earlier reads that lie in it.

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Event, Inbound, Outbound, Role};

fn halves() -> (Inbound, Outbound) {
    open(Role::Server, Config::new()).split()
}

/// Reads as a driver does where nothing is left over.
fn read(inbound: &mut Inbound, bytes: &[u8]) {
    let buf = inbound.fresh_buf().expect("nothing is left over");
    buf[..bytes.len()].copy_from_slice(bytes);
    inbound.filled_fresh(bytes.len());
}

/// Returns the next message, and asserts that nothing follows it.
fn only_message(inbound: &mut Inbound, outbound: &mut Outbound) -> Option<Got> {
    let got = match inbound.next(outbound, Instant::now) {
        Ok(Some(Event::Message(span))) => Some(owned_message(&inbound.message(span))),
        Ok(None) => return None,
        other => panic!("no message: {other:?}"),
    };
    assert!(inbound.next(outbound, Instant::now).unwrap().is_none());
    got
}

/// The rest of the second frame lies in the buffer already, from the first one.
#[test]
fn a_frame_is_not_completed_by_bytes_of_an_earlier_one() {
    for len in [0, 1, 2, 16, 100, 125] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'a'; len];
            let frame = masked_with([0; 4], FIN | opcode, &payload);
            let expected = if opcode == TEXT {
                Got::Text("a".repeat(len))
            } else {
                Got::Binary(payload)
            };
            for cut in 1..frame.len() {
                let (mut inbound, mut outbound) = halves();
                read(&mut inbound, &frame);
                assert_eq!(
                    only_message(&mut inbound, &mut outbound).as_ref(),
                    Some(&expected)
                );
                let (came, rest) = frame.split_at(cut);
                read(&mut inbound, came);
                assert!(inbound.next_fast().is_none(), "{cut} of {}", frame.len());
                assert!(only_message(&mut inbound, &mut outbound).is_none());
                assert_eq!(inbound.receive(rest), rest.len());
                assert_eq!(
                    only_message(&mut inbound, &mut outbound).as_ref(),
                    Some(&expected)
                );
            }
        }
    }
}

#[test]
fn a_part_of_a_header_that_was_set_aside_is_brought_back_first() {
    let frame = masked(FIN | TEXT, b"hello");
    for cut in 1..6 {
        let (mut inbound, mut outbound) = halves();
        let (came, rest) = frame.split_at(cut);
        read(&mut inbound, came);
        assert!(only_message(&mut inbound, &mut outbound).is_none());
        inbound.release();
        assert!(inbound.fresh_buf().is_none(), "{cut} bytes wait");
        assert!(!inbound.has_no_input());
        assert_eq!(inbound.receive(rest), rest.len());
        assert_eq!(
            only_message(&mut inbound, &mut outbound),
            Some(text("hello"))
        );
        inbound.release();
        assert_eq!(inbound.buffer_bytes(), 0);
        read(&mut inbound, &frame);
        let span = inbound.next_fast().expect("the fast path is open again");
        assert_eq!(inbound.fast_message(span).as_text(), Some("hello"));
    }
}

#[test]
fn a_read_that_fills_the_buffer_is_followed_by_one_into_a_larger_one() {
    let (mut inbound, mut outbound) = halves();
    let size = inbound.fresh_buf().expect("nothing is left over").len();
    let frame = masked(FIN | BINARY, &[7; 122]);
    assert_eq!(size % frame.len(), 0);
    read(&mut inbound, &frame.repeat(size / frame.len()));
    while inbound.next(&mut outbound, Instant::now).unwrap().is_some() {}
    assert!(inbound.fresh_buf().is_none());
    assert_eq!(inbound.receive(&frame), frame.len());
    assert_eq!(inbound.buffer_bytes(), 65 << 10);
}

#[test]
fn a_whole_buffer_that_was_not_read_into_is_given_back() {
    let (mut inbound, _) = halves();
    assert!(inbound.fresh_buf().is_some());
    assert!(inbound.buffer_bytes() > 0);
    inbound.release_fresh();
    assert_eq!(inbound.buffer_bytes(), 0);
}

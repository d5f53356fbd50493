//! A driver that reports bytes it was not asked to read.

use crate::wire::*;
use wskit_proto::{Config, ReadBuf};

/// Bytes of a large message are reported when none is coming: nothing was read, and the connection
/// goes on.
///
/// Proves: X-api-1
#[test]
fn bytes_of_no_large_message_change_nothing() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.filled_large(7);
        assert_eq!(poll(&mut end), []);
        assert_eq!(feed(&mut end, &to(role, FIN | TEXT, b"one")), [text("one")]);
        // Inside a small frame.
        let frame = to(role, FIN | TEXT, b"another");
        assert_eq!(feed(&mut end, &frame[..frame.len() - 2]), []);
        assert!(matches!(end.read_buf(), ReadBuf::Slab(_)));
        end.filled_large(usize::MAX);
        assert_eq!(feed(&mut end, &frame[frame.len() - 2..]), [text("another")]);
    }
}

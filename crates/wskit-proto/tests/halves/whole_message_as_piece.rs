//! A whole message, taken as a piece.

use crate::wire::*;
use wskit_proto::{Config, Event, MessageKind, Role};

#[test]
fn whole_message_is_its_only_piece() {
    for (first, kind) in [(TEXT, MessageKind::Text), (BINARY, MessageKind::Binary)] {
        let (mut inbound, _outbox) = open(Role::Server, Config::new()).split();
        let bytes = masked(FIN | first, b"whole");
        assert_eq!(inbound.receive(&bytes), bytes.len());
        let Some(Event::Message(span)) = inbound.next_fast_event() else {
            panic!("it is here")
        };
        let piece = inbound.piece(span);
        assert_eq!((piece.kind, piece.first, piece.last), (kind, true, true));
        assert_eq!(piece.data, b"whole");
    }
}

//! RFC 6455 §10.4: limits on what a peer may send.

use crate::wire::*;
use wskit_proto::{Config, Delivery, ProtocolError};

fn too_big(limit: usize) -> Got {
    Got::Error(ProtocolError::MessageTooBig { limit })
}

/// Proves: R6455-10.4-b
#[test]
fn limit_passes_and_one_more_fails() {
    for role in ROLES {
        for limit in [0, 1, 10, 126, 40_000, 100_000] {
            let config = Config::new().max_message_size(limit);
            let exact = vec![b'a'; limit];
            let more = vec![b'a'; limit + 1];
            let mut end = open(role, config.clone());
            assert_eq!(
                feed(&mut end, &to(role, FIN | BINARY, &exact)),
                [Got::Binary(exact.clone())]
            );
            assert_eq!(
                feed(&mut end, &to(role, FIN | BINARY, &more)),
                [too_big(limit)]
            );
            assert_failed_with(&mut end, 1009);

            // In fragments: the sum counts, from the header of the frame that exceeds the limit.
            let mut end = open(role, config.clone());
            let fragments = [
                to(role, TEXT, &exact),
                to(role, CONTINUATION, b""),
                to(role, FIN, b""),
            ]
            .concat();
            assert_eq!(feed(&mut end, &fragments), [Got::Text("a".repeat(limit))]);
            let begun = [to(role, TEXT, &exact), to(role, CONTINUATION, b"")].concat();
            assert_eq!(feed(&mut end, &begun), []);
            let one_more = to(role, FIN, b"a");
            assert_eq!(
                feed(&mut end, &one_more[..one_more.len() - 1]),
                [too_big(limit)]
            );
            assert_failed_with(&mut end, 1009);
        }
    }
}

/// Proves: R6455-10.4-b
#[test]
fn limit_holds_for_pieces_too() {
    for role in ROLES {
        let mut end = open(role, Config::new().max_message_size(10));
        end.set_delivery(Delivery::Pieces);
        let got = feed(
            &mut end,
            &[to(role, TEXT, b"12345678"), to(role, FIN, b"901")].concat(),
        );
        assert_eq!(got.last(), Some(&too_big(10)));
        assert_failed_with(&mut end, 1009);
    }
}

/// Proves: R6455-10.4-b, X-cpu-1
#[test]
fn flood_of_empty_fragments_ends() {
    for role in ROLES {
        let mut end = open(role, Config::new().max_fragments(1000));
        let flood = [to(role, TEXT, b""), to(role, CONTINUATION, b"").repeat(998)].concat();
        assert_eq!(feed(&mut end, &flood), []);
        assert_eq!(
            feed(&mut end, &to(role, FIN, b"")),
            [text("")],
            "a thousand frames are allowed"
        );
        assert_eq!(feed(&mut end, &flood), []);
        let beyond = to(role, CONTINUATION, b"").repeat(2);
        assert_eq!(
            feed(&mut end, &beyond),
            [Got::Error(ProtocolError::TooManyFragments { limit: 1000 })]
        );
        assert_failed_with(&mut end, 1008);
    }
}

/// Proves: R6455-10.4-b
#[test]
fn defaults_are_finite() {
    let limits = Config::default().get_limits();
    assert!(limits.max_message_size <= 64 << 20);
    assert!(limits.max_fragments < u32::MAX);
}

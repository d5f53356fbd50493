//! RFC 7692 §7.1, §7.2: from the offer to the bytes of the messages. Both ends negotiate, and their
//! codecs then keep to the agreement and rely on nothing else.

mod support;

use support::scan::Scan;
use support::{OrdinaryDeflate, OrdinaryInflate, Rng, compress, decompress};
use wskit_deflate::{Config, Params};

/// The parameters of each end after the client's first offer and the server's response.
fn negotiate(client: &Config, server: &Config) -> (Params, Params) {
    let offers: Vec<_> = client.offers().collect();
    let answer = server
        .accept(offers.iter().map(|offer| (offer.name(), offer.params())))
        .expect("the offer can be honoured");
    let agreed = client
        .confirm([(answer.name(), answer.params())])
        .expect("the answer is right")
        .expect("it is an answer");
    (agreed, answer.agreed())
}

fn eager(config: Config) -> Config {
    config.threshold(0).threshold_without_takeover(0)
}

/// Proves: R7692-7.1.1.2-c, R7692-7.1.1.1-d
#[test]
fn end_that_gave_up_takeover_sends_messages_that_stand_alone() {
    for (client_forgets, server_forgets) in [(true, false), (false, true), (true, true)] {
        let client = eager(Config::client())
            .client_no_context_takeover(client_forgets)
            .server_no_context_takeover(server_forgets);
        let server = eager(Config::server()).client_max_window_bits(15);
        let (ours, theirs) = negotiate(&client, &server);
        let ends = [
            (
                client_forgets,
                ours.codec(&client).0,
                theirs.codec(&server).1,
            ),
            (
                server_forgets,
                theirs.codec(&server).0,
                ours.codec(&client).1,
            ),
        ];
        for (forgets, mut compressor, mut decompressor) in ends {
            let mut rng = Rng(5);
            let mut alone = 0;
            for n in 0..40 {
                let plain = rng.json();
                let payload = compress(&mut compressor, &plain);
                assert_eq!(
                    decompress(&mut decompressor, &payload).as_deref(),
                    Ok(&plain[..])
                );
                // A peer that has forgotten everything else.
                let mut fresh = OrdinaryInflate::new();
                alone += u32::from(fresh.message(&payload).is_ok_and(|read| read == plain));
                assert!(!forgets || alone == n + 1, "message {n} refers to another");
            }
            assert!(forgets || alone < 5, "the test sees the difference");
        }
    }
}

/// Proves: R7692-7.1.2.1-c, R7692-7.1.2.2-d
#[test]
fn each_end_keeps_within_the_window_it_agreed_to() {
    for (server_bits, client_bits) in [(9, 15), (15, 9), (10, 12), (12, 10), (11, 11)] {
        for dedicated in [false, true] {
            let client = eager(Config::client())
                .server_max_window_bits(server_bits)
                .client_max_window_bits(client_bits)
                .dedicated(dedicated)
                .deflate_history(32 << 10);
            let server = eager(Config::server())
                .client_max_window_bits(15)
                .dedicated(dedicated)
                .deflate_history(32 << 10);
            let (ours, theirs) = negotiate(&client, &server);
            for (bits, mut compressor) in [
                (client_bits, ours.codec(&client).0),
                (server_bits, theirs.codec(&server).0),
            ] {
                let mut rng = Rng(u64::from(bits) * 13);
                let mut scan = Scan::default();
                for _ in 0..40 {
                    let plain = rng.message();
                    assert_eq!(scan.message(&compress(&mut compressor, &plain)), plain);
                }
                assert!(scan.furthest <= 1 << bits, "{bits} bits: {}", scan.furthest);
                assert!(scan.furthest > 1 << (bits - 2), "the test sees the window");
            }
        }
    }
}

/// A client may keep its window until a response forbids it: one that offered either hint still
/// refers to earlier messages unless the response says otherwise.
///
/// Proves: R7692-7.2.2-c
#[test]
fn server_reads_a_client_that_was_told_nothing() {
    let hints = [
        &[][..],
        &[("client_no_context_takeover", None)],
        &[("client_max_window_bits", None)],
        &[("server_no_context_takeover", None)],
        &[
            ("server_max_window_bits", Some("9")),
            ("client_max_window_bits", Some("15")),
        ],
    ];
    let mut kept = 0;
    for server in [
        eager(Config::server()).client_max_window_bits(15),
        eager(Config::server())
            .client_max_window_bits(15)
            .server_no_context_takeover(true),
    ] {
        for hint in hints {
            let answer = server
                .accept([("permessage-deflate", hint.iter().copied())])
                .expect("the offer can be honoured");
            let told = answer
                .params()
                .any(|(name, _)| name == "client_no_context_takeover");
            let (_, mut decompressor) = answer.agreed().codec(&server);
            let mut client = OrdinaryDeflate::new(6);
            let mut rng = Rng(3);
            for n in 0..40 {
                let plain = rng.json();
                if told {
                    client = OrdinaryDeflate::new(6);
                }
                let payload = client.message(&plain);
                let read = decompress(&mut decompressor, &payload);
                assert_eq!(read.as_deref(), Ok(&plain[..]), "{hint:?}: message {n}");
            }
            kept += u32::from(!told);
        }
    }
    assert_eq!(
        kept, 8,
        "all clients without the hint that they can do without"
    );
}

//! Messages that stop half-way, and messages that are not compressed.

mod support;

use support::{OrdinaryInflate, codec, compress, compress_by, decompress, decompress_by, window};
use wskit_deflate::{Budget, Config, DecompressError, compress_prepared};

/// Proves: X-def-2
#[test]
fn messages_received_half_way_are_bounded() {
    let budget = Budget::new(10 * (46 << 10));
    let config = Config::server().budget(budget.clone());
    let payload = compress_prepared(1, 15, &b"Hello".repeat(20));
    let mut waiting: Vec<_> = (0..10)
        .map(|_| {
            let (_, mut d) = codec(window(12, false), &config);
            assert!(
                d.decompress(&payload[..5], false, &mut [0; 999])
                    .unwrap()
                    .done
            );
            d
        })
        .collect();
    assert_eq!(budget.used(), 10 * (46 << 10));

    // A message that arrives at once uses no budget.
    let (_, mut d) = codec(window(12, false), &config);
    assert!(decompress(&mut d, &payload).is_ok());
    // One more incomplete message does.
    let error = d
        .decompress(&payload[..5], false, &mut [0; 999])
        .unwrap_err();
    assert_eq!(
        (error, error.close_code()),
        (DecompressError::BudgetSpent, 1013)
    );
    assert_eq!(d.decompress(b"", true, &mut [0; 9]), Err(error));

    // The ends and drops of others make room.
    let rest = waiting[0]
        .decompress(&payload[5..], true, &mut [0; 999])
        .unwrap();
    assert!(rest.done);
    assert_eq!(budget.used(), 9 * (46 << 10));
    assert!(
        waiting[0]
            .decompress(&payload[..5], false, &mut [0; 999])
            .is_ok()
    );
    drop(waiting);
    assert_eq!(budget.used(), 0);

    budget.set_limit(0);
    let (_, mut d) = codec(window(12, false), &config);
    assert!(decompress(&mut d, &payload).is_ok());
    assert_eq!(budget.limit(), 0);
}

/// A message that waits for room continues; one that then waits for the peer
/// does not.
///
/// Proves: X-def-2
#[test]
fn message_that_waits_for_room_goes_on() {
    let config = Config::server().budget(Budget::new(0));
    let plain = b"Hello".repeat(200);
    let payload = compress_prepared(1, 15, &plain);
    let (_, mut d) = codec(window(12, false), &config);
    for _ in 0..3 {
        assert_eq!(
            decompress_by(&mut d, &payload, usize::MAX, 7).as_deref(),
            Ok(&plain[..])
        );
    }
    let head = &payload[..payload.len() - 1];
    let progress = d.decompress(head, false, &mut [0; 100]).unwrap();
    assert!(!progress.done);
    let waiting = d.decompress(&head[progress.consumed..], false, &mut [0; 2000]);
    assert_eq!(waiting, Err(DecompressError::BudgetSpent));
}

/// An admitted message continues when the limit is lowered; the next one is checked again.
///
/// Proves: X-def-2
#[test]
fn admission_holds_for_one_message() {
    let budget = Budget::new(1 << 20);
    let config = Config::server().budget(budget.clone());
    let payload = compress_prepared(1, 15, b"Hello, Hello");
    let (_, mut d) = codec(window(12, false), &config);
    let mut out = [0; 99];
    assert!(d.decompress(&payload[..3], false, &mut out).is_ok());
    budget.set_limit(0);
    assert!(d.decompress(&payload[3..5], false, &mut out).is_ok());
    assert!(d.decompress(&payload[5..], true, &mut out).unwrap().done);
    let next = d.decompress(&payload[..3], false, &mut out);
    assert_eq!(next, Err(DecompressError::BudgetSpent));
    assert_eq!(budget.used(), 0);
}

/// A dedicated stream belongs to its connection and needs no budget.
#[test]
fn dedicated_streams_are_not_counted() {
    let config = Config::server().budget(Budget::new(0)).dedicated(true);
    let (mut c, mut d) = codec(window(12, false), &config);
    assert!(c.begin(None) && c.begin(Some(1000)));
    let payload = compress_by(&mut c, &b"Hello".repeat(20), 7, 3);
    assert!(d.decompress(&payload[..5], false, &mut [0; 999]).is_ok());
    assert!(c.buffer_bytes() > 100 << 10 && d.buffer_bytes() > 40 << 10);
}

/// Proves: X-def-2
#[test]
fn sender_goes_on_uncompressed_when_the_budget_is_spent() {
    let budget = Budget::new(400 << 10);
    let config = Config::server().budget(budget.clone());
    let (mut first, _) = codec(window(15, false), &config);
    let (mut second, _) = codec(window(15, false), &config);
    assert!(
        first.begin(None),
        "a streamed message takes its part when it begins"
    );
    assert!(budget.used() > 300 << 10);
    assert!(!second.begin(None) && !second.begin(Some(5000)));

    // The message that has begun continues.
    assert!(first.compress(b"Hello, ", false, &mut [0; 99]).done);
    assert!(
        first.begin(None) && first.begin(Some(1)),
        "in the midst of a message it is settled"
    );
    assert!(first.compress(b"world", true, &mut [0; 99]).done);
    assert_eq!(budget.used(), 0);
    assert!(second.begin(Some(5000)));
    assert_eq!(budget.used(), 0, "a whole message only looks");

    // Without `begin`, everything is compressed, and counts while it is
    // incomplete.
    budget.set_limit(0);
    assert!(second.compress(b"Hello", false, &mut [0; 99]).done);
    assert!(budget.used() > 300 << 10);
    drop(second);
    assert_eq!(budget.used(), 0);
}

/// A skipped message does not enter the context.
///
/// Proves: R7692-6-d
#[test]
fn small_messages_are_skipped() {
    let config = Config::server()
        .threshold(20)
        .threshold_without_takeover(300);
    for (no_takeover, least) in [(false, 20), (true, 300)] {
        let (mut c, mut d) = codec(window(15, no_takeover), &config);
        let mut ordinary = OrdinaryInflate::new();
        for len in [0, 19, 20, 299, 300, 10, 5000, 20] {
            assert_eq!(c.begin(Some(len)), len >= least, "{len}");
            if len >= least {
                let plain = b"abcdefghij".repeat(len / 10);
                let payload = compress(&mut c, &plain);
                assert_eq!(decompress(&mut d, &payload).as_deref(), Ok(&plain[..]));
                assert_eq!(ordinary.message(&payload).unwrap(), plain);
            }
        }
    }
    // Unused takeover counts as none.
    let (mut c, _) = codec(window(15, false), &config.deflate_history(0));
    assert!(!c.begin(Some(299)) && c.begin(None));
}

#[test]
fn process_budget_is_shared() {
    let before = Budget::process().limit();
    assert!(before >= 1 << 20);
    let config = Config::client();
    let (_, mut d) = codec(window(15, false), &config);
    assert!(d.decompress(&[0xf2], false, &mut [0; 9]).is_ok());
    assert!(Budget::process().used() >= 46 << 10);
}

//! The limits and deadlines of a connection without any settings.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::wire::*;
use wskit_proto::deflate::Budget;
use wskit_proto::{Config, Keepalive, SendError, TimeoutKind};

const SECOND: Duration = Duration::from_secs(1);

/// Proves: R6455-10.4-b, X-mem-1
#[test]
fn limits_and_deadlines_are_finite_by_default() {
    for config in [Config::new(), Config::default()] {
        assert_eq!(config.get_limits().max_message_size, 1 << 20);
        assert_eq!(config.get_limits().max_fragments, 131_072);
        assert_eq!(config.get_handshake_timeout(), SECOND * 10);
        assert_eq!(config.get_close_timeout(), SECOND * 5);
    }
    assert_eq!(Budget::process().limit(), 256 << 20);
}

/// The queue for a peer that reads nothing is bounded.
///
/// Proves: X-io-3
#[test]
fn queue_ends_by_default() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let mut above = None;
        let refused = (0..10_000).find(|at| {
            if above.is_none() && end.outbox().is_over_high_water() {
                above = Some(*at);
            }
            end.feed(vec![7; 1000]) == Err(SendError::QueueFull)
        });
        assert!(
            (255..265).contains(&above.unwrap()),
            "{above:?} messages of 1,000 bytes"
        );
        assert!(
            (1040..1050).contains(&refused.unwrap()),
            "{refused:?} messages of 1,000 bytes"
        );
    }
}

/// A silent peer is pinged after 20 s and given up 20 s later.
///
/// Proves: X-io-1
#[test]
fn silent_peer_is_given_up_by_default() {
    for role in ROLES {
        let now = Instant::now();
        let mut end = open_at(role, Config::new(), now);
        assert_eq!(end.next_timeout(now), Some(now + SECOND * 20));
        end.handle_timeout(now + SECOND * 20).unwrap();
        assert_eq!(sent(&mut end)[0].0, FIN | PING);
        assert_eq!(end.next_timeout(now), Some(now + SECOND * 40));
        assert_eq!(
            end.handle_timeout(now + SECOND * 40),
            Err(TimeoutKind::Keepalive)
        );
    }
}

#[test]
fn every_setting_is_what_its_getter_returns() {
    let keepalive = Keepalive {
        every: SECOND,
        answer_within: SECOND * 2,
    };
    let fragment_size = NonZeroUsize::new(7);
    let config = Config::new()
        .max_message_size(1)
        .max_fragments(2)
        .keepalive(Some(keepalive))
        .idle_timeout(Some(SECOND * 3))
        .close_timeout(SECOND * 4)
        .handshake_timeout(SECOND * 5)
        .auto_pong(false)
        .write_high_water(6)
        .write_queue_limit(8)
        .fragment_size(fragment_size)
        .read_budget(9);
    assert_eq!(config.get_max_message_size(), 1);
    assert_eq!(config.get_max_fragments(), 2);
    assert_eq!(config.get_limits().max_message_size, 1);
    assert_eq!(config.get_limits().max_fragments, 2);
    assert_eq!(config.get_keepalive(), Some(keepalive));
    assert_eq!(config.get_idle_timeout(), Some(SECOND * 3));
    assert_eq!(config.get_close_timeout(), SECOND * 4);
    assert_eq!(config.get_handshake_timeout(), SECOND * 5);
    assert!(!config.get_auto_pong());
    assert_eq!(config.get_write_high_water(), 6);
    assert_eq!(config.get_write_queue_limit(), 8);
    assert_eq!(config.get_fragment_size(), fragment_size);
    assert_eq!(config.get_read_budget(), 9);
}

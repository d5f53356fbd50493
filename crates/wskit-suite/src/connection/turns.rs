//! How much a connection reads before it lets others run, beside a peer that never stops.

use std::time::Duration;

use bytes::Bytes;
use wskit_driver::WebSocket;
use wskit_proto::{Config, Role};
use wskit_test::{Flood, Frames, Harness, Io, PipeEnd, once, pipe, run, wrap};

use crate::scene::{CAPACITY, ROLES, config, pattern};

/// The most bytes that a read brings here.
const READ: usize = 64 << 10;

/// Returns a connection that receives messages of this size without end, and the peer.
fn flooded<H: Harness>(role: Role, size: usize, config: Config) -> (WebSocket<Io<H>>, PipeEnd) {
    let (near, far) = pipe(CAPACITY);
    let (probe, message) = (far.probe(), Frames::to(role).binary(&pattern(size)));
    let (never, longest) = (Duration::ZERO, Duration::MAX);
    probe.flood(Flood::new(message, READ, never, longest, H::advance));
    let ws = WebSocket::from_parts(wrap::<H>(near), role, Bytes::new(), config);
    (ws, far)
}

/// Returns how many bytes of messages of this size come out of one poll of a receiver, of several.
async fn turns<H: Harness>(role: Role, size: usize, config: Config) -> Vec<usize> {
    let (mut ws, _peer) = flooded::<H>(role, size, config);
    let mut turns = Vec::new();
    for _ in 0..4 {
        let mut bytes = 0;
        let receiving = once(async {
            loop {
                let (message, _) = ws.recv_ref().await.unwrap().unwrap();
                assert_eq!(message.len(), size);
                bytes += message.len();
                assert!(bytes < 64 << 20, "no end");
            }
        });
        assert!(receiving.await.is_none());
        turns.push(bytes);
    }
    turns
}

/// Small messages count four times.
pub fn turn_of_small_messages_is_a_quarter_of_the_budget<H: Harness>() {
    run::<H>(async {
        for role in ROLES {
            for budget in [128 << 10, 1 << 20] {
                for turn in turns::<H>(role, 100, config().read_budget(budget)).await {
                    // The rest of a turn is headers.
                    let least = budget / 4 / 106 * 99;
                    assert!(
                        turn >= least && turn <= budget / 4 + READ,
                        "{turn}, {budget}"
                    );
                }
            }
        }
    });
}

/// A turn ends behind a message, unless the message is larger than the budget.
pub fn turn_of_large_messages_is_the_budget<H: Harness>() {
    run::<H>(async {
        for role in ROLES {
            for (size, budget) in [(300_000, 1 << 20), (1 << 20, 1 << 20), (1 << 20, 4 << 20)] {
                for turn in turns::<H>(role, size, config().read_budget(budget)).await {
                    // The first message has to show how large it is.
                    let (least, most) = (budget - budget / 4, budget + size);
                    assert!(turn >= least && turn <= most, "{turn}, {size}, {budget}");
                }
            }
        }
    });
}

/// By default no more than 1 MiB, or one message, is read in a row.
pub fn turn_is_short_by_default<H: Harness>() {
    run::<H>(async {
        for role in ROLES {
            for size in [5000, 100_000, 1 << 20] {
                for turn in turns::<H>(role, size, config()).await {
                    assert!(turn <= (1 << 20).max(size) + size, "{turn}, {size}");
                }
            }
        }
    });
}

/// Inside a message larger than the budget, turns end too.
pub fn turn_ends_inside_a_message_larger_than_the_budget<H: Harness>() {
    run::<H>(async {
        for role in ROLES {
            let config = config().read_budget(128 << 10);
            let turns = turns::<H>(role, 1 << 20, config).await;
            // The four turns, of 256 KiB each, are a message.
            assert_eq!(turns.iter().sum::<usize>(), 1 << 20, "{turns:?}");
        }
    });
}

/// A budget of next to nothing is a read in a turn.
pub fn smallest_budget_reads_once_a_turn<H: Harness>() {
    run::<H>(async {
        for role in ROLES {
            for turn in turns::<H>(role, 100, config().read_budget(0)).await {
                assert!(turn <= READ, "{turn}");
            }
        }
    });
}

/// A turn that ends behind a large message leaves its buffer to the next connection of the thread: many at
/// once would not stay in the caches.
pub fn connections_in_turn_share_the_buffer_of_large_messages<H: Harness>() {
    run::<H>(async {
        let config = config().read_budget(2 << 20);
        let mut all: Vec<_> = (0..5)
            .map(|_| flooded::<H>(Role::Server, 1 << 20, config.clone()))
            .collect();
        let mut places = Vec::new();
        for _ in 0..4 {
            places.clear();
            for (ws, _peer) in &mut all {
                let receiving = once(async {
                    loop {
                        let (message, _) = ws.recv_ref().await.unwrap().unwrap();
                        places.push(message.as_bytes().as_ptr() as usize);
                    }
                });
                assert!(receiving.await.is_none());
            }
        }
        assert!(places.len() >= 5, "{places:?}");
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 1, "{places:?}");
    });
}

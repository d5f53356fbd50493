//! Masking keys as a peer or a proxy sees them: a million in a row.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::thread;

use wskit_driver::secure_keys;

/// The keys of a little more than 15 seeds.
const KEYS: usize = 1_000_000;

fn draw(count: usize) -> Vec<u32> {
    let keys = secure_keys();
    (0..count)
        .map(|_| u32::from_ne_bytes(keys.next_key()))
        .collect()
}

/// Every bit is set in half of the keys, and changes in half of the steps from one key to the next. Being
/// six standard deviations off has a probability of 1 in a thousand million.
///
/// Proves: R6455-5.3-c, R6455-5.3-d
#[test]
fn keys_and_their_successions_are_balanced_bit_by_bit() {
    let keys = draw(KEYS);
    let changes = keys.windows(2).map(|pair| pair[0] ^ pair[1]);
    for (what, words) in [
        ("keys", keys.clone()),
        ("changes", changes.collect::<Vec<_>>()),
    ] {
        for bit in 0..32 {
            let ones = words.iter().filter(|word| *word >> bit & 1 == 1).count();
            // The standard deviation is 500.
            assert!(
                ones.abs_diff(KEYS / 2) < 3_000,
                "bit {bit} of {what}: {ones} of {KEYS}"
            );
        }
    }
}

/// No rotation of a key, nor of its complement, is correlated with the next key.
///
/// Proves: R6455-5.3-d
#[test]
fn key_says_nothing_about_the_next() {
    let keys = draw(KEYS);
    for turn in 0..32 {
        let pairs = keys.windows(2);
        let ones: u64 = pairs
            .map(|pair| u64::from((pair[0].rotate_left(turn) ^ pair[1]).count_ones()))
            .sum();
        // 32 million bits: the standard deviation is 2,828.
        assert!(
            ones.abs_diff(16 * KEYS as u64) < 17_000,
            "turned by {turn}: {ones}"
        );
    }
}

/// Neither a new seed on the same thread nor another thread repeats earlier keys.
///
/// Proves: R6455-5.3-c
#[test]
fn keys_do_not_come_again() {
    let mut threads: Vec<_> = (0..4)
        .map(|_| thread::spawn(|| draw(KEYS / 8)))
        .map(|thread| thread.join().unwrap())
        .collect();
    threads.push(draw(KEYS / 2));
    let keys: HashSet<_> = threads.concat().into_iter().collect();
    // A million draws of 2^32 collide about 116 times.
    assert!(keys.len() > KEYS - 300, "{} of {KEYS}", keys.len());
}

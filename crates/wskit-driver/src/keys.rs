//! Randomness for masking keys (RFC 6455 §5.3, §10.3) and handshake nonces (§4.1).

use std::cell::RefCell;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use wskit_proto::MaskKeys;

/// Returns masking keys from a `ChaCha` stream per thread, seeded by the operating system. Earlier keys do
/// not help to predict later ones, and a frame needs no system call.
///
/// # Panics
/// If the operating system has no random bytes: there is no safe way to continue.
#[must_use]
pub fn secure_keys() -> MaskKeys {
    MaskKeys::new(draw)
}

/// Returns 16 random bytes for `Sec-WebSocket-Key`.
///
/// # Errors
/// The operating system has no random bytes.
pub(crate) fn nonce() -> std::io::Result<[u8; 16]> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
    Ok(nonce)
}

struct Keys {
    rng: ChaCha12Rng,
    /// The number of keys left before the stream is seeded anew.
    left: u32,
    /// The process that seeded it: a child process must not repeat its parent's keys.
    process: u32,
}

/// The number of keys drawn from one seed. It bounds what a leaked state reveals, and for how long a parent
/// and its child agree after a fork. Each new seed costs a system call.
const RENEW: u32 = 1 << 16;

thread_local! {
    static KEYS: RefCell<Option<Keys>> = const { RefCell::new(None) };
}

fn draw() -> [u8; 4] {
    let drawn = KEYS.try_with(|keys| {
        let Ok(mut keys) = keys.try_borrow_mut() else {
            return Keys::fresh().draw();
        };
        match keys.as_mut() {
            Some(keys) if keys.left > 0 => keys.draw(),
            _ => keys.insert(Keys::fresh()).draw(),
        }
    });
    // The thread is being torn down.
    drawn.unwrap_or_else(|_| Keys::fresh().draw())
}

impl Keys {
    #[cold]
    #[allow(
        clippy::expect_used,
        reason = "no randomness: sending with a guessable key would break RFC 6455 §10.3"
    )]
    fn fresh() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives no randomness");
        Self {
            rng: ChaCha12Rng::from_seed(seed),
            left: RENEW,
            process: std::process::id(),
        }
    }

    #[inline]
    fn draw(&mut self) -> [u8; 4] {
        self.left -= 1;
        if self.left % 256 == 0 && self.process != std::process::id() {
            *self = Self::fresh();
        }
        self.rng.next_u32().to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Proves: R6455-5.3-c, R6455-5.3-d
    #[test]
    fn keys_are_spread_and_differ_between_threads() {
        let here: Vec<u32> = (0..100_000).map(|_| u32::from_ne_bytes(draw())).collect();
        // 100,000 draws of 2^32 collide about once.
        assert!(here.iter().collect::<HashSet<_>>().len() > 99_980);
        let ones: u32 = here.iter().map(|key| key.count_ones()).sum();
        let share = f64::from(ones) / (32.0 * 100_000.0);
        assert!((0.498..0.502).contains(&share), "{share}");
        let there = std::thread::spawn(|| u32::from_ne_bytes(draw()))
            .join()
            .unwrap();
        assert!(!here.contains(&there));
    }

    /// Proves: R6455-4.1-p
    #[test]
    fn nonces_differ() {
        let nonces: HashSet<_> = (0..10_000).map(|_| nonce().unwrap()).collect();
        assert_eq!(nonces.len(), 10_000);
    }
}

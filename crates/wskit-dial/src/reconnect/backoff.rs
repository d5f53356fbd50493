use std::time::Duration;

/// The delays before attempts: random, and longer each time. Sans-I/O: it has no clock and no source of
/// random numbers.
///
/// RFC 6455 §7.2.3: the first delay is random, of 0 to 5 s, so that the clients of a restarted
/// server do not all return at once; each later one is longer, by truncated binary exponential
/// backoff. Here the second lies between 5 and 10 s, the third between 10 and 20 s and so on, up to a
/// limit; at the limit between half of it and all.
///
/// ```
/// use std::time::Duration;
/// use wskit_dial::reconnect::Backoff;
///
/// let mut backoff = Backoff::new();
/// assert_eq!(backoff.next_delay(0), Duration::ZERO);
/// assert_eq!(backoff.next_delay(1 << 63), Duration::from_millis(7500));
/// backoff.reset();
/// assert!(backoff.next_delay(u64::MAX) < Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    /// The number of delays since the last reset.
    given: u32,
}

impl Backoff {
    /// Makes a backoff whose first delay is up to 5 s and whose longest is 60 s.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: Duration::from_secs(5),
            most: Duration::from_secs(60),
            given: 0,
        }
    }

    /// Sets the upper bound of the first delay (at least 1 ms), from which the later ones grow.
    #[must_use]
    pub fn first(mut self, at_most: Duration) -> Self {
        self.first = at_most.max(LEAST);
        self.most = self.most.max(self.first);
        self
    }

    /// Sets the longest delay. A larger [`first`](Backoff::first) raises it.
    #[must_use]
    pub fn most(mut self, limit: Duration) -> Self {
        self.most = limit.max(self.first);
        self
    }

    /// Returns the next delay. `random` is a random number, evenly distributed over all of `u64`.
    pub fn next_delay(&mut self, random: u64) -> Duration {
        let (low, high) = self.range();
        self.given = self.given.saturating_add(1);
        low + share(high.saturating_sub(low), random)
    }

    /// Returns the range of the next delay: from the first value, up to and without the second.
    #[must_use]
    pub fn range(&self) -> (Duration, Duration) {
        let Some(before) = self.given.checked_sub(1) else {
            return (Duration::ZERO, self.first);
        };
        let doubled = |times: u32| {
            let factor = 1_u32.checked_shl(times);
            factor.and_then(|factor| self.first.checked_mul(factor))
        };
        match (doubled(before), doubled(self.given)) {
            (Some(low), Some(high)) if high <= self.most => (low, high),
            // §7.2.3: truncated, and still random.
            (Some(low), _) => (low.min(self.most / 2), self.most),
            (None, _) => (self.most / 2, self.most),
        }
    }

    /// Returns the number of delays since the last reset.
    #[must_use]
    pub const fn given(&self) -> u32 {
        self.given
    }

    /// Begins again with the first delay.
    pub fn reset(&mut self) {
        self.given = 0;
    }
}

/// The least upper bound of a delay: with 0 a client would try again without waiting.
const LEAST: Duration = Duration::from_millis(1);

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns `random` of 2^64 parts of `whole`.
fn share(whole: Duration, random: u64) -> Duration {
    // u64 nanoseconds overflow after 584 years.
    let whole = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    let part = (u128::from(whole) * u128::from(random)) >> 64;
    Duration::from_nanos(part as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Proves: R6455-7.2.3-b, R6455-7.2.3-c
    #[test]
    fn delays_begin_below_five_seconds_and_double_up_to_a_limit() {
        let mut backoff = Backoff::new();
        let ranges: Vec<_> = (0..7)
            .map(|random| {
                let (low, high) = backoff.range();
                backoff.next_delay(random << 60);
                (low.as_secs(), high.as_secs())
            })
            .collect();
        let expected = [
            (0, 5),
            (5, 10),
            (10, 20),
            (20, 40),
            (30, 60),
            (30, 60),
            (30, 60),
        ];
        assert_eq!(ranges, expected);
        backoff.reset();
        assert_eq!(backoff.range(), (secs(0), secs(5)));
    }

    #[test]
    fn limit_gives_way_to_the_first_delay() {
        assert_eq!(Backoff::new().most(secs(1)).range(), (secs(0), secs(5)));
        let mut long = Backoff::new().first(secs(90));
        long.next_delay(0);
        assert_eq!(long.range(), (secs(45), secs(90)));
        let mut none = Backoff::new().first(Duration::ZERO).most(Duration::ZERO);
        assert!(none.next_delay(u64::MAX) > Duration::ZERO);
    }

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0_u64..10_000_000_000).prop_map(Duration::from_nanos),
            (0_u64..100_000).prop_map(Duration::from_secs),
            Just(Duration::MAX),
        ]
    }

    proptest! {
        /// Proves: R6455-7.2.3-c
        #[test]
        fn delays_grow_up_to_the_limit_and_never_beyond(
            first in durations(),
            most in durations(),
            randoms in prop::collection::vec(any::<u64>(), 1..80),
        ) {
            let mut backoff = Backoff::new().first(first).most(most);
            let most = most.max(first).max(LEAST);
            let mut before = Duration::ZERO;
            for random in randoms {
                let (low, high) = backoff.range();
                let delay = backoff.next_delay(random);
                prop_assert!(low <= delay && delay <= high && high <= most);
                if high < most {
                    prop_assert!(before <= delay, "{before:?} then {delay:?}");
                } else {
                    prop_assert!(delay >= low && low >= Duration::ZERO);
                }
                before = delay;
            }
        }

        /// A larger random number never makes a shorter delay, and all of the range is used.
        #[test]
        fn randomness_is_spread_over_the_range(given in 0_u32..70, a: u64, b: u64) {
            let mut backoff = Backoff::new();
            for _ in 0..given {
                backoff.next_delay(0);
            }
            let (low, high) = backoff.range();
            let delay = |random| backoff.clone().next_delay(random);
            prop_assert!(delay(a.min(b)) <= delay(a.max(b)));
            prop_assert_eq!(delay(0), low);
            prop_assert!(high.saturating_sub(delay(u64::MAX)) < Duration::from_micros(1));
        }
    }
}

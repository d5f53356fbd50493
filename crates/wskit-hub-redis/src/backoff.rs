use std::time::Duration;

/// How long a hub waits until it connects again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    wait: Duration,
}

/// Until the second attempt, and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

impl Backoff {
    /// Returns how long to wait before an attempt, of which `random` takes up to the half away, so that hubs do
    /// not come at once.
    pub(crate) fn next(&mut self, random: u64) -> Duration {
        let wait = self.wait;
        self.wait = (2 * wait).clamp(WAITS.0, WAITS.1);
        wait / 2 + wait / 2048 * (random % 1024) as u32
    }

    /// There was a session for this long. What ends it at once may end the next at once too.
    pub(crate) fn lasted(&mut self, time: Duration) {
        if time >= WAITS.1 {
            self.wait = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_sessions_that_end_at_once_do_not_make_them_short() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..10)
            .map(|_| {
                backoff.lasted(Duration::from_secs(4));
                backoff.next(0).as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 25, 50, 100, 200, 400, 800, 1600, 2500, 2500]);
        assert!(backoff.next(u64::MAX) <= WAITS.1);
        backoff.lasted(Duration::from_secs(5));
        assert_eq!(backoff.next(0), Duration::ZERO);
    }
}

use std::time::{Duration, Instant};

/// A token bucket: a rate, which is also how much may come at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again; `None` if it is.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes a token, of `per_sec` that come in a second; 0 is no limit.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub(crate) fn take(&mut self, per_sec: u32, now: Instant) -> Result<(), Duration> {
        let Some(price) = Duration::from_secs(1).checked_div(per_sec) else {
            return Ok(());
        };
        // What is missing is the time until it is full. A second of it means that it is empty.
        let missing = self
            .full_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let after = missing + price;
        match after.checked_sub(price * per_sec) {
            Some(over) if !over.is_zero() => Err(over),
            _ => {
                self.full_at = Some(now + after);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_a_seconds_tokens_then_the_rate() {
        let (mut bucket, mut now) = (Bucket::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(bucket.take(10, now), Ok(()));
        }
        assert_eq!(bucket.take(10, now), Err(Duration::from_millis(100)));
        now += Duration::from_millis(100);
        assert_eq!(bucket.take(10, now), Ok(()));
        assert_eq!(bucket.take(10, now), Err(Duration::from_millis(100)));
        now += Duration::from_secs(60);
        for _ in 0..10 {
            assert_eq!(bucket.take(10, now), Ok(()));
        }
        assert!(bucket.take(10, now).is_err());
    }

    #[test]
    fn no_rate_is_no_limit() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        for _ in 0..10_000 {
            assert_eq!(bucket.take(0, now), Ok(()));
        }
    }
}

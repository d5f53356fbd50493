//! Latencies in buckets of about 3 %.

/// Counts of durations in nanoseconds: 32 buckets for each power of two.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; 64 * 32],
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The duration below which `share` (0 to 1) of all were. 0 if nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.total as f64) * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return value(index);
            }
        }
        0
    }
}

fn bucket(nanos: u64) -> usize {
    let nanos = nanos.max(32);
    let power = nanos.ilog2();
    let within = (nanos >> (power - 5)) & 31;
    (power as usize) * 32 + within as usize
}

fn value(bucket: usize) -> u64 {
    let (power, within) = (bucket / 32, (bucket % 32) as u64);
    (32 + within) << (power.max(5) - 5)
}

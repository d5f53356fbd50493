//! Medians and spreads.

/// The value in the middle. NaN if there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Largest over smallest, less 1, in percent.
pub fn spread(values: &[f64]) -> f64 {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for &value in values.iter().filter(|value| value.is_finite()) {
        low = low.min(value);
        high = high.max(value);
    }
    (high / low - 1.0) * 100.0
}

/// A number for people: 1234567 as 1.23M.
pub fn short(value: f64) -> String {
    match value {
        v if !v.is_finite() => "-".to_owned(),
        v if v >= 1e6 => format!("{:.2}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 1e3 => format!("{:.2}k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

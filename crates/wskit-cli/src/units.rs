//! Durations and sizes on the command line, and in reports.

use std::time::Duration;

/// Parses `500ms`, `2s`, `1.5` (seconds), `1m` or `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("" | "s") => 1.0,
        Some("ms") => 1e-3,
        Some("us") => 1e-6,
        Some("m") => 60.0,
        Some("h") => 3600.0,
        _ => return Err("units are us, ms, s, m and h".into()),
    };
    let number: f64 = digits.parse().map_err(|_| "not a duration".to_owned())?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

/// Parses `4096`, `64k` or `1M`: multiples of 1024.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim_end_matches("ib").trim_end_matches('b');
    let digits = bare.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let shift = match bare.get(digits.len()..) {
        Some("") => 0,
        Some("k") => 10,
        Some("m") => 20,
        Some("g") => 30,
        _ => return Err("units are k, M and G".into()),
    };
    let number: usize = digits.parse().map_err(|_| "not a size".to_owned())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too large".to_owned())
}

/// Writes a time with a fitting unit and three digits: `812 ns`, `1.25 ms`, `12.5 s`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    let places = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.places$} {unit}")
}

/// Writes a number with a comma between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of bytes: `12 B`, `1.2 kB`, `3.4 MB`.
pub(crate) fn bytes(bytes: f64) -> String {
    match bytes {
        b if b >= 1e9 => format!("{:.2} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
        b if b >= 1e3 => format!("{:.1} kB", b / 1e3),
        b => format!("{b:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [("2", 2000), ("0.5", 500), ("250ms", 250), ("1m", 60_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1d", "-1", "1e400", "one"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_multiples_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("125", 125),
            ("64k", 65_536),
            ("1M", 1 << 20),
            ("1MiB", 1 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "1.5k", "-1", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_and_numbers_are_short() {
        assert_eq!(time(Duration::from_nanos(812)), "812 ns");
        assert_eq!(time(Duration::from_micros(1250)), "1.25 ms");
        assert_eq!(time(Duration::from_millis(12_500)), "12.5 s");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
    }
}

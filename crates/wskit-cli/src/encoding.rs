//! Binary messages as text: hexadecimal and base64.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;

/// How a binary message is written on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// Hexadecimal digits
    Hex,
    /// Base64 (RFC 4648)
    Base64,
    /// The bytes as they are
    Raw,
}

impl Encoding {
    /// Returns the bytes that a line stands for.
    pub(crate) fn decode(self, line: Vec<u8>) -> Result<Vec<u8>, String> {
        match self {
            Self::Raw => Ok(line),
            Self::Hex => hex(&line),
            Self::Base64 => STANDARD
                .decode(line.trim_ascii())
                .map_err(|error| format!("not base64: {error}")),
        }
    }

    /// Returns the bytes as they are to be written.
    pub(crate) fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Raw => bytes.to_vec(),
            Self::Base64 => base64(bytes).into_bytes(),
            Self::Hex => bytes
                .iter()
                .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}"); // writing to a String does not fail
                    text
                })
                .into_bytes(),
        }
    }
}

/// Returns the bytes as base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads pairs of digits. Blanks and colons between pairs are left out.
fn hex(line: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(line.len() / 2);
    let mut rest = line;
    while let [high, tail @ ..] = rest {
        rest = tail;
        if high.is_ascii_whitespace() || *high == b':' {
            continue;
        }
        let [low, tail @ ..] = tail else {
            return Err("not hexadecimal: an odd number of digits".into());
        };
        rest = tail;
        match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err("not hexadecimal".into()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_bytes() {
        for (encoding, line, bytes) in [
            (Encoding::Hex, "00ff7a", &b"\x00\xffz"[..]),
            (Encoding::Base64, "AP96", b"\x00\xffz"),
            (Encoding::Raw, "abc", b"abc"),
        ] {
            assert_eq!(encoding.decode(line.into()).unwrap(), bytes);
            assert_eq!(encoding.encode(bytes), line.as_bytes());
        }
        assert_eq!(
            Encoding::Hex.decode(b"00 ff:7A".to_vec()).unwrap(),
            b"\x00\xffz"
        );
        for line in ["0", "0g", "0 1", "zz"] {
            assert!(Encoding::Hex.decode(line.into()).is_err(), "{line}");
        }
        assert!(Encoding::Base64.decode(b"A".to_vec()).is_err());
    }
}

//! What a server that does not speak HTTP begins with.

use std::fmt;

/// The beginning of an answer that is not HTTP.
///
/// The first byte that HTTP cannot have at its place ends the handshake. What is
/// here is all that had come with it, up to 64 bytes: of a greeting that comes
/// byte by byte it is the start only.
#[derive(Clone, PartialEq, Eq)]
pub struct NotHttp {
    start: Vec<u8>,
}

impl NotHttp {
    pub(crate) fn new(before: &[u8], bytes: &[u8]) -> Self {
        let start = before.iter().chain(bytes).take(KEPT);
        Self {
            start: start.copied().collect(),
        }
    }

    /// Returns the first bytes of the answer: one at least, 64 at most.
    pub fn bytes(&self) -> &[u8] {
        &self.start
    }

    /// Returns what these bytes look like, if that is known: `SSH`, `TLS`,
    /// `HTTP/2`, `SMTP or FTP`, `POP3 or Redis`, `IMAP`. It is a guess for people.
    pub fn looks_like(&self) -> Option<&'static str> {
        match self.start.as_slice() {
            [0x15 | 0x16, ..] => Some("TLS"),
            // The length and type of a SETTINGS frame (RFC 9113 §6.5).
            [0, 0, _, 4, ..] => Some("HTTP/2"),
            start => GREETINGS
                .iter()
                .find(|(greeting, _)| start.starts_with(greeting.as_bytes()))
                .map(|(_, name)| *name),
        }
    }
}

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let line = self.start.split(is_line_end).next().unwrap_or_default();
        let shown = if line.is_empty() { &self.start } else { line };
        write!(f, "its answer begins with \"{}\"", shown.escape_ascii())?;
        match self.looks_like() {
            Some(name) => write!(f, ", which looks like {name}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotHttp(\"{}\")", self.start.escape_ascii())
    }
}

const KEPT: usize = 64;

const GREETINGS: [(&str, &str); 6] = [
    ("SSH-", "SSH"),
    ("220", "SMTP or FTP"),
    ("+OK", "POP3 or Redis"),
    ("-ERR", "POP3 or Redis"),
    ("* OK", "IMAP"),
    ("PRI * HTTP/2", "HTTP/2"),
];

//! The response of a server that does not speak HTTP.

use std::fmt;

/// The beginning of a response that is not HTTP.
///
/// The handshake ends at the first byte that cannot be HTTP. This type holds
/// what had been received by then, at most 64 bytes. If the response arrives
/// byte by byte, it holds only its start.
#[derive(Clone, PartialEq, Eq)]
pub struct NotHttp {
    start: Vec<u8>,
}

impl NotHttp {
    pub(crate) fn new(before: &[u8], bytes: &[u8]) -> Self {
        let mut start = before.to_vec();
        start.extend_from_slice(bytes.get(..KEPT).unwrap_or(bytes));
        start.truncate(KEPT);
        Self { start }
    }

    /// Returns the first bytes of the response, between 1 and 64.
    pub fn bytes(&self) -> &[u8] {
        &self.start
    }

    /// Returns the protocol that these bytes look like, if known: `SSH`, `TLS`, `HTTP/2`, `SMTP or
    /// FTP`, `POP3 or Redis`, `IMAP`. It is a guess, meant for error messages.
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
        write!(f, "its response begins with \"{}\"", shown.escape_ascii())?;
        match self.looks_like() {
            Some("TLS") => f.write_str(", which looks like TLS; is it wss://?"),
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

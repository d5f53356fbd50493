//! permessage-deflate (RFC 7692) as far as a load generator needs it.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// What was agreed on.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// Whether we compress each message on its own.
    pub client_alone: bool,
    /// Whether the server does.
    pub server_alone: bool,
    /// Our window.
    pub client_bits: u8,
}

impl Agreed {
    /// From the header of the answer.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return None;
        }
        let mut agreed = Self {
            client_alone: false,
            server_alone: false,
            client_bits: 15,
        };
        for part in parts {
            match part.split_once('=').unwrap_or((part, "")) {
                ("client_no_context_takeover", _) => agreed.client_alone = true,
                ("server_no_context_takeover", _) => agreed.server_alone = true,
                ("client_max_window_bits", bits) => {
                    agreed.client_bits = bits.trim_matches('"').parse().unwrap_or(15);
                }
                _ => {}
            }
        }
        Some(agreed)
    }

    /// Our side.
    #[must_use]
    pub fn compressor(self) -> Compressor {
        let level = Compression::new(6);
        Compressor {
            // zlib compresses with windows of 9 bits and more.
            inner: Compress::new_with_window_bits(level, false, self.client_bits.max(9)),
            alone: self.client_alone,
        }
    }

    /// What checks the server's side.
    #[must_use]
    pub fn decompressor(self) -> Decompressor {
        Decompressor {
            inner: Decompress::new(false),
            alone: self.server_alone,
        }
    }
}

/// Makes the payloads of compressed messages.
pub struct Compressor {
    inner: Compress,
    alone: bool,
}

impl Compressor {
    /// One message.
    pub fn compress(&mut self, payload: &[u8]) -> Vec<u8> {
        if self.alone {
            self.inner.reset();
        }
        let mut body = Vec::with_capacity(payload.len() * 2 + 128);
        let done = self
            .inner
            .compress_vec(payload, &mut body, FlushCompress::Sync);
        done.expect("the buffer is large enough");
        assert!(
            body.ends_with(&TAIL),
            "a sync flush ends with an empty block"
        );
        body.truncate(body.len() - TAIL.len());
        body
    }
}

/// Reads the payloads of compressed messages.
pub struct Decompressor {
    inner: Decompress,
    alone: bool,
}

impl Decompressor {
    /// One message of at most `limit` bytes.
    ///
    /// # Errors
    /// It is damaged, or longer.
    pub fn decompress(&mut self, body: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        if self.alone {
            self.inner.reset(false);
        }
        let mut input = body.to_vec();
        input.extend_from_slice(&TAIL);
        let mut text = Vec::with_capacity(limit + 64);
        let before = self.inner.total_in();
        let done = self
            .inner
            .decompress_vec(&input, &mut text, FlushDecompress::Sync);
        done.map_err(|error| error.to_string())?;
        match (self.inner.total_in() - before) as usize == input.len() {
            true => Ok(text),
            false => Err("a reply is longer than what was sent".to_owned()),
        }
    }
}

/// What a sync flush ends with, and RFC 7692 §7.2.1 takes away.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

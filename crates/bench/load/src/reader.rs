//! Checks replies as they come, in pieces of any size.

use std::io;

use crate::deflate::Decompressor;
use crate::traffic::Traffic;

/// The reading side of one connection.
pub struct Reader {
    /// Index of the next message in the cycle.
    next: usize,
    header: [u8; 14],
    held: usize,
    /// Payload bytes of the current frame that are still to come, and how many there were.
    left: usize,
    length: usize,
    in_payload: bool,
    control: bool,
    body: Vec<u8>,
    compressed: bool,
    /// Whether the frame is its message's last; compressed messages may come in several.
    last: bool,
    /// Whether a message has begun and not ended.
    within: bool,
    inflate: Option<Decompressor>,
    /// Windows whose content is compared; then every 256th.
    windows: u64,
    in_window: usize,
    sampled: bool,
    /// Bytes that came.
    pub bytes: u64,
    /// Pings and the like that have to be answered, ready to be sent.
    pub answers: Vec<u8>,
}

impl Reader {
    /// Creates a reader for a connection that has sent nothing.
    #[must_use]
    pub fn new(traffic: &Traffic) -> Self {
        Self {
            next: 0,
            header: [0; 14],
            held: 0,
            left: 0,
            length: 0,
            in_payload: false,
            control: false,
            body: Vec::new(),
            compressed: false,
            last: true,
            within: false,
            inflate: traffic.deflate.map(|agreed| agreed.decompressor()),
            windows: 0,
            in_window: 0,
            sampled: true,
            bytes: 0,
            answers: Vec::new(),
        }
    }

    /// Creates a reader for a connection that has sent compressed messages whose history was not kept. It does
    /// not check the content of messages.
    #[must_use]
    pub fn midway(traffic: &Traffic) -> Self {
        Self {
            inflate: None,
            ..Self::new(traffic)
        }
    }

    /// Takes bytes in; gives the numbers of messages and of windows that ended with them.
    ///
    /// # Errors
    /// A reply is not what it must be.
    pub fn take(&mut self, mut bytes: &[u8], traffic: &Traffic) -> io::Result<(usize, usize)> {
        let mut ended = (0, 0);
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if !self.in_payload {
                let used = self.take_header(bytes, traffic)?;
                bytes = &bytes[used..];
                if !self.in_payload {
                    break;
                }
            }
            let n = self.left.min(bytes.len());
            self.take_payload(&bytes[..n], traffic)?;
            bytes = &bytes[n..];
            self.left -= n;
            if self.left == 0 {
                self.in_payload = false;
                ended.0 += usize::from(!self.control && self.last);
                ended.1 += usize::from(self.end_frame(traffic)?);
            }
        }
        Ok(ended)
    }

    fn take_header(&mut self, bytes: &[u8], traffic: &Traffic) -> io::Result<usize> {
        let wanted = &traffic.expected[self.next % traffic.expected.len()];
        // The common case: the header that must come, whole.
        if traffic.deflate.is_none() && self.held == 0 && bytes.starts_with(&wanted.header) {
            self.begin(wanted.payload.len(), false, false);
            return Ok(wanted.header.len());
        }
        let mut used = 0;
        while self.held < self.need() {
            let Some(&byte) = bytes.get(used) else {
                return Ok(used);
            };
            self.header[self.held] = byte;
            self.held += 1;
            used += 1;
        }
        let (first, short) = (self.header[0], self.header[1] & 0x7F);
        let length = match short {
            126 => usize::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => {
                let bytes: [u8; 8] = self.header[2..10].try_into().expect("eight bytes");
                u64::from_be_bytes(bytes) as usize
            }
            short => usize::from(short),
        };
        let held = std::mem::take(&mut self.held);
        if first & 0x0F >= 8 {
            if first & 0x0F == 8 {
                return Err(io::Error::other("the server closes"));
            }
            self.begin(length, true, false);
            return Ok(used);
        }
        let compressed = first & 0x40 != 0;
        let right = match traffic.deflate {
            None => self.header[..held] == wanted.header[..],
            Some(_) if self.within => first & !0x80 == 0,
            Some(_) => first & !0xC0 == wanted.header[0] & !0x80,
        };
        if !right {
            let header = &self.header[..held];
            return Err(io::Error::other(format!(
                "a header {header:02x?} instead of {:02x?}",
                wanted.header
            )));
        }
        let (last, within) = (first & 0x80 != 0, self.within);
        if !compressed && !within && last && length != wanted.payload.len() {
            return Err(io::Error::other("a reply of another length"));
        }
        let body = std::mem::take(&mut self.body);
        self.begin(
            length,
            false,
            if within { self.compressed } else { compressed },
        );
        self.last = last;
        self.within = !last;
        if within {
            self.body = body;
        }
        Ok(used)
    }

    /// Returns the length of the header, as far as it is known yet.
    fn need(&self) -> usize {
        if self.held < 2 {
            return 2;
        }
        let extended = match self.header[1] & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        2 + extended + key
    }

    fn begin(&mut self, length: usize, control: bool, compressed: bool) {
        self.in_payload = true;
        self.left = length;
        self.length = length;
        self.control = control;
        self.compressed = compressed;
        self.last = true;
        self.body.clear();
    }

    fn take_payload(&mut self, bytes: &[u8], traffic: &Traffic) -> io::Result<()> {
        if self.control || self.inflate.is_some() {
            self.body.extend_from_slice(bytes);
            return Ok(());
        }
        if traffic.deflate.is_none() && self.sampled {
            let wanted = &traffic.expected[self.next % traffic.expected.len()];
            let at = self.length - self.left;
            if wanted.payload[at..at + bytes.len()] != *bytes {
                return Err(io::Error::other("a reply with other content"));
            }
        }
        Ok(())
    }

    /// Whether a window ended with this frame.
    fn end_frame(&mut self, traffic: &Traffic) -> io::Result<bool> {
        if self.control {
            if self.header[0] & 0x0F == 9 {
                let pong = crate::traffic::frame(10, 0x80, &self.body);
                self.answers.extend_from_slice(&pong);
            }
            return Ok(false);
        }
        if !self.last {
            return Ok(false);
        }
        if let Some(inflate) = &mut self.inflate {
            let wanted = &traffic.expected[self.next % traffic.expected.len()];
            let text = if self.compressed {
                let done = inflate.decompress(&self.body, wanted.payload.len());
                done.map_err(io::Error::other)?
            } else {
                std::mem::take(&mut self.body)
            };
            if text != wanted.payload {
                return Err(io::Error::other("a reply with other content"));
            }
        }
        self.next += 1;
        if self.next == traffic.expected.len() {
            self.next = 0;
        }
        self.in_window += 1;
        if self.in_window < traffic.depth {
            return Ok(false);
        }
        self.in_window = 0;
        self.windows += 1;
        self.sampled = self.windows < CHECKED || self.windows.is_multiple_of(256);
        if self.windows >= CHECKED {
            // From here on the history is not followed, so only lengths can be looked at.
            self.inflate = None;
        }
        Ok(true)
    }
}

/// Windows of each connection whose content is compared in any case.
const CHECKED: u64 = 4;

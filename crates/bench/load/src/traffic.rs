//! What is sent, and what must come back.

use crate::deflate::Agreed;

/// What a message contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes without a pattern.
    Binary,
    /// Text, one byte a character.
    Ascii,
    /// Text, three bytes a character.
    Cjk,
    /// Text that compresses about as JSON does.
    Json,
    /// One character again and again: a thousand times as large as it comes.
    Bomb,
}

impl Kind {
    /// By its name on the command line.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "binary" => Self::Binary,
            "ascii" => Self::Ascii,
            "cjk" => Self::Cjk,
            "json" => Self::Json,
            "bomb" => Self::Bomb,
            _ => return Err(format!("{name}: binary, ascii, cjk, json or bomb")),
        })
    }

    fn opcode(self) -> u8 {
        if self == Self::Binary { 2 } else { 1 }
    }

    /// The payload of the `index`th message, of exactly `size` bytes.
    #[must_use]
    pub fn payload(self, size: usize, index: usize) -> Vec<u8> {
        let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (index as u64 + 1));
        let mut payload = Vec::with_capacity(size + 64);
        while payload.len() < size {
            match self {
                Self::Binary => payload.extend_from_slice(&random.next().to_le_bytes()),
                Self::Bomb => payload.resize(size, b'.'),
                Self::Ascii => payload.push(b' ' + (random.next() % 95) as u8),
                Self::Cjk => {
                    let letter = char::from_u32(0x4E00 + (random.next() % 0x5000) as u32);
                    let mut bytes = [0; 4];
                    let letter = letter.unwrap_or('\u{4E00}').encode_utf8(&mut bytes);
                    if payload.len() + letter.len() > size {
                        payload.resize(size, b'.');
                    } else {
                        payload.extend_from_slice(letter.as_bytes());
                    }
                }
                Self::Json => {
                    let (id, price) = (random.next() % 100_000, random.next() % 1_000_000);
                    let name = ["ada", "grace", "edsger", "barbara"][(random.next() % 4) as usize];
                    let item = format!(
                        r#"{{"id":{id},"name":"{name}","price":{}.{:02},"active":{}}},"#,
                        price / 100,
                        price % 100,
                        price % 3 == 0
                    );
                    payload.extend_from_slice(item.as_bytes());
                }
            }
        }
        payload.truncate(size);
        payload
    }
}

/// One frame as it must come back.
pub struct Expected {
    /// The header, with the mask's key where the server echoes raw bytes.
    pub header: Vec<u8>,
    /// The payload as it is on the wire; of a compressed message the text.
    pub payload: Vec<u8>,
}

/// Prepared windows: each is `depth` messages, written at once.
pub struct Traffic {
    /// The windows in turn.
    pub windows: Vec<Vec<u8>>,
    /// What must come back for each message; windows take them in order, then from the front again.
    pub expected: Vec<Expected>,
    /// Messages in a window.
    pub depth: usize,
    /// What is agreed on, if the messages are compressed.
    pub deflate: Option<Agreed>,
}

impl Traffic {
    /// Uncompressed messages, all alike. `raw` says that the server echoes bytes, masked as they are.
    #[must_use]
    pub fn plain(kind: Kind, size: usize, depth: usize, raw: bool) -> Self {
        let payload = kind.payload(size, 0);
        let sent = frame(kind.opcode(), 0x80, &payload);
        let expected = if raw {
            let header = sent[..sent.len() - size].to_vec();
            let payload = sent[sent.len() - size..].to_vec();
            Expected { header, payload }
        } else {
            let header = header(kind.opcode() | 0x80, 0, size);
            Expected { header, payload }
        };
        Self {
            windows: vec![sent.repeat(depth)],
            expected: vec![expected],
            depth,
            deflate: None,
        }
    }

    /// Compressed messages, all different, in a cycle at whose start the compressor begins anew (which
    /// a sender may do at any time).
    #[must_use]
    pub fn compressed(kind: Kind, size: usize, depth: usize, agreed: Agreed) -> Self {
        let messages = CYCLE
            .div_ceil(size.max(1))
            .max(8)
            .max(depth)
            .next_multiple_of(depth);
        let mut compressor = agreed.compressor();
        let mut windows = vec![Vec::new(); messages / depth];
        let mut expected = Vec::with_capacity(messages);
        for index in 0..messages {
            let payload = kind.payload(size, index);
            let body = compressor.compress(&payload);
            windows[index / depth].extend_from_slice(&frame(kind.opcode() | 0x40, 0x80, &body));
            expected.push(Expected {
                header: vec![kind.opcode() | 0x80],
                payload,
            });
        }
        Self {
            windows,
            expected,
            depth,
            deflate: Some(agreed),
        }
    }
}

/// A frame with FIN; `mask` is 0x80 for a masked one.
#[must_use]
pub fn frame(opcode: u8, mask: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(opcode | 0x80, mask, payload.len());
    if mask == 0 {
        bytes.extend_from_slice(payload);
        return bytes;
    }
    bytes.extend_from_slice(&KEY);
    bytes.extend(
        payload
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A header without the mask's key.
#[must_use]
pub fn header(first: u8, mask: u8, size: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match size {
        0..=125 => bytes.push(mask | size as u8),
        126..=0xFFFF => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    bytes
}

/// xorshift64*: the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
}

/// Servers cannot know that it is always the same, and pay for it as for any other.
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Bytes after which a compressed series begins anew: several windows, so that no server finds the last
/// round's messages in its history.
const CYCLE: usize = 128 << 10;

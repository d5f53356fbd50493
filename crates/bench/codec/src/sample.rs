//! The same payloads on every machine.

/// The masking key of all frames.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x9d];

/// Bytes without a pattern.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut rng = Rng(7);
    (0..len).map(|_| rng.draw().to_le_bytes()[7]).collect()
}

/// Text of letters, digits and punctuation.
pub fn ascii(len: usize) -> Vec<u8> {
    let mut rng = Rng(11);
    (0..len).map(|_| b' ' + (rng.below(94)) as u8).collect()
}

/// Text of characters that take three bytes; the end is filled with ASCII.
pub fn cjk(len: usize) -> Vec<u8> {
    let mut rng = Rng(13);
    let mut text = String::new();
    while text.len() + 3 <= len {
        text.push(char::from_u32(0x4e00 + rng.below(0x5000) as u32).unwrap());
    }
    text.push_str(&"..."[..len - text.len()]);
    text.into_bytes()
}

/// A message of a market feed, 238 bytes or so.
pub fn trade(rng: &mut Rng) -> Vec<u8> {
    let symbol = ["BTCUSD", "ETHUSD", "SOLUSD", "XRPUSD"][rng.below(4) as usize];
    let side = ["buy", "sell"][rng.below(2) as usize];
    format!(
        r#"{{"type":"trade","symbol":"{symbol}","price":"{}.{:02}","quantity":{},"side":"{side}","time":{},"maker":{},"taker":{},"fee":"0.{:05}","flags":["settled","reported"],"venue":"main","sequence":{},"checksum":"{:08x}"}}"#,
        rng.below(100_000),
        rng.below(100),
        rng.below(10_000),
        1_700_000_000_000 + rng.below(1_000_000_000),
        rng.below(1_000_000),
        rng.below(1_000_000),
        rng.below(100_000),
        rng.below(100_000_000),
        rng.below(1 << 32),
    )
    .into_bytes()
}

/// Several of these messages in a list.
pub fn trades(rng: &mut Rng, size: usize) -> Vec<u8> {
    let mut text = b"[".to_vec();
    while text.len() < size {
        text.extend(trade(rng));
        text.push(b',');
    }
    text
}

/// Frames of a client one after the other, as a read brings them: at least `total` bytes of
/// binary frames with `len` bytes of payload each. Returns the bytes and the number of frames.
pub fn frames(len: usize, total: usize) -> (Vec<u8>, u64) {
    let payload = bytes(len);
    let mut wire = Vec::new();
    let mut count = 0;
    while wire.len() < total {
        wire.push(0x82);
        match len {
            0..=125 => wire.push(0x80 | len as u8),
            126..=0xffff => {
                wire.push(0x80 | 126);
                wire.extend((len as u16).to_be_bytes());
            }
            _ => {
                wire.push(0x80 | 127);
                wire.extend((len as u64).to_be_bytes());
            }
        }
        wire.extend(KEY);
        wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(a, b)| a ^ b));
        count += 1;
    }
    (wire, count)
}

/// What a browser sends to open a WebSocket, 557 bytes.
pub const REQUEST: &[u8] = b"GET /chat?room=42&user=alice HTTP/1.1\r\n\
Host: server.example.com:8443\r\n\
Connection: Upgrade\r\n\
Pragma: no-cache\r\n\
Cache-Control: no-cache\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
Upgrade: websocket\r\n\
Origin: https://server.example.com:8443\r\n\
Sec-WebSocket-Version: 13\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
Cookie: session=3f9a2c\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
\r\n";

/// A small random number generator. Its quality does not matter.
pub struct Rng(pub u64);

impl Rng {
    /// 64 bits, of which the upper ones are better.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 33) % bound
    }
}

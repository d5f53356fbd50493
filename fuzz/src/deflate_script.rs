use crate::input::Input;

/// Writes DEFLATE data as the input says (RFC 1951): literals, references of any length and distance,
/// stored and fixed blocks, final blocks. So that streams which no ordinary compressor writes come out
/// of short inputs, and for windows of any size.
///
/// The payload of one message, without the marker at its end. `window` is what may be referred back
/// beyond the start of the message, in bytes; what is before that is `history`. Appends the plain text to
/// `plain`.
#[must_use]
pub fn deflate_script(
    input: &mut Input<'_>,
    history: &[u8],
    window: usize,
    plain: &mut Vec<u8>,
) -> Vec<u8> {
    let mut bits = Bits::default();
    let from = history.len().saturating_sub(window);
    let mut seen = history[from..].to_vec();
    let before = seen.len();
    let mut tokens = usize::from(input.byte()) % 64;
    while tokens > 0 && seen.len() < MOST {
        if input.byte() & 7 == 0 {
            let data = input.slice(usize::from(input.clone().byte()) % 40).to_vec();
            bits.push(0, 3);
            bits.align();
            bits.bytes(&(data.len() as u16).to_le_bytes());
            bits.bytes(&(!(data.len() as u16)).to_le_bytes());
            bits.bytes(&data);
            seen.extend_from_slice(&data);
            tokens -= 1;
            continue;
        }
        bits.push(0b010, 3);
        let count = 1 + usize::from(input.byte()) % 16;
        for _ in 0..count.min(tokens) {
            let kind = input.byte();
            if kind < 100 || seen.is_empty() {
                bits.literal(kind);
                seen.push(kind);
                continue;
            }
            let len = 3 + usize::from(input.byte());
            let raw = usize::from(u16::from_be_bytes(input.array()));
            // The largest distance often: there the borders are.
            let most = seen.len().min(1 << 15);
            let distance = if kind < 150 { most } else { 1 + raw % most };
            bits.reference(len, distance);
            for _ in 0..len {
                seen.push(seen[seen.len() - distance]);
            }
        }
        tokens = tokens.saturating_sub(count);
        bits.word(0, 7);
    }
    // The empty stored block, of which the marker is taken off.
    bits.push(0, 3);
    bits.align();
    plain.extend_from_slice(&seen[before..]);
    bits.0
}

/// The payload of `len` times the digit 0 in as few bytes as DEFLATE has: two bits for 258 of them.
#[must_use]
pub fn deflate_bomb(len: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // A dynamic block (§3.2.7). Lengths of codes: 18 is 0, 1 is 10, 2 is 11.
    bits.push(0b100, 3);
    bits.push(286 - 257, 5);
    bits.push(0, 5);
    bits.push(18 - 4, 4);
    for at in 0..18 {
        bits.push(
            [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2][at],
            3,
        );
    }
    let zeros = |bits: &mut Bits, times: usize| {
        bits.word(0, 1);
        bits.push(times - 11, 7);
    };
    zeros(&mut bits, 48);
    bits.word(0b11, 2);
    zeros(&mut bits, 138);
    zeros(&mut bits, 69);
    bits.word(0b11, 2);
    zeros(&mut bits, 28);
    bits.word(0b10, 2);
    bits.word(0b10, 2);
    // The digit is 10, the end 11, a reference of 258 bytes 0, one byte back 0.
    let (first, rest) = (len.min(1), len.saturating_sub(1));
    for _ in 0..first + rest % 258 {
        bits.word(0b10, 2);
    }
    for _ in 0..rest / 258 {
        bits.word(0, 2);
    }
    bits.word(0b11, 2);
    bits.push(0, 3);
    bits.align();
    bits.0
}

#[derive(Default)]
struct Bits(Vec<u8>, u32);

impl Bits {
    /// From the lowest bit on.
    fn push(&mut self, value: usize, count: u32) {
        for place in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            if let Some(last) = self.0.last_mut() {
                *last |= ((value >> place & 1) as u8) << (self.1 % 8);
            }
            self.1 += 1;
        }
    }

    /// A word of a Huffman code: from the highest bit on.
    fn word(&mut self, word: usize, count: u32) {
        for place in (0..count).rev() {
            self.push(word >> place & 1, 1);
        }
    }

    fn align(&mut self) {
        self.1 = self.1.div_ceil(8) * 8;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.1 += 8 * bytes.len() as u32;
    }

    fn literal(&mut self, byte: u8) {
        match usize::from(byte) {
            value @ 0..144 => self.word(0x30 + value, 8),
            value => self.word(0x190 + value - 144, 9),
        }
    }

    fn reference(&mut self, len: usize, distance: usize) {
        let (symbol, extra, value) = entry(&LENGTH_BASES, 257, len);
        let extra = if symbol == 285 { 0 } else { extra };
        match symbol {
            257..280 => self.word(symbol - 256, 7),
            _ => self.word(0xc0 + symbol - 280, 8),
        }
        self.push(value, extra);
        let (symbol, extra, value) = entry(&DISTANCE_BASES, 0, distance);
        self.word(symbol, 5);
        self.push(value, extra);
    }
}

/// The symbol, its extra bits and their value.
fn entry(bases: &[usize], first: usize, value: usize) -> (usize, u32, usize) {
    let at = bases.iter().rposition(|base| *base <= value).unwrap_or(0);
    let next = bases.get(at + 1).copied().unwrap_or(1 << 15 | 1);
    // 285 alone breaks the pattern: 258 without extra bits.
    let room = if bases[at] == 227 {
        32
    } else {
        next - bases[at]
    };
    (
        first + at,
        room.next_power_of_two().ilog2(),
        value - bases[at],
    )
}

const MOST: usize = 100 << 10;
const LENGTH_BASES: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const DISTANCE_BASES: [usize; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];

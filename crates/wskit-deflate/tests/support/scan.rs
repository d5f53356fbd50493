//! A DEFLATE parser for the tests: it measures how far back a sender refers,
//! which no library reports.

/// The text of one direction, and the furthest reference seen.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) plain: Vec<u8>,
    pub(crate) furthest: usize,
}

impl Scan {
    /// Reads one message and returns its plain text.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let from = self.plain.len();
        let input = [payload, &super::TAIL].concat();
        let mut bits = Bits {
            input: &input,
            at: 0,
        };
        while bits.at < input.len() * 8 {
            let last = bits.take(1);
            match bits.take(2) {
                0 => self.stored(&mut bits),
                1 => {
                    let lengths: Vec<u8> = (0..288)
                        .map(|symbol| match symbol {
                            144..=255 => 9,
                            256..=279 => 7,
                            _ => 8,
                        })
                        .collect();
                    self.block(&mut bits, &Huffman::new(&lengths), &Huffman::new(&[5; 30]));
                }
                2 => {
                    let (literals, distances) = dynamic(&mut bits);
                    self.block(&mut bits, &literals, &distances);
                }
                _ => panic!("block type 3"),
            }
            assert_eq!(last, 0, "no final block is sent");
        }
        self.plain[from..].to_vec()
    }

    fn stored(&mut self, bits: &mut Bits<'_>) {
        bits.at = bits.at.next_multiple_of(8);
        let len = bits.take(16);
        assert_eq!(bits.take(16), !len & 0xffff);
        for _ in 0..len {
            let byte = bits.take(8) as u8;
            self.plain.push(byte);
        }
    }

    fn block(&mut self, bits: &mut Bits<'_>, literals: &Huffman, distances: &Huffman) {
        loop {
            let symbol = literals.read(bits);
            match symbol {
                0..=255 => self.plain.push(symbol as u8),
                256 => return,
                _ => {
                    let length = LENGTHS[symbol - 257] + bits.take(LENGTH_BITS[symbol - 257]);
                    let symbol = distances.read(bits);
                    let extra = (symbol / 2).saturating_sub(1);
                    let base = if symbol < 4 {
                        symbol + 1
                    } else {
                        ((2 + symbol % 2) << extra) + 1
                    };
                    let distance = base + bits.take(extra);
                    self.furthest = self.furthest.max(distance);
                    for _ in 0..length {
                        self.plain.push(self.plain[self.plain.len() - distance]);
                    }
                }
            }
        }
    }
}

struct Bits<'a> {
    input: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        (0..count).fold(0, |value, n| {
            let bit = self.input[self.at / 8] >> (self.at % 8) & 1;
            self.at += 1;
            value | usize::from(bit) << n
        })
    }
}

/// Canonical codes: how many of each length, and the symbols in order.
struct Huffman {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Huffman {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols = Vec::new();
        for length in 1..16 {
            let of_length = (0..lengths.len()).filter(|&symbol| lengths[symbol] == length);
            symbols.extend(of_length.inspect(|_| counts[usize::from(length)] += 1));
        }
        Self { counts, symbols }
    }

    fn read(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1);
            if code < first + count {
                return self.symbols[index + code - first];
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        panic!("no such code");
    }
}

fn dynamic(bits: &mut Bits<'_>) -> (Huffman, Huffman) {
    let (literals, distances, count) = (bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4);
    let mut lengths = [0; 19];
    for &at in &ORDER[..count] {
        lengths[at] = bits.take(3) as u8;
    }
    let codes = Huffman::new(&lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (value, times) = match codes.read(bits) {
            16 => (lengths[lengths.len() - 1], 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length as u8, 1),
        };
        lengths.extend(std::iter::repeat_n(value, times));
    }
    (
        Huffman::new(&lengths[..literals]),
        Huffman::new(&lengths[literals..]),
    )
}

const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
const LENGTHS: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const LENGTH_BITS: [usize; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];

/// A plain reading of DEFLATE data (RFC 1951) as permessage-deflate carries it (RFC 7692 §7.2.2), bit
/// by bit into a `Vec`, for one sender's messages.
#[derive(Clone, Debug)]
pub struct InflateReference {
    /// Plain text of the messages before that may be referred to.
    history: Vec<u8>,
    terms: Terms,
}

/// What is agreed for one sender, and how the receiver reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Base-2 logarithm of the window.
    pub bits: u8,
    /// Each message starts with an empty window.
    pub no_context_takeover: bool,
    /// The receiver keeps a stream for all messages: it follows references up to 32 KiB, and a final
    /// block empties its window for good.
    pub dedicated: bool,
}

/// What the bytes of a message came to.
#[derive(Debug)]
pub struct Inflated {
    /// What came out before the end or the mistake.
    pub plain: Vec<u8>,
    /// Where it stopped.
    pub end: InflateEnd,
    /// The largest distance that was referred back.
    pub farthest: usize,
    /// A block said that it was the last one.
    pub final_block: bool,
    /// Bytes of `plain` that are in the window of whatever follows.
    since_final: usize,
}

/// Why a reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateEnd {
    /// The message is complete.
    Whole,
    /// More bytes of it are to come.
    Unfinished,
    /// This is no message, whatever follows.
    Corrupt,
    /// There is more than the limit.
    TooLong,
}

impl InflateReference {
    /// At the start of a connection.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            history: Vec::new(),
            terms,
        }
    }

    /// Reads a message of which these bytes have come; `last` if they are all.
    #[must_use]
    pub fn read(&self, payload: &[u8], last: bool, limit: usize) -> Inflated {
        let mut out = Inflated {
            plain: Vec::new(),
            end: InflateEnd::Whole,
            farthest: 0,
            final_block: false,
            since_final: 0,
        };
        // §7.2.3.6 wants a single 00 for an empty message; none at all is taken too.
        if payload.is_empty() {
            out.end = if last {
                InflateEnd::Whole
            } else {
                InflateEnd::Unfinished
            };
            return out;
        }
        out.end = match self.run(payload, payload.len(), &mut out, limit) {
            Ok(()) | Err(Stop::Starved) if !last => InflateEnd::Unfinished,
            Ok(()) => InflateEnd::Whole,
            Err(Stop::Corrupt) => InflateEnd::Corrupt,
            Err(Stop::TooLong) => InflateEnd::TooLong,
            Err(Stop::Starved) => self.finish(payload, &mut out),
        };
        out
    }

    /// §7.2.2: the bytes that were taken off the end are put back. They must complete a block and give
    /// nothing of their own.
    fn finish(&self, payload: &[u8], out: &mut Inflated) -> InflateEnd {
        let data = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut with = Inflated {
            plain: Vec::new(),
            ..*out
        };
        match self.run(&data, payload.len(), &mut with, usize::MAX) {
            Ok(()) if with.plain.len() == out.plain.len() => {
                (out.final_block, out.since_final) = (with.final_block, with.since_final);
                InflateEnd::Whole
            }
            _ => InflateEnd::Corrupt,
        }
    }

    fn run(&self, data: &[u8], came: usize, out: &mut Inflated, limit: usize) -> Result<(), Stop> {
        let mut reader = Reader {
            data,
            at: 0,
            window: self.history.clone(),
            limit,
            out,
        };
        reader.blocks(came)
    }

    /// Goes on to the next message.
    pub fn keep(&mut self, message: &Inflated) {
        if self.terms.no_context_takeover {
            return;
        }
        let reach = if self.terms.dedicated {
            1 << 15
        } else {
            1 << self.terms.bits
        };
        if self.terms.dedicated && message.final_block {
            self.history.clear();
            self.history
                .extend_from_slice(&message.plain[message.since_final..]);
        } else {
            self.history.extend_from_slice(&message.plain);
        }
        let surplus = self.history.len().saturating_sub(reach);
        self.history.drain(..surplus);
    }
}

enum Stop {
    Starved,
    Corrupt,
    TooLong,
}

struct Reader<'a> {
    data: &'a [u8],
    /// In bits.
    at: usize,
    /// What may be referred to, the message so far included.
    window: Vec<u8>,
    limit: usize,
    out: &'a mut Inflated,
}

impl Reader<'_> {
    /// Reads until nothing is left, or until a block has ended behind the first `came` bytes: then it
    /// must have used them all.
    fn blocks(&mut self, came: usize) -> Result<(), Stop> {
        loop {
            let is_final = self.bits(1)? == 1;
            match self.bits(2)? {
                0 => self.stored()?,
                1 => {
                    let (lengths, distances) = fixed();
                    self.codes(&Code::new(&lengths), &Code::new(&distances))?;
                }
                2 => {
                    let (lengths, distances) = self.dynamic()?;
                    self.codes(&lengths, &distances)?;
                }
                _ => return Err(Stop::Corrupt),
            }
            let bytes = self.at.div_ceil(8);
            if is_final {
                // §7.2.3.4: what follows is a stream of its own.
                self.at = bytes * 8;
                self.window.clear();
                self.out.final_block = true;
                self.out.since_final = self.out.plain.len();
            }
            if bytes > came {
                return if bytes == self.data.len() {
                    Ok(())
                } else {
                    Err(Stop::Corrupt)
                };
            }
            if is_final && bytes == came {
                return Ok(());
            }
        }
    }

    fn bits(&mut self, count: u32) -> Result<usize, Stop> {
        let mut value = 0;
        for place in 0..count {
            value |= self.bit()? << place;
        }
        Ok(value)
    }

    fn bit(&mut self) -> Result<usize, Stop> {
        let byte = self.data.get(self.at / 8).ok_or(Stop::Starved)?;
        let bit = usize::from(byte >> (self.at % 8) & 1);
        self.at += 1;
        Ok(bit)
    }

    fn give(&mut self, byte: u8) -> Result<(), Stop> {
        self.out.plain.push(byte);
        self.window.push(byte);
        if self.out.plain.len() > self.limit {
            return Err(Stop::TooLong);
        }
        Ok(())
    }

    /// §3.2.4.
    fn stored(&mut self) -> Result<(), Stop> {
        self.at = self.at.div_ceil(8) * 8;
        let len = self.bits(16)?;
        if self.bits(16)? != len ^ 0xffff {
            return Err(Stop::Corrupt);
        }
        for _ in 0..len {
            let byte = self.bits(8)? as u8;
            self.give(byte)?;
        }
        Ok(())
    }

    /// §3.2.5.
    fn codes(&mut self, lengths: &Code, distances: &Code) -> Result<(), Stop> {
        loop {
            let symbol = self.symbol(lengths)?;
            if symbol < 256 {
                self.give(symbol as u8)?;
                continue;
            }
            if symbol == 256 {
                return Ok(());
            }
            let (base, extra) = *LENGTHS.get(symbol - 257).ok_or(Stop::Corrupt)?;
            let len = base + self.bits(extra)?;
            let symbol = self.symbol(distances)?;
            let (base, extra) = *DISTANCES.get(symbol).ok_or(Stop::Corrupt)?;
            let distance = base + self.bits(extra)?;
            if distance > self.window.len() {
                return Err(Stop::Corrupt);
            }
            self.out.farthest = self.out.farthest.max(distance);
            for _ in 0..len {
                let byte = self.window[self.window.len() - distance];
                self.give(byte)?;
            }
        }
    }

    /// §3.2.7. Bits are read before they are judged, as every engine does it.
    fn dynamic(&mut self) -> Result<(Code, Code), Stop> {
        let header = self.bits(14)?;
        let (lengths, distances, orders) = (
            (header & 31) + 257,
            (header >> 5 & 31) + 1,
            (header >> 10) + 4,
        );
        if lengths > 286 || distances > 30 {
            return Err(Stop::Corrupt);
        }
        let mut of_lengths = [0; 19];
        for at in ORDER.into_iter().take(orders) {
            of_lengths[at] = self.bits(3)? as u8;
        }
        let code = Code::new(&of_lengths);
        if code.longest == 0 {
            // Without a code each length is one bit that says 0, and in the end there are none.
            for _ in 0..lengths + distances {
                self.bit()?;
            }
        }
        if code.longest == 0 || code.is_wrong(false) {
            return Err(Stop::Corrupt);
        }
        let mut all: Vec<u8> = Vec::new();
        while all.len() < lengths + distances {
            let symbol = self.symbol(&code)?;
            let (value, times) = match symbol {
                0..=15 => (Some(symbol as u8), 1),
                16 => {
                    let times = 3 + self.bits(2)?;
                    (all.last().copied(), times)
                }
                17 => (Some(0), 3 + self.bits(3)?),
                _ => (Some(0), 11 + self.bits(7)?),
            };
            let value = value.ok_or(Stop::Corrupt)?;
            if all.len() + times > lengths + distances {
                return Err(Stop::Corrupt);
            }
            all.resize(all.len() + times, value);
        }
        let (of_lengths, of_distances) = all.split_at(lengths);
        if of_lengths[256] == 0 {
            return Err(Stop::Corrupt);
        }
        let (lengths, distances) = (Code::new(of_lengths), Code::new(of_distances));
        if lengths.is_wrong(true) || distances.is_wrong(true) {
            return Err(Stop::Corrupt);
        }
        Ok((lengths, distances))
    }

    /// Words of one length are numbers in a row, and follow those of the length before (§3.2.2).
    fn symbol(&mut self, code: &Code) -> Result<usize, Stop> {
        let (mut bits, mut first, mut before) = (0, 0, 0);
        for len in 1..=usize::from(code.longest.max(1)) {
            bits = bits * 2 + self.bit()?;
            first *= 2;
            let count = code.counts[len];
            if bits < first + count {
                return Ok(code.symbols[before + bits - first]);
            }
            first += count;
            before += count;
        }
        Err(Stop::Corrupt)
    }
}

/// A Huffman code (§3.2.2).
struct Code {
    /// How many words there are of each length.
    counts: [usize; 16],
    /// By length, then by number.
    symbols: Vec<usize>,
    longest: u8,
    /// Words of 15 bits that are left over, negative when there are too many.
    left: i64,
}

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let (mut counts, mut symbols, mut left, mut longest) = ([0; 16], Vec::new(), 1 << 15, 0);
        for len in 1..=15_u8 {
            let of_len = (0..lengths.len()).filter(|symbol| lengths[*symbol] == len);
            let before = symbols.len();
            symbols.extend(of_len);
            let count = symbols.len() - before;
            counts[usize::from(len)] = count;
            left -= (count as i64) << (15 - len);
            if count > 0 {
                longest = len;
            }
        }
        Self {
            counts,
            symbols,
            longest,
            left,
        }
    }

    /// A code uses all its words; only one that has a single word, of one bit, or none need not.
    fn is_wrong(&self, may_be_single: bool) -> bool {
        self.left < 0 || (self.left > 0 && self.longest > u8::from(may_be_single))
    }
}

/// §3.2.6.
fn fixed() -> (Vec<u8>, Vec<u8>) {
    let lengths = (0..288)
        .map(|symbol| match symbol {
            0..144 => 8,
            144..256 => 9,
            256..280 => 7,
            _ => 8,
        })
        .collect();
    (lengths, vec![5; 32])
}

const LENGTHS: [(usize, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: [(usize, u32); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

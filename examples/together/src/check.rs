//! What is refused before `yrs` reads it.
//!
//! `yrs` recurses as deep as values are nested, and reserves as much memory as a message says that it needs. A
//! stack that overflows cannot be caught, so each update is walked here first: no count is larger than the bytes
//! that are left, no value is nested deeper than 64 levels, and shared types inside each other are counted.

use std::collections::HashMap;

/// What an update brings, or `None` if it is torn, or is not one that `yjs` would send.
#[must_use]
pub fn update(bytes: &[u8]) -> Option<Brings> {
    let mut walk = Walk::new(bytes);
    let mut starts = HashMap::new();
    for _ in 0..walk.count()? {
        let blocks = walk.count()?;
        let client = walk.client()?;
        let mut clock = walk.number()?;
        if starts.insert(client, clock).is_some() {
            return None;
        }
        for _ in 0..blocks {
            clock = clock.checked_add(walk.block()?)?;
        }
    }
    for _ in 0..walk.count()? {
        walk.client()?;
        for _ in 0..walk.count()? {
            walk.number()?.checked_add(walk.number()?)?;
        }
    }
    let Walk { left, types, holes } = walk;
    left.is_empty().then_some(Brings {
        starts,
        holes,
        types,
    })
}

/// Returns the bytes behind their length, if they are neither more nor fewer.
#[must_use]
pub fn buffer(bytes: &[u8]) -> Option<&[u8]> {
    let mut walk = Walk::new(bytes);
    let buffer = walk.buffer()?;
    walk.left.is_empty().then_some(buffer)
}

/// Returns whether the bytes are a state vector: clients, each with its clock.
#[must_use]
pub fn vector(bytes: &[u8]) -> bool {
    let mut walk = Walk::new(bytes);
    walk.list(Walk::id).is_some() && walk.left.is_empty()
}

/// Returns whether the bytes are states of awareness: clients, each with its clock and a text.
#[must_use]
pub fn awareness(bytes: &[u8]) -> bool {
    let mut walk = Walk::new(bytes);
    let state = |walk: &mut Walk<'_>| walk.id().and_then(|()| walk.text().map(drop));
    walk.list(state).is_some() && walk.left.is_empty()
}

/// What an update brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brings {
    /// The clock at which the blocks of each client begin.
    pub starts: HashMap<u64, u32>,
    /// Whether blocks are missing between others.
    pub holes: bool,
    /// Shared types that are not at the top: texts in lists, elements of XML.
    pub types: usize,
}

const DEEPEST: usize = 64;

struct Walk<'a> {
    left: &'a [u8],
    types: usize,
    holes: bool,
}

impl<'a> Walk<'a> {
    fn new(left: &'a [u8]) -> Self {
        Self {
            left,
            types: 0,
            holes: false,
        }
    }

    /// A count, and as many of something.
    fn list(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        for _ in 0..self.count()? {
            each(self)?;
        }
        Some(())
    }

    /// A block of a client; returns its length, by which the client's clock advances.
    fn block(&mut self) -> Option<u32> {
        let info = self.byte()?;
        if matches!(info, 0 | 10) {
            self.holes |= info == 10;
            return self.number(); // what was there once, or is not here
        }
        for origin in [0x80, 0x40] {
            if info & origin != 0 {
                self.id()?;
            }
        }
        if info & 0xc0 == 0 {
            // Without neighbours, it says what it is in.
            match self.number()? {
                1 => self.text().map(drop)?,
                _ => self.id()?,
            }
            if info & 0x20 != 0 {
                self.text()?;
            }
        }
        match info & 0x1f {
            1 => return self.number(),
            3 => self.buffer().map(drop)?,
            4 => return u32::try_from(self.text()?.encode_utf16().count()).ok(),
            5 => self.text().map(drop)?,
            6 => {
                self.text()?;
                self.text()?;
            }
            7 => {
                self.types += 1;
                match self.byte()? {
                    0..=2 | 4..=6 => {}
                    3 => self.text().map(drop)?,
                    _ => return None,
                }
            }
            8 => {
                let values = self.count()?;
                for _ in 0..values {
                    self.value(DEEPEST)?;
                }
                return u32::try_from(values).ok();
            }
            // Documents in documents, and what `yjs` no longer sends.
            _ => return None,
        }
        Some(1)
    }

    fn value(&mut self, deeper: usize) -> Option<()> {
        let deeper = deeper.checked_sub(1)?;
        match self.byte()? {
            120 | 121 | 126 | 127 => {}
            125 => while self.byte()? >= 0x80 {},
            124 => self.take(4).map(drop)?,
            122 | 123 => self.take(8).map(drop)?,
            119 => self.text().map(drop)?,
            118 => {
                for _ in 0..self.count()? {
                    self.text()?;
                    self.value(deeper)?;
                }
            }
            117 => {
                for _ in 0..self.count()? {
                    self.value(deeper)?;
                }
            }
            116 => self.buffer().map(drop)?,
            _ => return None,
        }
        Some(())
    }

    fn id(&mut self) -> Option<()> {
        self.client()?;
        self.number().map(drop)
    }

    /// The number of a client, of 53 bits.
    fn client(&mut self) -> Option<u64> {
        self.varint().filter(|client| *client < 1 << 53)
    }

    fn number(&mut self) -> Option<u32> {
        let number = u32::try_from(self.varint()?).ok()?;
        (number < 1 << 31).then_some(number)
    }

    /// How many things follow, each of one byte at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.left.len()).then_some(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.buffer()?).ok()
    }

    fn buffer(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        self.take(len)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(len)?;
        self.left = left;
        Some(taken)
    }
}

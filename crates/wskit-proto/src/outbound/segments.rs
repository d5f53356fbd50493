#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within bytes that are queued, all in memory"
)]

use std::cell::Cell;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::pool::{self, Slab};

/// The pending bytes before those of the current slab, once a large payload or a full slab has come in
/// between.
#[derive(Default)]
pub(super) struct Older {
    pub(super) segments: VecDeque<Segment>,
    /// Full slabs that `segments` still points into; the first has the number `first`.
    pub(super) retired: VecDeque<Slab>,
    first: u32,
}

pub(super) enum Segment {
    /// `from..to` of slab number `slab`.
    Range {
        slab: u32,
        from: u32,
        to: u32,
    },
    Shared(Bytes),
    Own {
        data: Vec<u8>,
        from: usize,
    },
}

thread_local! {
    /// One emptied `Older`, so that a stream of large messages does not allocate it again and again.
    static SPARE: Cell<Option<Box<Older>>> = const { Cell::new(None) };
}

impl Older {
    #[allow(clippy::unnecessary_box_returns, reason = "the box is what is kept")]
    pub(super) fn take_spare() -> Box<Self> {
        SPARE.take().unwrap_or_default()
    }

    /// Keeps an emptied `Older` for the next connection.
    pub(super) fn keep_spare(older: Box<Self>) {
        if older.segments.capacity() <= 64 {
            SPARE.set(Some(older));
        }
    }

    /// Returns the bytes in order; `current` is the slab that is being filled.
    pub(super) fn slices<'a>(&'a self, current: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.segments.iter().map(move |segment| match segment {
            Segment::Range { slab, from, to } => {
                let retired = self.retired.get(slab.wrapping_sub(self.first) as usize);
                retired
                    .map_or(current, |slab| slab)
                    .get(*from as usize..*to as usize)
                    .unwrap_or_default()
            }
            Segment::Shared(data) => data,
            Segment::Own { data, from } => data.get(*from..).unwrap_or_default(),
        })
    }

    /// Drops everything and gives the slabs back.
    pub(super) fn clear(&mut self, mut spent: Option<&mut Vec<Bytes>>) {
        for segment in self.segments.drain(..) {
            retire(segment, spent.as_deref_mut());
        }
        for slab in self.retired.drain(..) {
            pool::give_write(slab);
        }
        self.first = 0;
    }

    /// Returns how many bytes of heap are held; shared payloads count in full.
    pub(super) fn buffer_bytes(&self) -> usize {
        let retired: usize = self.retired.iter().map(|slab| slab.len()).sum();
        let payloads: usize = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Range { .. } => 0,
                Segment::Shared(data) => data.len(),
                Segment::Own { data, .. } => data.capacity(),
            })
            .sum();
        retired + payloads
    }

    /// Returns the number of the slab that is being filled.
    pub(super) fn current(&self) -> u32 {
        self.first.wrapping_add(self.retired.len() as u32)
    }

    pub(super) fn refers_to_current(&self) -> bool {
        let current = self.current();
        self.segments
            .iter()
            .any(|segment| matches!(segment, Segment::Range { slab, .. } if *slab == current))
    }

    /// Drops `n` bytes from the front; returns how many of them lie beyond these segments.
    pub(super) fn drop_front(&mut self, n: usize, mut spent: Option<&mut Vec<Bytes>>) -> usize {
        let mut left = n;
        while let Some(segment) = self.segments.front_mut() {
            let len = match segment {
                Segment::Range { from, to, .. } => (*to - *from) as usize,
                Segment::Shared(data) => data.len(),
                Segment::Own { data, from } => data.len() - *from,
            };
            if left < len {
                match segment {
                    Segment::Range { from, .. } => *from += left as u32,
                    Segment::Shared(data) => bytes::Buf::advance(data, left),
                    Segment::Own { from, .. } => *from += left,
                }
                left = 0;
                break;
            }
            left -= len;
            if let Some(segment) = self.segments.pop_front() {
                retire(segment, spent.as_deref_mut());
            }
        }
        self.release();
        left
    }

    /// Gives back the slabs that nothing points into any more.
    fn release(&mut self) {
        let needed = self
            .segments
            .iter()
            .find_map(|segment| match segment {
                Segment::Range { slab, .. } => Some(*slab),
                _ => None,
            })
            .unwrap_or_else(|| self.current());
        while self.first != needed {
            let Some(slab) = self.retired.pop_front() else {
                break;
            };
            pool::give_write(slab);
            self.first = self.first.wrapping_add(1);
        }
    }
}

/// Drops a segment that has been sent. The buffer of a payload that nothing else holds is used again;
/// a payload that is held elsewhere is kept if there is a place for it.
fn retire(segment: Segment, spent: Option<&mut Vec<Bytes>>) {
    match segment {
        Segment::Range { .. } => {}
        Segment::Own { data, .. } => pool::give_large(data),
        Segment::Shared(data) => match data.try_into_mut() {
            Ok(mut data) => {
                // Empty, so that it is not moved to the start of its buffer.
                data.clear();
                pool::give_large(data.into());
            }
            Err(data) => {
                if let Some(spent) = spent {
                    spent.push(data);
                }
            }
        },
    }
}

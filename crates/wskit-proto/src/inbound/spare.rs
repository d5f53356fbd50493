#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within one buffer"
)]

use bytes::BufMut;

/// Room to read into, behind the part of a large message that has come.
///
/// Fill whichever view the runtime can fill, then report how many bytes came with
/// [`Connection::filled_large`](crate::Connection::filled_large). Earlier bytes of the message cannot
/// be reached from here, so text that was checked stays checked.
#[derive(Debug)]
pub struct Spare<'a> {
    message: &'a mut Vec<u8>,
    /// Where the room begins.
    done: usize,
    /// How much of the room may be used.
    limit: usize,
}

impl<'a> Spare<'a> {
    pub(super) fn new(message: &'a mut Vec<u8>, done: usize, limit: usize) -> Self {
        Self {
            message,
            done,
            limit,
        }
    }

    /// Returns the size of the room in bytes, never 0: a little more than the message still needs.
    #[allow(clippy::len_without_is_empty, reason = "there is always room")]
    pub fn len(&self) -> usize {
        self.limit
    }

    /// Returns the room as uninitialised memory, for readers that can fill it: nothing is zeroed.
    pub fn uninit(&mut self) -> impl BufMut + Send + '_ {
        self.message.truncate(self.done);
        (&mut *self.message).limit(self.limit)
    }

    /// Returns the room as bytes, for readers that need initialised memory. Each byte is zeroed once a
    /// message, not once a read.
    pub fn init(&mut self) -> &mut [u8] {
        let end = self.done + self.limit;
        if self.message.len() < end {
            self.message.resize(end, 0);
        }
        self.message.get_mut(self.done..end).unwrap_or_default()
    }

    /// Copies as many of `bytes` as there is room for, and returns how many.
    pub fn copy_from(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.limit);
        self.uninit().put_slice(bytes.get(..n).unwrap_or_default());
        n
    }
}

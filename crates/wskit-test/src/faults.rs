use std::io;

/// What goes wrong at one end of a pipe, and when.
///
/// Operations are polls of read, write, flush and shutdown, counted together from 0. Polls that return
/// `Pending` count too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A fault and the number of the operation at which it occurs.
    pub at: Option<(Fault, usize)>,
    /// Every read returns one byte.
    pub one_byte_reads: bool,
    /// Every write takes one byte.
    pub one_byte_writes: bool,
    /// Every operation returns `Pending` once before it is done.
    pub pending_first: bool,
    /// A read at the end of the stream fails with `UnexpectedEof`, as in TLS libraries when the peer
    /// closed TCP without a `close_notify`.
    pub abrupt_end: bool,
}

/// One way in which an operation can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset: this operation and all later ones fail, at the other end too.
    Reset,
    /// The peer is gone: this operation and all later ones fail, and the other end sees the end of the
    /// stream.
    BrokenPipe,
    /// A read sees the end of the stream. Any other operation fails as with
    /// [`BrokenPipe`](Fault::BrokenPipe).
    Eof,
    /// The operation is interrupted by a signal; the next attempt works.
    Interrupted,
    /// The operation returns `Pending` and wakes its task at once.
    Pending,
    /// This write and all later ones take no bytes. Other operations are not affected.
    ZeroWrite,
}

impl Fault {
    /// All faults, to loop over.
    pub const ALL: [Self; 6] = [
        Self::Reset,
        Self::BrokenPipe,
        Self::Eof,
        Self::Interrupted,
        Self::Pending,
        Self::ZeroWrite,
    ];

    /// Returns whether a connection survives the fault.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        matches!(self, Self::Interrupted | Self::Pending)
    }

    pub(crate) fn kind(self) -> io::ErrorKind {
        match self {
            Self::Reset => io::ErrorKind::ConnectionReset,
            Self::Interrupted => io::ErrorKind::Interrupted,
            _ => io::ErrorKind::BrokenPipe,
        }
    }
}

impl Faults {
    /// No faults.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            at: None,
            one_byte_reads: false,
            one_byte_writes: false,
            pending_first: false,
            abrupt_end: false,
        }
    }

    /// One fault at operation number `nth`.
    #[must_use]
    pub const fn at(fault: Fault, nth: usize) -> Self {
        Self {
            at: Some((fault, nth)),
            ..Self::none()
        }
    }

    /// One byte at a time in both directions, and every operation is pending once.
    #[must_use]
    pub const fn slow() -> Self {
        Self {
            at: None,
            one_byte_reads: true,
            one_byte_writes: true,
            pending_first: true,
            abrupt_end: false,
        }
    }

    /// The end of the stream is reported as an error.
    #[must_use]
    pub const fn abrupt_end() -> Self {
        Self {
            abrupt_end: true,
            ..Self::none()
        }
    }

    /// Every operation is pending once.
    #[must_use]
    pub const fn hesitant() -> Self {
        Self {
            pending_first: true,
            ..Self::none()
        }
    }
}

use std::io;

/// What goes wrong at one end of a pipe, and when.
///
/// Operations are polls of read, write, flush and shutdown, counted together from 0, those that
/// end in waiting included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// This fault strikes at operation number `.1`.
    pub at: Option<(Fault, usize)>,
    /// Every read answers with one byte.
    pub one_byte_reads: bool,
    /// Every write takes one byte.
    pub one_byte_writes: bool,
    /// Every operation waits once before it is done.
    pub pending_first: bool,
    /// A read at the end of the stream fails with `UnexpectedEof`, as TLS libraries have it when the
    /// peer went without a `close_notify`.
    pub abrupt_end: bool,
}

/// One way in which an operation can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection was reset: this operation and all later ones fail, at the other end too.
    Reset,
    /// The peer has gone: this operation and all later ones fail; the other end sees the end.
    BrokenPipe,
    /// The stream ends here as far as this end can see. On anything but a read: as
    /// [`BrokenPipe`](Fault::BrokenPipe).
    Eof,
    /// A signal came; the next try works.
    Interrupted,
    /// Waits without a reason and is woken at once.
    Pending,
    /// A write takes nothing, and no later one does. No effect on anything but a write.
    ZeroWrite,
}

impl Fault {
    /// Every kind, to loop over.
    pub const ALL: [Self; 6] = [
        Self::Reset,
        Self::BrokenPipe,
        Self::Eof,
        Self::Interrupted,
        Self::Pending,
        Self::ZeroWrite,
    ];

    /// Whether a connection outlives it.
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
    /// None.
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

    /// One byte at a time both ways, and everything waits first.
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

    /// The end of the stream is told as an error.
    #[must_use]
    pub const fn abrupt_end() -> Self {
        Self {
            abrupt_end: true,
            ..Self::none()
        }
    }

    /// Everything waits first.
    #[must_use]
    pub const fn hesitant() -> Self {
        Self {
            pending_first: true,
            ..Self::none()
        }
    }
}

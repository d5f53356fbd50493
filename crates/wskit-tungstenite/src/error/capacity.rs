use std::fmt;

/// A limit that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapacityError {
    /// The head of the handshake has too many lines.
    TooManyHeaders,
    /// A frame or a message is too long.
    MessageTooLong {
        /// The size in bytes. Where a message is longer than allowed but none of its frames is, this is the
        /// least size that it could have.
        size: usize,
        /// The limit in bytes.
        max_size: usize,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyHeaders => f.write_str("Too many headers"),
            Self::MessageTooLong { size, max_size } => {
                write!(f, "Message too long: {size} > {max_size}")
            }
        }
    }
}

impl std::error::Error for CapacityError {}

use wskit_frame::Masking;

/// Which end of the connection this is (RFC 6455 §1.2).
///
/// After the handshake the two ends differ in masking (§5.1), and in who closes TCP first (§7.1.1).
/// It is a value, not a type parameter: it costs one branch a frame, and user types stay simple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Masks the frames it sends and refuses masked ones.
    Client,
    /// Sends unmasked frames, refuses unmasked ones, and closes TCP first.
    Server,
}

impl Role {
    /// Returns whether the frames that this end receives must be masked (§5.1).
    #[must_use]
    pub const fn expects(self) -> Masking {
        match self {
            Self::Client => Masking::Forbidden,
            Self::Server => Masking::Required,
        }
    }
}

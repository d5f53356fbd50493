use wskit_frame::Masking;

/// Which end of the connection this is (RFC 6455 §1.2).
///
/// After the handshake the two ends differ in masking (§5.1), and in who closes TCP first (§7.1.1).
/// A plain value, not a type parameter: the branch it costs is one a frame, and user types stay simple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Masks what it sends, refuses what is masked.
    Client,
    /// Refuses what is not masked, sends unmasked, closes TCP first.
    Server,
}

impl Role {
    /// What this end expects of the frames it receives (§5.1).
    #[must_use]
    pub const fn expects(self) -> Masking {
        match self {
            Self::Client => Masking::Forbidden,
            Self::Server => Masking::Required,
        }
    }
}

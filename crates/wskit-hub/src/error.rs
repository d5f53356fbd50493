use std::error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a hub refused something.
///
/// In a function that returns `wskit::Error`, `map_err(wskit::Error::other)` converts it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The name of a topic is empty, longer than 255 bytes, or has control characters.
    InvalidTopic,
    /// The rules know no such topic.
    UnknownTopic,
    /// The peer has no grant for this, and the topic is not open to everyone.
    NotGranted,
    /// The peer is subscribed already.
    AlreadySubscribed,
    /// The peer is subscribed to as many topics as `Limits::topics_per_peer` allows.
    TooManyTopics,
    /// Too much was asked in a second: by the peer (`Limits::commands_per_sec`) or of the topic
    /// (`Rules::publishes_per_sec`).
    TooFast {
        /// When to try again.
        retry_after: Duration,
    },
    /// The payload is larger than `Limits::payload`, or the name of a publication, an identity or what is
    /// told of a member is too long.
    TooLarge {
        /// Its length, in bytes.
        len: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// The topic keeps no presence: `Rules::presence` was not set.
    NoPresence,
    /// The hub holds as much memory as `Limits::memory` allows.
    OutOfMemory,
    /// The hub knows eight wires already, the most that it takes. Make each [`Wire`](crate::Wire) once and
    /// share it, instead of one for each connection.
    TooManyWires,
    /// The connection is over, or the hub was shut down.
    Closed,
    /// A callback of the application panicked: the rules, or the wire.
    CallbackPanicked,
    /// The engine failed.
    Engine(EngineError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidTopic => {
                f.write_str("a topic has a name of 1 to 255 bytes without control characters")
            }
            Self::UnknownTopic => f.write_str("there is no such topic"),
            Self::NotGranted => f.write_str("the peer may not do this with the topic"),
            Self::AlreadySubscribed => f.write_str("the peer is subscribed to the topic already"),
            Self::TooManyTopics => f.write_str("the peer is subscribed to too many topics"),
            Self::TooFast { retry_after } => {
                write!(f, "too many requests: try again in {retry_after:?}")
            }
            Self::TooLarge { len, limit } => {
                write!(
                    f,
                    "a payload, name, identity or info of {len} bytes is longer than {limit}"
                )
            }
            Self::NoPresence => f.write_str("the topic keeps no presence"),
            Self::OutOfMemory => f.write_str("the hub's memory limit is reached"),
            Self::TooManyWires => {
                f.write_str("a hub takes eight wires: make each once and share it")
            }
            Self::Closed => f.write_str("the connection or the hub is closed"),
            Self::CallbackPanicked => f.write_str("a callback of the application panicked"),
            Self::Engine(_) => f.write_str("the hub's engine failed"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Engine(error) => Some(error),
            _ => None,
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// The failure of an [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct EngineError {
    kind: EngineErrorKind,
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// The engine cannot be reached now. Whether the message was published is not known: publish it again
    /// with the same [id](crate::Publication::id).
    Unavailable,
    /// The engine refused, and will refuse again.
    Refused,
    /// The engine answered what it should not.
    Protocol,
}

impl EngineError {
    /// Creates an error.
    #[must_use]
    pub fn new(kind: EngineErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Creates an error with its cause.
    #[must_use]
    pub fn with_source(
        kind: EngineErrorKind,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(source.into().into()),
        }
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> EngineErrorKind {
        self.kind
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            EngineErrorKind::Unavailable => "the engine cannot be reached",
            EngineErrorKind::Refused => "the engine refused the request",
            EngineErrorKind::Protocol => "the engine gave an answer that makes no sense",
        })
    }
}

impl error::Error for EngineError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

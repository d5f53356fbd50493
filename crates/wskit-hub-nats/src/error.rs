use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wskit_hub::{EngineError, EngineErrorKind};

/// Why [`Nats::connect`](crate::Nats::connect) has failed. Its source says more.
#[derive(Debug)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// A setting is not possible. The fault is the caller's.
    Settings,
    /// No server of the list can be reached.
    Unreachable,
    /// The server does not take the credentials, or there are none and it wants some.
    Credentials,
    /// The server's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The server, or the account, has no JetStream.
    NoJetStream,
    /// JetStream refused to create a stream as it has too little space or too few servers, or the account may not
    /// use the subjects.
    Refused,
    /// There is a stream with the subjects, and it is not as the settings have it.
    Stream,
    /// The server gave no answer in time: it has just been started, its cluster has no leader, or the account
    /// may not use the subjects.
    NoAnswer,
    /// The server answered what it should not.
    Protocol,
}

impl ConnectError {
    pub(crate) fn new(
        kind: ConnectErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        Self { kind, source }
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ConnectErrorKind::Settings => "a setting of the NATS engine is not possible",
            ConnectErrorKind::Unreachable => {
                "NATS cannot be reached: check the URLs, and that nats-server runs"
            }
            ConnectErrorKind::Credentials => {
                "NATS refused the credentials: check the user, the token or the credentials file"
            }
            ConnectErrorKind::Tls => {
                "TLS to NATS failed: check the certificates, and that both sides use TLS"
            }
            ConnectErrorKind::NoJetStream => {
                "NATS has no JetStream: start nats-server with -js, or enable it for the account"
            }
            ConnectErrorKind::Refused => {
                "NATS refused to set up the hub's streams: see the limits and permissions of the account"
            }
            ConnectErrorKind::Stream => {
                "the hub's stream in NATS is not as the settings have it: change the one or the other"
            }
            ConnectErrorKind::NoAnswer => {
                "NATS gave no answer: check that its cluster has a leader, and the account's permissions"
            }
            ConnectErrorKind::Protocol => "NATS gave an answer that makes no sense",
        })
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<Failure> for ConnectError {
    fn from(failure: Failure) -> Self {
        let kind = match &failure {
            Failure::NoJetStream => ConnectErrorKind::NoJetStream,
            Failure::Stream(_) => ConnectErrorKind::Stream,
            Failure::Api { .. } | Failure::Denied(_) => ConnectErrorKind::Refused,
            Failure::Nonsense(_) => ConnectErrorKind::Protocol,
            Failure::Down(_) => ConnectErrorKind::Unreachable,
            _ => ConnectErrorKind::NoAnswer,
        };
        Self::new(kind, failure)
    }
}

/// What went wrong at NATS: the source of an [`EngineError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no connection, or it is not set up yet.
    Down(Arc<str>),
    /// No answer.
    Timeout,
    /// Nothing answers on the subject: the stream is gone, or has no leader now.
    NoResponders,
    NoJetStream,
    /// JetStream answered with an error.
    Api {
        code: u64,
        text: String,
    },
    /// A stream that is not as it should be.
    Stream(String),
    /// The account may not do something.
    Denied(String),
    TooLarge {
        len: usize,
        limit: usize,
    },
    Subject {
        len: usize,
        limit: usize,
    },
    Messages {
        rules: usize,
        stream: usize,
    },
    Age {
        rules: Duration,
        stream: Duration,
    },
    /// More waits to be sent than is allowed.
    Full,
    /// The message was stored, but in another epoch than that which was known.
    NewEpoch,
    Nonsense(&'static str),
}

impl Failure {
    pub(crate) fn down(reason: impl Into<Arc<str>>) -> Self {
        Self::Down(reason.into())
    }

    /// Whether the stream has a chance to do it a moment later, and has done nothing now.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::NoResponders => true,
            // JetStream is temporarily unavailable, or has no place in the cluster yet. Or a message of the same
            // id is just being stored, and is known as such a moment later.
            Self::Api { code, text } => {
                matches!(code, 10008 | 10005 | 10158) || *code == 503 && text == "raft: not leader"
            }
            _ => false,
        }
    }

    fn kind(&self) -> EngineErrorKind {
        match self {
            Self::Down(_)
            | Self::Timeout
            | Self::NoResponders
            | Self::NoJetStream
            | Self::Full
            | Self::NewEpoch => EngineErrorKind::Unavailable,
            // A stream that is gone is created again. 503 is the server's trouble.
            Self::Api { code, .. } if matches!(code, 503 | 10059) || self.is_passing() => {
                EngineErrorKind::Unavailable
            }
            Self::Nonsense(_) => EngineErrorKind::Protocol,
            _ => EngineErrorKind::Refused,
        }
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        Self::with_source(failure.kind(), failure)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(reason) => write!(f, "NATS: {reason}"),
            Self::Timeout => f.write_str(
                "NATS: no answer in time; if it stays so, check that the stream has a leader and that the \
                 account may use the subjects",
            ),
            Self::NoResponders => f.write_str(
                "NATS: the hub's stream does not answer: it was deleted, or its cluster has no leader now",
            ),
            Self::NoJetStream => f.write_str(
                "NATS: JetStream is not enabled: start nats-server with -js, or enable it for the account",
            ),
            Self::Api { code, text } => write!(f, "NATS: JetStream answered: {text} ({code})"),
            Self::Stream(text) => write!(f, "NATS: {text}"),
            Self::Denied(text) => write!(
                f,
                "NATS: the server refused: {text}; the account needs the subjects under the prefix, $JS.API.> \
                 and _INBOX.>"
            ),
            Self::TooLarge { len, limit } => write!(
                f,
                "NATS: a message of {len} bytes with its headers is larger than the {limit} that the server \
                 takes: raise `max_payload` in its configuration"
            ),
            Self::Subject { len, limit } => write!(
                f,
                "NATS: the topic makes a subject of {len} bytes, and {limit} are allowed: use shorter names"
            ),
            Self::Messages { rules, stream } => write!(
                f,
                "NATS: the topic's rules keep {rules} messages, and the stream {stream}: raise \
                 `NatsBuilder::messages` and delete the stream, or ask for a shorter history"
            ),
            Self::Age { rules, stream } => write!(
                f,
                "NATS: the topic's rules keep messages for {rules:?}, and the stream for {stream:?}: raise \
                 `NatsBuilder::max_age` and the stream's, or ask for a shorter history"
            ),
            Self::Full => f.write_str(
                "NATS: more waits to be sent than is allowed: the server or the network is too slow for this load",
            ),
            Self::NewEpoch => {
                f.write_str("NATS: the hub's stream was created again while the message was sent")
            }
            Self::Nonsense(what) => write!(f, "NATS: {what}"),
        }
    }
}

impl Error for Failure {}

use std::error::Error;
use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use wskit_hub::{EngineError, EngineErrorKind};

/// What went wrong with Redis.
///
/// It is the cause of a [`ConnectError`], and the [source](Error::source) of an [`EngineError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A setting makes no sense. The text says which.
    Setting(&'static str),
    /// There is no connection. The text is what the operating system or the server said.
    Unreachable(String),
    /// The server did not answer within the [deadline](crate::Builder::deadline).
    NoAnswer(Duration),
    /// More requests wait for an answer than the engine takes.
    Busy,
    /// The user name or the password is wrong, or missing.
    Credentials(String),
    /// The user may not do what the engine needs.
    NotPermitted(String),
    /// The server is older than 6.0, or, in a cluster, than 7.0. The text is its version.
    TooOld(String),
    /// The server is a replica, which takes no messages.
    Replica,
    /// The sentinels know no primary of this name.
    NoPrimary(String),
    /// The server is part of a cluster, and the engine was made for one server, or the other way round.
    WrongMode,
    /// Parts of the cluster have no server now, or are moving to another.
    Incomplete(String),
    /// The server reads its data from the disk.
    Loading,
    /// The server has reached `maxmemory`, and evicts nothing.
    OutOfMemory,
    /// The server refuses to write because it cannot save to its disk.
    NotSaved,
    /// Fewer replicas have the message than [`Builder::replicas`](crate::Builder::replicas) asks for, or than
    /// the server's `min-replicas-to-write`.
    TooFewReplicas,
    /// The server did not take the message for a moment, and has taken a later one of the same topic since.
    Overtaken,
    /// The message is longer than [`Builder::largest`](crate::Builder::largest) allows.
    TooLarge {
        /// Its length, in bytes.
        len: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// A key of the engine's has something else in it. The text is what the server said.
    Foreign(String),
    /// The server answered what the engine does not understand. The text says what was asked.
    Nonsense(&'static str),
    /// The server refused for another reason. The text is its own.
    Other(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(text) => f.write_str(text),
            Self::Unreachable(text) => write!(
                f,
                "Redis cannot be reached ({text}): see that it runs, and that its address is right"
            ),
            Self::NoAnswer(deadline) => {
                write!(f, "Redis did not answer within {deadline:?}: see what it is busy with")
            }
            Self::Busy => f.write_str("too many requests wait for Redis: publish less"),
            Self::Credentials(text) => {
                write!(f, "Redis refused the user name or the password ({text}): correct them")
            }
            Self::NotPermitted(text) => write!(
                f,
                "Redis does not permit this to the user ({text}): give it the commands, keys and channels that \
                 the documentation lists"
            ),
            Self::TooOld(version) => write!(
                f,
                "Redis {version} is too old: 6.0 is needed, or 7.0 for a cluster"
            ),
            Self::Replica => {
                f.write_str("this Redis is a replica: connect to the primary, or by the sentinels")
            }
            Self::NoPrimary(name) => write!(
                f,
                "no sentinel of Redis knows a primary called {name}: see that they run, and that the name is right"
            ),
            Self::WrongMode => f.write_str(
                "a part of a Redis Cluster needs `Redis::cluster`, any other Redis `Redis::server` or \
                 `Redis::sentinel`",
            ),
            Self::Incomplete(text) => write!(
                f,
                "the Redis Cluster is not complete ({text}): wait for its failover, or repair it"
            ),
            Self::Loading => f.write_str("Redis reads its data from the disk: wait until it has"),
            Self::OutOfMemory => f.write_str(
                "Redis has reached its memory limit: raise `maxmemory`, or let histories be shorter",
            ),
            Self::NotSaved => f.write_str(
                "Redis cannot save to its disk and takes no writes: make room, or see what its log says",
            ),
            Self::TooFewReplicas => {
                f.write_str("too few replicas of Redis have the message: see that they run")
            }
            Self::Overtaken => f.write_str(
                "Redis did not take the message at first, and then a later one of its topic: publish it again",
            ),
            Self::TooLarge { len, limit } => write!(
                f,
                "a message of {len} bytes is longer than the {limit} that `Builder::largest` allows for Redis"
            ),
            Self::Foreign(text) => write!(
                f,
                "a key in Redis has something that wskit did not write ({text}): delete it, or choose another \
                 prefix"
            ),
            Self::Nonsense(asked) => write!(
                f,
                "Redis answered {asked} with what it should not: see that nothing between changes answers"
            ),
            Self::Other(text) => write!(f, "Redis refused: {text}"),
        }
    }
}

impl Error for Fault {}

/// Why there is no connection to Redis.
#[derive(Clone, Debug)]
pub struct ConnectError {
    server: String,
    fault: Fault,
}

impl ConnectError {
    pub(crate) fn new(server: impl Into<String>, fault: Fault) -> Self {
        Self {
            server: server.into(),
            fault,
        }
    }

    /// Returns the address of the server, or of all that were tried.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.fault)
    }
}

impl Error for ConnectError {}

/// What became of a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server did nothing of it.
    NotDone,
    /// The same, because it has lost the scripts.
    NoScript,
    /// It may have been done.
    Unknown,
}

/// The failure of a request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) outcome: Outcome,
    /// The connection is of no use any more.
    pub(crate) ends_session: bool,
}

impl Failure {
    /// The server refused, and goes on.
    pub(crate) fn refused(fault: Fault) -> Self {
        Self {
            fault,
            outcome: Outcome::NotDone,
            ends_session: false,
        }
    }

    /// The connection is over.
    pub(crate) fn lost(fault: Fault) -> Self {
        Self {
            fault,
            outcome: Outcome::Unknown,
            ends_session: true,
        }
    }

    pub(crate) fn nonsense(asked: &'static str) -> Self {
        Self::lost(Fault::Nonsense(asked))
    }

    fn moved(fault: Fault) -> Self {
        Self {
            ends_session: true,
            ..Self::refused(fault)
        }
    }

    /// What a server's error means, by its first word and the rest.
    pub(crate) fn of_server(code: &str, text: &str) -> Self {
        let all = || format!("{code} {text}").trim_end().to_owned();
        // Older servers tell of an error within a script so.
        if code == "ERR" && text.starts_with("Error running script") {
            if let Some((_, inner)) = text.split_once(": -") {
                let (code, text) = inner.split_once(' ').unwrap_or((inner, ""));
                return Self::of_server(code, text);
            }
        }
        match code {
            "NOSCRIPT" => Self {
                outcome: Outcome::NoScript,
                ..Self::refused(Fault::Other(all()))
            },
            "READONLY" => Self::moved(Fault::Replica),
            "LOADING" => Self::moved(Fault::Loading),
            "MASTERDOWN" | "CLUSTERDOWN" | "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" => {
                Self::moved(Fault::Incomplete(all()))
            }
            "NOAUTH" | "WRONGPASS" => Self::refused(Fault::Credentials(all())),
            "NOPERM" => Self::refused(Fault::NotPermitted(all())),
            "OOM" => Self::refused(Fault::OutOfMemory),
            "MISCONF" => Self::refused(Fault::NotSaved),
            "NOREPLICAS" => Self::refused(Fault::TooFewReplicas),
            "WRONGTYPE" => Self::refused(Fault::Foreign(all())),
            "ERR" if text.contains("user executing the script") => {
                Self::refused(Fault::NotPermitted(all()))
            }
            // What the scripts cannot work with.
            "ERR" if text.contains("user_script") => Self::refused(Fault::Foreign(all())),
            _ => Self::refused(Fault::Other(all())),
        }
    }

    pub(crate) fn engine_error(self) -> EngineError {
        let kind = match &self.fault {
            Fault::Foreign(_) | Fault::Nonsense(_) => EngineErrorKind::Protocol,
            Fault::OutOfMemory
            | Fault::NotSaved
            | Fault::TooLarge { .. }
            | Fault::Credentials(_)
            | Fault::NotPermitted(_)
            | Fault::TooOld(_)
            | Fault::WrongMode
            | Fault::Setting(_)
            | Fault::Other(_) => EngineErrorKind::Refused,
            _ => EngineErrorKind::Unavailable,
        };
        EngineError::with_source(kind, self.fault)
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let code = error.code().map(ToOwned::to_owned);
        match (error.kind(), code) {
            (ErrorKind::AuthenticationFailed, _) => {
                let text = error.detail().unwrap_or("authentication failed").to_owned();
                Self {
                    ends_session: true,
                    ..Self::refused(Fault::Credentials(text))
                }
            }
            (ErrorKind::RESP3NotSupported, _) => {
                Self::refused(Fault::TooOld("without the command HELLO".to_owned()))
            }
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
                Self::of_server("NOPERM", error.detail().unwrap_or_default())
            }
            (ErrorKind::Server(_) | ErrorKind::Extension, Some(code)) => {
                Self::of_server(&code, error.detail().unwrap_or_default())
            }
            (ErrorKind::InvalidClientConfig, _) => Self::refused(Fault::Other(error.to_string())),
            (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => Self::nonsense("a request"),
            _ => Self::lost(Fault::Unreachable(error.to_string())),
        }
    }
}

/// Returns the failures among answers.
pub(crate) fn failures(values: &[Value]) -> impl Iterator<Item = Failure> {
    values.iter().filter_map(|value| match value {
        Value::ServerError(error) => Some(Failure::of_server(
            error.code(),
            error.details().unwrap_or_default(),
        )),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_server_are_told_apart_by_their_first_word() {
        for (code, text, fault, ends_session) in [
            (
                "OOM",
                "command not allowed when used memory > 'maxmemory'.",
                Fault::OutOfMemory,
                false,
            ),
            (
                "ERR",
                "Error running script (call to f_0): @user_script:1: -OOM command not allowed",
                Fault::OutOfMemory,
                false,
            ),
            (
                "READONLY",
                "You can't write against a read only replica.",
                Fault::Replica,
                true,
            ),
            (
                "LOADING",
                "Redis is loading the dataset in memory",
                Fault::Loading,
                true,
            ),
            (
                "MISCONF",
                "Redis is configured to save RDB snapshots",
                Fault::NotSaved,
                false,
            ),
            (
                "NOREPLICAS",
                "Not enough good replicas to write.",
                Fault::TooFewReplicas,
                false,
            ),
            (
                "WRONGTYPE",
                "Operation against a key holding the wrong kind of value",
                Fault::Foreign(
                    "WRONGTYPE Operation against a key holding the wrong kind of value".into(),
                ),
                false,
            ),
            (
                "ERR",
                "hash value is not an integer script: 0, on @user_script:30.",
                Fault::Foreign(
                    "ERR hash value is not an integer script: 0, on @user_script:30.".into(),
                ),
                false,
            ),
            (
                "MOVED",
                "3999 127.0.0.1:6381",
                Fault::Incomplete("MOVED 3999 127.0.0.1:6381".into()),
                true,
            ),
            (
                "NOPERM",
                "no",
                Fault::NotPermitted("NOPERM no".into()),
                false,
            ),
            (
                "ERR",
                "syntax error",
                Fault::Other("ERR syntax error".into()),
                false,
            ),
        ] {
            let failure = Failure::of_server(code, text);
            assert_eq!(failure.fault, fault);
            assert_eq!(failure.ends_session, ends_session, "{code}");
            assert_eq!(failure.outcome, Outcome::NotDone, "{code}");
        }
        assert_eq!(
            Failure::of_server("NOSCRIPT", "").outcome,
            Outcome::NoScript
        );
    }

    #[test]
    fn every_text_names_the_engine() {
        for fault in [
            Fault::Unreachable(String::new()),
            Fault::NoAnswer(Duration::from_secs(5)),
            Fault::Busy,
            Fault::Credentials(String::new()),
            Fault::NotPermitted(String::new()),
            Fault::TooOld("5.0".into()),
            Fault::Replica,
            Fault::NoPrimary("mymaster".into()),
            Fault::WrongMode,
            Fault::Incomplete(String::new()),
            Fault::Loading,
            Fault::OutOfMemory,
            Fault::NotSaved,
            Fault::TooFewReplicas,
            Fault::Overtaken,
            Fault::TooLarge { len: 2, limit: 1 },
            Fault::Foreign(String::new()),
            Fault::Nonsense("PUBLISH"),
            Fault::Other(String::new()),
        ] {
            assert!(fault.to_string().contains("Redis"), "{fault}");
        }
    }
}

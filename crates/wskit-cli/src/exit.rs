//! Exit codes, and which error has which.

use std::fmt::Display;
use std::io::{self, Write};

use wskit::{
    Cause, CloseCode, ConnectCause, ConnectError, ConnectionError, DialError, Initiator, OpenError,
    Outcome, Stage,
};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Clean = 0,
    /// A file, standard input or output.
    Local = 1,
    /// The same number as clap's.
    Usage = 2,
    Unreachable = 3,
    Tls = 4,
    Refused = 5,
    Protocol = 6,
    Closed = 7,
    Lost = 8,
    Timeout = 9,
    Flawed = 10,
    Interrupted = 130,
}

/// The part of `wsk --help` about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
    0  closed with 1000, without a code, or by this end
    1  a file, standard input or standard output failed
    2  the command line is not valid
    3  the server cannot be reached: name lookup, TCP, Unix socket, proxy
    4  the TLS handshake failed
    5  the server did not accept: a status other than 101, or no WebSocket
    6  the peer broke the protocol, or sent too large a message
    7  the peer closed with a code other than 1000
    8  the connection was lost, without a Close
    9  a time limit has passed
   10  bench: measured, but with errors
  130  interrupted";

impl Exit {
    pub(crate) fn number(self) -> i32 {
        self as i32
    }

    pub(crate) fn of_dial(error: &DialError) -> Self {
        match error {
            DialError::Connect(error) => Self::of_connect(error),
            DialError::Redirect(_) => Self::Refused,
            DialError::Request(_) => Self::Usage,
            _ => Self::Tls,
        }
    }

    fn of_connect(error: &ConnectError) -> Self {
        match error.cause() {
            ConnectCause::Timeout => Self::Timeout,
            ConnectCause::Tls(_) => Self::Tls,
            ConnectCause::Open(error) => Self::of_open(error),
            ConnectCause::Io(_) if error.stage() == Stage::Tls => Self::Tls,
            ConnectCause::Io(_) if error.stage() == Stage::Http => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    fn of_open(error: &OpenError) -> Self {
        match error {
            OpenError::Timeout => Self::Timeout,
            OpenError::Request(_) => Self::Usage,
            _ => Self::Refused,
        }
    }

    pub(crate) fn of_connection(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::Protocol(_) => Self::Protocol,
            ConnectionError::Timeout(_) => Self::Timeout,
            ConnectionError::Send(_) => Self::Usage,
            _ => Self::Lost,
        }
    }

    pub(crate) fn of_outcome(outcome: &Outcome) -> Self {
        match &outcome.cause {
            Cause::Closed if outcome.initiator == Some(Initiator::Local) => Self::Clean,
            Cause::Closed => match outcome.code() {
                CloseCode::NORMAL | CloseCode::NO_STATUS => Self::Clean,
                _ => Self::Closed,
            },
            Cause::Protocol(_) => Self::Protocol,
            Cause::Timeout(_) => Self::Timeout,
            // The peer said why before the connection broke.
            _ if outcome.received.is_some() && outcome.code() != CloseCode::NORMAL => Self::Closed,
            _ => Self::Lost,
        }
    }
}

/// An end with a text for standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Display) -> Self {
        let text = text.to_string();
        Self { exit, text }
    }

    pub(crate) fn usage(text: impl Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// Returns the failure of what was done to a file, or to standard input or output.
    pub(crate) fn of(what: impl Display, error: &io::Error) -> Self {
        Self::new(Exit::Local, format_args!("{what}: {error}"))
    }

    pub(crate) fn tell(&self) {
        if !self.text.is_empty() {
            let _ = writeln!(io::stderr(), "wsk: {}", self.text);
        }
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        Self::new(Exit::of_dial(&error), error)
    }
}

/// A failure of standard output. A reader that has gone is not told: it has got what it wanted.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Local, "");
        }
        Self::of("standard output", &error)
    }
}

//! Where every connection is written down when it opens and when it has ended.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use wskit::{Cause, Initiator, Outcome};

/// How a connection ended, seen from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sent a Close, the client first.
    ByClient,
    /// Both sent a Close, the server first.
    ByServer,
    /// The client went away without a Close.
    Vanished,
    /// The client broke a rule, and the server answered with the right Close.
    Breach,
    /// Anything that this soak does not do.
    Wrong,
}

/// The connections of one process.
#[derive(Debug, Default)]
pub struct Ledger {
    opened: AtomicUsize,
    ended: [AtomicUsize; 5],
    messages: AtomicUsize,
}

/// What a [`Ledger`] says at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Opening handshakes completed.
    pub opened: usize,
    /// Endings, in the order of [`End`].
    pub ended: [usize; 5],
    /// Messages echoed or taken back.
    pub messages: usize,
}

impl Ledger {
    /// An opening handshake is done.
    pub fn open(&self) {
        self.opened.fetch_add(1, SeqCst);
    }

    /// A message was echoed, or its echo was what had been sent.
    pub fn message(&self) {
        self.messages.fetch_add(1, SeqCst);
    }

    /// A connection has ended.
    pub fn end(&self, how: End) {
        self.ended[how as usize].fetch_add(1, SeqCst);
    }

    /// What was written down so far.
    pub fn account(&self) -> Account {
        // Endings first: read the other way round, one could seem to have ended before it opened.
        let ended = [0, 1, 2, 3, 4].map(|end: usize| self.ended[end].load(SeqCst));
        Account {
            ended,
            opened: self.opened.load(SeqCst),
            messages: self.messages.load(SeqCst),
        }
    }
}

impl Account {
    /// Connections that are open.
    pub fn live(&self) -> usize {
        self.opened.saturating_sub(self.ended.iter().sum())
    }

    /// How many ended so.
    pub fn count(&self, how: End) -> usize {
        self.ended[how as usize]
    }
}

impl End {
    /// What the outcome of a server's connection means here.
    pub fn of_server(outcome: Option<&Outcome>) -> Self {
        let Some(outcome) = outcome else {
            return Self::Wrong;
        };
        match (&outcome.cause, outcome.initiator) {
            (Cause::Closed, Some(Initiator::Peer)) => Self::ByClient,
            (Cause::Closed, Some(Initiator::Local)) => Self::ByServer,
            (Cause::Protocol(_), _) => Self::Breach,
            (Cause::Disconnected | Cause::Transport(_), _) => Self::Vanished,
            _ => Self::Wrong,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [client, server, vanished, breach, wrong] = self.ended;
        write!(
            f,
            "{} {client} {server} {vanished} {breach} {wrong} {}",
            self.opened, self.messages
        )
    }
}

impl FromStr for Account {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<usize>, _> = text.split(' ').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[opened, client, server, vanished, breach, wrong, messages]) => Ok(Self {
                opened,
                ended: [client, server, vanished, breach, wrong],
                messages,
            }),
            _ => Err(format!("not an account: {text:?}")),
        }
    }
}

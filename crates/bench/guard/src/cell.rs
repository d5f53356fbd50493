//! One measurement: the loop, the size of messages, and how many are sent at once.

use std::fmt;
use std::str::FromStr;

/// The loop that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// wskit over TCP, `recv_ref` + `feed`.
    Lent,
    /// wskit over TCP, `recv` + `feed`.
    Owned,
    /// wskit over TCP in halves, `recv` + `feed`.
    Split,
    /// wskit over TLS, `recv_ref` + `feed`.
    Tls,
    /// TCP echo on tokio without WebSocket: what the runtime and the kernel's interface cost.
    Raw,
    /// `wskit::proto::Connection` alone, without any socket or runtime.
    Memory,
    /// A delivery shard of a hub alone: SIZE subscribers of one topic, DEPTH messages at a time.
    Shard,
    /// A hub with SIZE connections, whose transport takes everything.
    Hub,
    /// SIZE connections by their writers, whose transport takes everything: `Writer::batch` of DEPTH messages.
    Batch,
    /// A hub with SIZE topics that have no subscribers: a message is one that is published.
    Publish,
}

/// One measurement, written `lent 16x16`: messages of 16 bytes, 16 of them in a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The loop that is measured.
    pub server: Server,
    /// Bytes of payload in a message.
    pub size: usize,
    /// Messages that each connection gets at once.
    pub depth: usize,
}

impl Cell {
    /// Connections that are ready together, so that one wake of the runtime serves them all.
    pub const CONNECTIONS: usize = 8;

    /// Rounds that are counted, after as many that are not: fewer where a round moves more bytes,
    /// because tools that count are slow.
    pub fn rounds(&self) -> usize {
        match self.server {
            // A round is large, and does the same for each subscriber.
            Server::Shard | Server::Hub | Server::Batch => return 1,
            Server::Publish => return self.size,
            _ => {}
        }
        let bytes = self.size * self.depth * Self::CONNECTIONS;
        // Encryption is slow under such a tool.
        let least = if self.server == Server::Tls { 8 } else { 32 };
        ((8 << 20) / bytes).clamp(least, 256)
    }

    /// Messages in the rounds that are counted.
    pub fn messages(&self) -> usize {
        let at_once = match self.server {
            Server::Shard | Server::Hub | Server::Batch => self.size,
            Server::Publish => 1,
            _ => Self::CONNECTIONS,
        };
        self.rounds() * self.depth * at_once
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lent => "lent",
            Self::Owned => "owned",
            Self::Split => "split",
            Self::Tls => "tls",
            Self::Raw => "raw",
            Self::Memory => "memory",
            Self::Shard => "shard",
            Self::Hub => "hub",
            Self::Batch => "batch",
            Self::Publish => "publish",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.server, self.size, self.depth)
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        use Server::{Batch, Hub, Lent, Memory, Owned, Publish, Raw, Shard, Split, Tls};
        [
            Lent, Owned, Split, Tls, Raw, Memory, Shard, Hub, Batch, Publish,
        ]
        .into_iter()
        .find(|server| server.to_string() == name)
        .ok_or_else(|| format!("no such server: {name}"))
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a cell: {text:?}; for example: lent 16x16");
        let (server, shape) = text.split_once(' ').ok_or_else(wrong)?;
        let (size, depth) = shape.split_once('x').ok_or_else(wrong)?;
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|n: &usize| *n > 0)
                .ok_or_else(wrong)
        };
        Ok(Self {
            server: server.parse()?,
            size: number(size)?,
            depth: number(depth)?,
        })
    }
}

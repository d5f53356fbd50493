//! What a figure is called.

use std::fmt;
use std::str::FromStr;

use wskit_bench_guard::Cell;
use wskit_bench_guard::cell::Server;

/// What the programs were compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// Every x86-64 processor.
    Default,
    /// x86-64-v3: those with AVX2.
    V3,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Instructions in user space.
    Instructions,
    /// System calls.
    Calls,
    /// System calls that write to a socket.
    Writes,
    /// TLS records that the server sends.
    Records,
    /// Allocations and reallocations.
    Allocations,
}

/// The name of a number per message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) build: Build,
    pub(crate) cell: Cell,
    pub(crate) kind: Kind,
}

impl Figure {
    /// Everything that is measured, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |build, server, (size, depth), kind| {
            let cell = Cell {
                server,
                size,
                depth,
            };
            all.push(Self { build, cell, kind });
        };
        for build in [Build::V3, Build::Default] {
            for shape in TCP {
                for server in [Server::Raw, Server::Lent, Server::Owned] {
                    add(build, server, shape, Kind::Instructions);
                }
            }
            for shape in MEMORY {
                add(build, Server::Memory, shape, Kind::Instructions);
            }
            for (server, shape) in HUB {
                add(build, server, shape, Kind::Instructions);
            }
            for shape in SPLIT {
                add(build, Server::Split, shape, Kind::Instructions);
            }
            add(build, Server::Tls, TLS[0], Kind::Instructions);
        }
        for kind in [Kind::Calls, Kind::Writes, Kind::Records] {
            for shape in TLS {
                add(Build::Default, Server::Tls, shape, kind);
            }
        }
        add(Build::Default, Server::Tls, TLS[0], Kind::Allocations);
        for kind in [Kind::Calls, Kind::Allocations] {
            for shape in TCP {
                for server in [Server::Raw, Server::Lent, Server::Owned] {
                    add(Build::Default, server, shape, kind);
                }
            }
        }
        for shape in SPLIT {
            add(Build::Default, Server::Split, shape, Kind::Allocations);
        }
        for shape in MEMORY {
            add(Build::Default, Server::Memory, shape, Kind::Allocations);
        }
        for (server, shape) in HUB {
            add(Build::Default, server, shape, Kind::Allocations);
        }
        all
    }

    /// Whether it is held to a bound: raw TCP is there to be compared with.
    pub(crate) fn is_bounded(&self) -> bool {
        self.cell.server != Server::Raw
    }

    /// How much above what is measured a bound is stored; README.md says why so much.
    pub(crate) fn slack(&self, measured: f64) -> f64 {
        match self.kind {
            // A copied byte counts one there, and how many are copied depends on how the reads fall.
            Kind::Instructions if self.cell.size == 16 << 10 => measured * 0.03,
            // Where a name falls in a table is another place in each run.
            Kind::Instructions if self.cell.server == Server::Publish => measured * 0.08,
            Kind::Instructions => measured * 0.01,
            // What has come by then depends on the machine's load.
            Kind::Calls | Kind::Writes if self.cell.size == 1 << 20 => measured * 0.1,
            Kind::Calls | Kind::Writes if self.cell.size == 16 << 10 => 0.03,
            Kind::Records if self.cell.size > 16 => measured * 0.02,
            Kind::Calls | Kind::Writes | Kind::Records => 0.01,
            Kind::Allocations if self.cell.server == Server::Tls => 0.01,
            Kind::Allocations => 0.001,
        }
    }

    /// The same figure of raw TCP.
    pub(crate) fn of_raw(mut self) -> Self {
        self.cell.server = Server::Raw;
        self
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::V3 => "v3",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Instructions => "instructions",
            Self::Calls => "calls",
            Self::Writes => "writes",
            Self::Records => "records",
            Self::Allocations => "allocations",
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = self.cell.to_string();
        write!(f, "{:<7} {cell:<14} {:<12}", self.build, self.kind)
    }
}

impl FromStr for Build {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "default" => Ok(Self::Default),
            "v3" => Ok(Self::V3),
            _ => Err(format!("no such build: {name} (default or v3)")),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "instructions" => Ok(Self::Instructions),
            "calls" => Ok(Self::Calls),
            "writes" => Ok(Self::Writes),
            "records" => Ok(Self::Records),
            "allocations" => Ok(Self::Allocations),
            _ => Err(format!("no such figure: {name}")),
        }
    }
}

/// Bytes of a message and messages of a burst, over TCP.
const TCP: [(usize, usize); 5] = [(16, 1), (16, 16), (1024, 16), (16_384, 16), (65_536, 1)];

/// The same, over TLS. The first is measured in all ways: encryption is too slow under such a tool for more.
const TLS: [(usize, usize); 3] = [(16, 16), (16_384, 16), (1 << 20, 1)];

/// The same, in halves.
const SPLIT: [(usize, usize); 2] = [(16, 1), (16, 16)];

/// The same, for the state machine alone.
const MEMORY: [(usize, usize); 3] = [(16, 16), (125, 16), (1024, 16)];

/// Subscribers of a topic and messages at a time; topics without subscribers.
const HUB: [(Server, (usize, usize)); 7] = [
    (Server::Shard, (100_000, 1)),
    (Server::Shard, (100_000, 16)),
    (Server::Hub, (2_000, 1)),
    (Server::Hub, (2_000, 16)),
    (Server::Batch, (2_000, 1)),
    (Server::Batch, (2_000, 16)),
    (Server::Publish, (100_000, 1)),
];

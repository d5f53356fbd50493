//! The operations of a simulation. Each means something in every state, so that any of them may be left out.

/// What is done, and numbers that say with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) kind: Kind,
    pub(super) a: u8,
    pub(super) b: u8,
    pub(super) c: u8,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $weight:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $($(#[$doc])* $kind,)* }

        /// How often each comes.
        const WEIGHTS: &[(Kind, u32)] = &[$((Kind::$kind, $weight),)*];
    };
}

kinds! {
    /// A client connects to hub `a`, shard `b`, with a connection of kind `c`.
    Attach = 7,
    /// The application drops the peer of client `a`.
    Detach = 1,
    /// The connection of client `a` is cut, or closed by the application.
    Die = 1,
    Subscribe = 14,
    Unsubscribe = 3,
    /// Both at once.
    Again = 3,
    /// Client `a` reads `b` messages.
    Room = 12,
    Publish = 24,
    Enter = 5,
    Leave = 3,
    /// Shard `b` of hub `a` runs, and writes to `c` peers.
    Turn = 24,
    Advance = 4,
    History = 2,
    Present = 1,
    /// Hub `a` forgets histories.
    Shed = 1,
    /// The engine carries out commands of hub `a`.
    Commands = 20,
    /// Events reach hub `a`.
    Events = 24,
    // Faults of the engine.
    Lose = 4,
    Repeat = 2,
    Swap = 3,
    Fail = 2,
    /// An answer never comes.
    Mute = 1,
    Down = 1,
    Up = 2,
    Expire = 1,
    Forget = 1,
    Rewind = 1,
    Restart = 1,
}

impl Op {
    /// Decodes an operation from four bytes.
    pub(super) fn decode(bytes: [u8; 4]) -> Self {
        let total: u32 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut left = u32::from(bytes[0]) * total / 256;
        let kind = WEIGHTS.iter().find(|(_, weight)| {
            let is_here = left < *weight;
            left = left.saturating_sub(*weight);
            is_here
        });
        let kind = kind.map_or(Kind::Turn, |(kind, _)| *kind);
        let [_, a, b, c] = bytes;
        Self { kind, a, b, c }
    }
}

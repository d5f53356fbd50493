use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A number that names one history of a topic.
///
/// Offsets of one epoch can be compared with each other, those of two epochs cannot. A topic gets a new
/// epoch when its history begins anew: when it is created again, or when the engine has lost its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Creates an epoch from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A place in a topic: that of a message, and of a client that has seen it.
///
/// Offsets rise with each message of an epoch. The embedded engine counts them without gaps; other engines
/// may leave some out. Its text, by `Display` and [`FromStr`], is what to hand to clients:
/// the epoch in hexadecimal, a hyphen, and the offset.
///
/// ```
/// use wskit_hub::{Epoch, Position};
/// let position = Position { epoch: Epoch::new(0x5f), offset: 42 };
/// assert_eq!(position.to_string(), "5f-42");
/// assert_eq!("5f-42".parse(), Ok(position));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which history.
    pub epoch: Epoch,
    /// Where in it. 0 is before the first message.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch.0, self.offset)
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `from_str_radix` and `parse` take a sign too.
        let is_plain = |digits: &str| !digits.starts_with(['+', '-']);
        let (epoch, offset) = text.split_once('-').ok_or(ParsePositionError(()))?;
        if !is_plain(epoch) || !is_plain(offset) {
            return Err(ParsePositionError(()));
        }
        Ok(Self {
            epoch: Epoch(u64::from_str_radix(epoch, 16).map_err(|_| ParsePositionError(()))?),
            offset: offset.parse().map_err(|_| ParsePositionError(()))?,
        })
    }
}

/// The error of reading a [`Position`] from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePositionError(());

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position is an epoch in hexadecimal, a hyphen and an offset, as in 5f-42")
    }
}

impl Error for ParsePositionError {}

/// From where a subscription or a page of history begins.
///
/// A [`Position`] converts into it, and so does an `Option` of one: `None` is [`Since::Start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Since {
    /// With the next message.
    Now,
    /// With the oldest message that the topic still has.
    Start,
    /// With the message after this position: what a client missed while it was away.
    After(Position),
}

impl From<Position> for Since {
    fn from(position: Position) -> Self {
        Self::After(position)
    }
}

/// Begins after the position if there is one, else with the oldest message: for the position that a client
/// may have sent along.
impl From<Option<Position>> for Since {
    fn from(position: Option<Position>) -> Self {
        position.map_or(Self::Start, Self::After)
    }
}

/// What a subscription begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscribed {
    /// Nothing is missing: the messages after the position that was given are delivered first.
    All {
        /// How many they are.
        missed: usize,
        /// The position of the last of them, or the one that was given.
        position: Position,
    },
    /// Messages after the position that was given are gone, or it is of another epoch. None of the past is
    /// delivered: load the state from where it is kept, then apply what comes.
    Gap {
        /// The position of the newest message: what comes is after it.
        position: Position,
    },
    /// No position was given.
    Fresh {
        /// How many messages of the past are delivered first.
        replayed: usize,
        /// The position of the newest message.
        position: Position,
    },
}

impl Subscribed {
    /// Returns the position after which new messages come.
    #[must_use]
    pub fn position(&self) -> Position {
        match *self {
            Self::All { position, .. } | Self::Gap { position } | Self::Fresh { position, .. } => {
                position
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(epoch: u64, offset: u64) -> Position {
        let epoch = Epoch::new(epoch);
        Position { epoch, offset }
    }

    #[test]
    fn a_position_is_the_same_after_it_was_text() {
        for (position, text) in [
            (position(0, 0), "0-0"),
            (position(0x5f, 42), "5f-42"),
            (
                position(u64::MAX, u64::MAX),
                "ffffffffffffffff-18446744073709551615",
            ),
        ] {
            assert_eq!(position.to_string(), text);
            assert_eq!(text.parse(), Ok(position));
        }
    }

    #[test]
    fn epochs_may_have_capital_letters_and_zeros() {
        assert_eq!("5F-042".parse(), Ok(position(0x5f, 42)));
    }

    #[test]
    fn what_is_no_position_is_an_error() {
        for text in [
            "",
            "-",
            "5f",
            "5f-",
            "-42",
            "5f--42",
            "+5f-42",
            "5f-+42",
            "5f-42-1",
            " 5f-42",
            "5f-42 ",
            "5g-42",
            "5f-4a",
            "0x5f-42",
            "10000000000000000-1",
            "1-18446744073709551616",
            "5f\u{2010}42",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}

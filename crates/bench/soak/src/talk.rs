//! What a connection does: in its exchanges, and to end.

use crate::dice::Dice;
use crate::ledger::End;

/// One exchange: what is sent, and comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Talk {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A text message in these fragments.
    Fragments(Vec<String>),
    /// This number of short messages at once.
    Burst(usize),
    /// A ping with this number; the pong comes back.
    Ping(u64),
}

/// What a server closes on.
pub const CLOSE_PLEASE: &str = "close, please";

impl Talk {
    /// Half of all exchanges are a short text, one in fifty is 64 to 512 KiB.
    pub fn roll(dice: &mut Dice) -> Self {
        match dice.between(0, 99) {
            0..=49 => Self::Text(words(dice, 4, 120)),
            50..=64 => Self::Binary(bytes(dice, 126, 4096)),
            65..=81 => Self::Text(words(dice, 1 << 10, 8 << 10)),
            82..=89 => {
                let pieces = dice.between(2, 9);
                Self::Fragments((0..pieces).map(|_| words(dice, 0, 3000)).collect())
            }
            90..=91 => Self::Binary(bytes(dice, 64 << 10, 512 << 10)),
            92..=94 => Self::Burst(dice.between(2, 24)),
            _ => Self::Ping(dice.roll()),
        }
    }
}

impl End {
    /// Three quarters end as they should, half of those by the client; the others vanish or break
    /// a rule.
    pub fn roll(dice: &mut Dice) -> Self {
        match dice.between(0, 15) {
            0..=5 => Self::ByClient,
            6..=11 => Self::ByServer,
            12..=14 => Self::Vanished,
            _ => Self::Breach,
        }
    }
}

/// Text that a compressor likes.
fn words(dice: &mut Dice, from: usize, to: usize) -> String {
    let length = dice.between(from, to);
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        let number = dice.roll() % 1000;
        text.push_str(["{\"price\":", ",\"größe\":", "},{\"id\":"][(number % 3) as usize]);
        text.push_str(&number.to_string());
    }
    text
}

/// Bytes that it does not.
fn bytes(dice: &mut Dice, from: usize, to: usize) -> Vec<u8> {
    let length = dice.between(from, to);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(dice.roll().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

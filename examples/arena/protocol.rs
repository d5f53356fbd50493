//! The protocol: binary messages, their first byte the kind. Numbers are little-endian, a *varint* is seven
//! bits a byte, lowest first, the top bit for "more follows".
//!
//! | up | | |
//! |---|---|---|
//! | 0 | join | name, 1 to 16 characters of UTF-8 |
//! | 1 | input | tick of the newest state that has come (0: none) u32, number u16, buttons u8, aim u8 |
//!
//! | down | | |
//! |---|---|---|
//! | 0 | welcome | your id u16 (0: you watch) |
//! | 1 | state | tick u32, how many ticks before it the state was that it builds on (0: none) u8, number of your last step u16, your speed i16 i16, changes |
//! | 2 | joined | id u16, score u16, name |
//! | 3 | left | id u16 |
//! | 4 | hit | id u16, by u16, hull u8 |
//! | 5 | scored | id u16, score u16, of u16 |
//!
//! A change is: id, as a varint of what it is more than the one before; a byte that says which fields
//! follow; then of x and y the difference as a varint (0, -1, 1, -2 … are 0, 1, 2, 3 …), the angle u8, the
//! flags u16. A thing that is new differs from one that is all zeros.

// Differences of positions wrap around the arena, as the positions do.
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use wskit::CloseCode;

use crate::world::{Event, Id, Point, Ship, Shot, Steer};

/// The most that a player may send in a message: a join with the longest name.
pub const LONGEST_UP: usize = 1 + 16 * 4;

const X: u8 = 1;
const Y: u8 = 2;
const ANGLE: u8 = 4;
const FLAGS: u8 = 8;
const GONE: u8 = 16;

/// What a player says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Up {
    Join(String),
    Input { acked: u32, steer: Steer },
}

/// Why a player is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Text,
    Malformed(&'static str),
    NotAllowed(&'static str),
}

impl Fault {
    pub fn close(self) -> (CloseCode, &'static str) {
        match self {
            Self::Text => (CloseCode::UNSUPPORTED_DATA, "messages are binary here"),
            Self::Malformed(why) => (CloseCode::INVALID_PAYLOAD, why),
            Self::NotAllowed(why) => (CloseCode::POLICY_VIOLATION, why),
        }
    }
}

impl Up {
    pub fn decode(message: &[u8]) -> Result<Self, Fault> {
        match message {
            [0, name @ ..] => {
                let name = std::str::from_utf8(name)
                    .map_err(|_| Fault::Malformed("a name has to be UTF-8"))?
                    .trim();
                if !(1..=16).contains(&name.chars().count()) || name.contains(char::is_control) {
                    return Err(Fault::NotAllowed("a name has 1 to 16 characters"));
                }
                Ok(Self::Join(name.to_owned()))
            }
            [1, input @ ..] => {
                Self::decode_input(input).ok_or(Fault::Malformed("an input has 8 bytes"))
            }
            _ => Err(Fault::Malformed("not a message of this game")),
        }
    }

    fn decode_input(mut rest: &[u8]) -> Option<Self> {
        let acked = u32::from_le_bytes(take(&mut rest)?);
        let number = u16::from_le_bytes(take(&mut rest)?);
        let [buttons, aim] = take(&mut rest)?;
        let steer = Steer {
            number,
            buttons,
            aim,
        };
        rest.is_empty().then_some(Self::Input { acked, steer })
    }

    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Join(name) => [&[0], name.as_bytes()].concat(),
            Self::Input { acked, steer } => [
                &[1][..],
                &acked.to_le_bytes(),
                &steer.number.to_le_bytes(),
                &[steer.buttons, steer.aim],
            ]
            .concat(),
        }
    }
}

/// A ship or a shot, as it is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entity {
    pub id: Id,
    pub at: Point,
    pub angle: u8,
    /// Of a ship: hull 2 bits, thrusting 1, shielded 1, 4 unused, life 8.
    /// Of a shot: the tick when it was fired 12, the id of the one who fired 4, each its lowest bits.
    pub flags: u16,
}

impl Entity {
    pub fn of_ship(id: Id, ship: &Ship) -> Self {
        let bits = ship.hull | u8::from(ship.thrusting) << 2 | u8::from(ship.shield > 0) << 3;
        Self {
            id,
            at: ship.at,
            angle: ship.angle,
            flags: u16::from_le_bytes([bits, ship.life]),
        }
    }

    pub fn of_shot(shot: &Shot) -> Self {
        Self {
            id: shot.id,
            at: shot.from,
            angle: shot.angle,
            flags: (shot.born & 0xfff) as u16 | shot.by << 12,
        }
    }

    pub fn hull(self) -> u16 {
        self.flags & 3
    }
}

/// What one player sees at one tick: the entities, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub tick: u32,
    pub entities: Vec<Entity>,
}

/// What a player is told of the own ship beside its entity: from there the page computes ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub stepped: u16,
    pub speed: (i16, i16),
}

/// Encodes a state: what differs from a view that the player has.
pub fn state(view: &View, base: Option<&View>, own: Own) -> Vec<u8> {
    let back = base.map_or(0, |base| view.tick - base.tick);
    let mut out = vec![1];
    out.extend(view.tick.to_le_bytes());
    out.push(back as u8);
    out.extend(own.stepped.to_le_bytes());
    out.extend(own.speed.0.to_le_bytes());
    out.extend(own.speed.1.to_le_bytes());
    let (mut old, mut new) = (
        base.map_or(&[][..], |base| &base.entities),
        &view.entities[..],
    );
    let mut last = 0;
    // Both are in order, so that one pass over them finds what is new, has changed or is gone.
    loop {
        let (before, after) = match (old.first(), new.first()) {
            (None, None) => return out,
            (Some(a), Some(b)) if a.id == b.id => (Some(a), Some(b)),
            (Some(a), Some(b)) if a.id > b.id => (None, Some(b)),
            (None, b) => (None, b),
            (a, _) => (a, None),
        };
        old = &old[usize::from(before.is_some())..];
        new = &new[usize::from(after.is_some())..];
        change(&mut out, &mut last, before, after);
    }
}

fn change(out: &mut Vec<u8>, last: &mut Id, before: Option<&Entity>, after: Option<&Entity>) {
    if before == after {
        return;
    }
    let id = before.or(after).map_or(0, |entity| entity.id);
    let before = before.copied().unwrap_or_default();
    put_varint(out, id - *last);
    *last = id;
    let Some(after) = after else {
        return out.push(GONE);
    };
    let at = out.len();
    out.push(0);
    let mut fields = 0;
    for (bit, from, to) in [(X, before.at.x, after.at.x), (Y, before.at.y, after.at.y)] {
        if from != to {
            fields |= bit;
            let way = to.wrapping_sub(from) as i16;
            put_varint(out, (way << 1 ^ way >> 15) as u16);
        }
    }
    if before.angle != after.angle {
        fields |= ANGLE;
        out.push(after.angle);
    }
    if before.flags != after.flags {
        fields |= FLAGS;
        out.extend(after.flags.to_le_bytes());
    }
    out[at] = fields;
}

/// Decodes a state. `find` returns the view of a tick that was decoded before. Returns `None` for what is not
/// a state, or builds on one that is not there.
pub fn decode_state<'v>(
    message: &[u8],
    find: impl Fn(u32) -> Option<&'v View>,
) -> Option<(View, Own)> {
    let mut rest = message.strip_prefix(&[1])?;
    let tick = u32::from_le_bytes(take(&mut rest)?);
    let [back] = take(&mut rest)?;
    let own = Own {
        stepped: u16::from_le_bytes(take(&mut rest)?),
        speed: (
            i16::from_le_bytes(take(&mut rest)?),
            i16::from_le_bytes(take(&mut rest)?),
        ),
    };
    let mut old = match back {
        0 => [].iter(),
        back => find(tick.checked_sub(back.into())?)?.entities.iter(),
    }
    .copied()
    .peekable();
    let mut entities = Vec::new();
    let mut id = 0;
    while !rest.is_empty() {
        let more = take_varint(&mut rest)?;
        // Each id once, in order: anything else would make two of one.
        id = u16::checked_add(id, more).filter(|_| more != 0)?;
        entities.extend(std::iter::from_fn(|| old.next_if(|entity| entity.id < id)));
        let known = old.next_if(|entity| entity.id == id);
        let [fields] = take(&mut rest)?;
        if fields != GONE {
            let before = known.unwrap_or_default();
            entities.push(take_change(&mut rest, fields, Entity { id, ..before })?);
        }
    }
    entities.extend(old);
    Some((View { tick, entities }, own))
}

/// Returns what a thing is after a change of these fields.
fn take_change(rest: &mut &[u8], fields: u8, mut entity: Entity) -> Option<Entity> {
    for (bit, place) in [(X, &mut entity.at.x), (Y, &mut entity.at.y)] {
        if fields & bit != 0 {
            let way = take_varint(rest)?;
            *place = place.wrapping_add(way >> 1 ^ (way & 1).wrapping_neg());
        }
    }
    if fields & ANGLE != 0 {
        [entity.angle] = take(rest)?;
    }
    if fields & FLAGS != 0 {
        entity.flags = u16::from_le_bytes(take(rest)?);
    }
    (fields < GONE).then_some(entity)
}

/// Encodes the first message to a player, or with the id 0 to one who watches.
pub fn welcome(id: Id) -> Vec<u8> {
    [&[0], &id.to_le_bytes()[..]].concat()
}

pub fn event(event: &Event) -> Vec<u8> {
    let numbers = |kind: u8, numbers: &[u16]| {
        let mut out = vec![kind];
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        out
    };
    match event {
        Event::Joined { id, score, name } => {
            [&numbers(2, &[*id, *score])[..], name.as_bytes()].concat()
        }
        Event::Left { id } => numbers(3, &[*id]),
        Event::Hit { id, by, hull } => [&numbers(4, &[*id, *by])[..], &[*hull]].concat(),
        Event::Scored { id, score, of } => numbers(5, &[*id, *score, *of]),
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u16) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u16> {
    let mut value = 0;
    for shift in [0, 7, 14] {
        let [byte] = take(rest)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return u16::try_from(value).ok();
        }
    }
    None
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*first)
}

//! The world: ships and shots in an arena without edges, stepped thirty times a second.
//!
//! It uses no socket, clock or random source of the system, so the same inputs make the same world. Positions
//! and speeds are integers, because the page computes the same moves ahead of the server and has to arrive
//! at the same numbers.

// Positions wrap around the arena, and so does the arithmetic on them.
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use std::collections::{BTreeMap, VecDeque};
use std::f64::consts::TAU;
use std::sync::LazyLock;

/// Steps of the world in a second.
pub const TICKS_PER_SEC: u32 = 30;
/// Bits of [`Steer::buttons`].
pub const THRUST: u8 = 1;
pub const FIRE: u8 = 2;
/// Ids below are of ships, the others of shots.
pub const FIRST_SHOT: Id = 0x1000;

const HULL: u8 = 3; // hits that end a ship
const TURN: i8 = 10; // 256ths of a circle in a step
const RELOAD: u8 = 8; // ticks between shots
const WRECK: u8 = 45; // ticks until a ship is back
const SHIELD: u8 = 60; // ticks for which a ship that is back cannot be hit
const SHOT_LIFE: u32 = 36; // ticks
const REACH: i32 = 26 * 16; // how near a shot has to come
const SAVED: u8 = 8; // steps that a late player may catch up on
const SILENT: u8 = 30; // ticks after which a ship moves without its player

/// The id of a ship or a shot. 0 is none.
pub type Id = u16;

/// A place in the arena, in 16ths of a pixel: it is 4096 pixels wide and high, and whatever leaves on one
/// side comes in on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    pub x: u16,
    pub y: u16,
}

impl Point {
    /// Returns the way from here to there, the shorter one round the arena.
    pub fn way_to(self, there: Self) -> (i32, i32) {
        let way = |from: u16, to: u16| i32::from(to.wrapping_sub(from) as i16);
        (way(self.x, there.x), way(self.y, there.y))
    }

    pub fn random(random: &mut u32) -> Self {
        let drawn = xorshift(random);
        Self {
            x: drawn as u16,
            y: (drawn >> 16) as u16,
        }
    }

    fn moved(self, (x, y): (i32, i32)) -> Self {
        Self {
            x: self.x.wrapping_add(x as u16),
            y: self.y.wrapping_add(y as u16),
        }
    }
}

/// What a player does in one step of the ship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steer {
    /// Counts the player's steps, and wraps.
    pub number: u16,
    pub buttons: u8,
    /// Where the ship is to point, in 256ths of a circle, clockwise from the right.
    pub aim: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ship {
    pub name: String,
    pub at: Point,
    /// In 256ths of a pixel a step.
    pub speed: (i16, i16),
    pub angle: u8,
    pub thrusting: bool,
    /// Hits that are left; 0 for a wreck.
    pub hull: u8,
    /// Ticks for which it cannot be hit.
    pub shield: u8,
    /// How often it has been placed in the arena; wraps.
    pub life: u8,
    pub score: u16,
    /// The number of the last step.
    pub stepped: u16,
    reload: u8,
    wreck: u8,
    silent: u8,
    saved: u8,
    waiting: VecDeque<Steer>,
}

/// A shot flies straight on: where it is follows from where and when it was fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    pub id: Id,
    pub by: Id,
    pub from: Point,
    pub angle: u8,
    pub born: u32,
}

/// What every player is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Joined { id: Id, score: u16, name: String },
    Left { id: Id },
    Hit { id: Id, by: Id, hull: u8 },
    Scored { id: Id, score: u16, of: Id },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    pub tick: u32,
    pub ships: BTreeMap<Id, Ship>,
    pub shots: Vec<Shot>,
    events: Vec<Event>,
    next_shot: Id,
    random: u32,
}

impl World {
    pub fn new(seed: u32) -> Self {
        Self {
            random: seed | 1,
            ..Self::default()
        }
    }

    /// Adds a ship, and returns its id, or `None` if the arena is full.
    pub fn join(&mut self, name: String) -> Option<Id> {
        let id = (1..FIRST_SHOT).find(|id| !self.ships.contains_key(id))?;
        let mut ship = Ship {
            name,
            ..Ship::default()
        };
        ship.place(&mut self.random);
        self.events.push(ship.joined(id));
        self.ships.insert(id, ship);
        Some(id)
    }

    pub fn leave(&mut self, id: Id) {
        if self.ships.remove(&id).is_some() {
            self.events.push(Event::Left { id });
        }
    }

    /// Advances by a tick, and returns what has happened since the last one.
    pub fn step(&mut self, inputs: &[(Id, Steer)]) -> Vec<Event> {
        self.tick += 1;
        for (id, steer) in inputs {
            if let Some(ship) = self.ships.get_mut(id) {
                ship.hear(*steer);
            }
        }
        for (&by, ship) in &mut self.ships {
            ship.pass_tick(&mut self.random);
            while let Some(steer) = ship.next_step() {
                ship.step(steer);
                if ship.fires(steer) {
                    self.next_shot = self.next_shot.wrapping_add(1).max(FIRST_SHOT);
                    self.shots.push(Shot {
                        id: self.next_shot,
                        by,
                        from: ship.at,
                        angle: ship.angle,
                        born: self.tick,
                    });
                }
            }
        }
        self.strike();
        std::mem::take(&mut self.events)
    }

    /// Takes away the shots that have hit or are spent.
    fn strike(&mut self) {
        let tick = self.tick;
        for shot in std::mem::take(&mut self.shots) {
            let at = shot.at(tick);
            let struck = self.ships.iter_mut().find(|(id, ship)| {
                let (x, y) = at.way_to(ship.at);
                **id != shot.by && ship.can_be_hit() && x.pow(2) + y.pow(2) < REACH.pow(2)
            });
            if let Some((&id, ship)) = struck {
                ship.hull -= 1;
                let (by, hull) = (shot.by, ship.hull);
                self.events.push(Event::Hit { id, by, hull });
                if hull == 0 {
                    (ship.wreck, ship.thrusting) = (WRECK, false);
                    self.score(by, id);
                }
            } else if tick - shot.born < SHOT_LIFE {
                self.shots.push(shot);
            }
        }
    }

    fn score(&mut self, id: Id, of: Id) {
        // The one who fired may have left.
        if let Some(ship) = self.ships.get_mut(&id) {
            ship.score = ship.score.saturating_add(1);
            let score = ship.score;
            self.events.push(Event::Scored { id, score, of });
        }
    }
}

impl Ship {
    /// Returns what tells of it.
    pub fn joined(&self, id: Id) -> Event {
        Event::Joined {
            id,
            score: self.score,
            name: self.name.clone(),
        }
    }

    /// Takes a step of the player, for when the ship may move.
    fn hear(&mut self, steer: Steer) {
        self.silent = 0;
        self.waiting.push_back(steer);
        if self.waiting.len() > usize::from(SAVED) {
            // The player's clock is faster than ours. The page notices that a step is missing.
            self.waiting.pop_front();
        }
    }

    /// Lets the time pass that does not depend on the player.
    fn pass_tick(&mut self, random: &mut u32) {
        self.reload = self.reload.saturating_sub(1);
        self.shield = self.shield.saturating_sub(1);
        self.silent = self.silent.saturating_add(1);
        self.saved = (self.saved + 1).min(SAVED);
        if self.hull == 0 {
            self.wreck -= 1;
            if self.wreck == 0 {
                self.place(random);
            }
        }
    }

    /// Returns the next step that the ship may take. It takes one for each of the player's, so that the page
    /// can tell what comes of it, but in the long run one a tick: sending more gains nothing. It does not
    /// stand still for a player who is silent.
    fn next_step(&mut self) -> Option<Steer> {
        let silent = Steer {
            number: self.stepped,
            buttons: 0,
            aim: self.angle,
        };
        let coasts = self.silent > SILENT && self.saved == SAVED;
        let step = self.waiting.front().copied();
        let step = step.or(coasts.then_some(silent))?;
        self.saved = self.saved.checked_sub(1)?;
        self.waiting.pop_front();
        Some(step)
    }

    /// Moves by a step. `move` in `index.html` does the same.
    fn step(&mut self, steer: Steer) {
        self.stepped = steer.number;
        if self.hull == 0 {
            return;
        }
        let turn = (steer.aim.wrapping_sub(self.angle) as i8).clamp(-TURN, TURN);
        self.angle = self.angle.wrapping_add(turn as u8);
        self.thrusting = steer.buttons & THRUST != 0;
        let push = if self.thrusting {
            direction(self.angle)
        } else {
            (0, 0)
        };
        // A 32nd is lost in each step, so that the speed has an end, and the ship comes to rest.
        let changed = |speed: i16, push: i32| {
            let drag = if speed.abs() < 32 {
                speed.signum()
            } else {
                speed / 32
            };
            speed - drag + (push * 5 / 4) as i16
        };
        self.speed = (changed(self.speed.0, push.0), changed(self.speed.1, push.1));
        self.at = self
            .at
            .moved((i32::from(self.speed.0 / 16), i32::from(self.speed.1 / 16)));
    }

    fn fires(&mut self, steer: Steer) -> bool {
        let fires = steer.buttons & FIRE != 0 && self.reload == 0 && self.hull > 0;
        if fires {
            self.reload = RELOAD;
            self.shield = 0;
        }
        fires
    }

    fn can_be_hit(&self) -> bool {
        self.hull > 0 && self.shield == 0
    }

    /// Puts a new ship somewhere in the arena.
    fn place(&mut self, random: &mut u32) {
        self.at = Point::random(random);
        self.speed = (0, 0);
        (self.hull, self.shield) = (HULL, SHIELD);
        self.life = self.life.wrapping_add(1);
    }
}

impl Shot {
    pub fn at(&self, tick: u32) -> Point {
        let ticks = (tick - self.born) as i32;
        let (x, y) = direction(self.angle);
        self.from.moved((x * 5 * ticks, y * 5 * ticks))
    }
}

/// Returns 64 times the cosine and the sine of an angle in 256ths of a circle.
pub fn direction(angle: u8) -> (i32, i32) {
    static SINES: LazyLock<Vec<i32>> = LazyLock::new(|| {
        let sine = |angle| (f64::from(angle) * TAU / 256.0).sin();
        (0..256)
            .map(|angle| (64.0 * sine(angle)).round() as i32)
            .collect()
    });
    let sine = |angle: u8| SINES[usize::from(angle)];
    (sine(angle.wrapping_add(64)), sine(angle))
}

/// A sequence of numbers without an order that a player could see.
pub fn xorshift(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

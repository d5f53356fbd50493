//! The players: what each has sent and has been sent, and the world that they are in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wskit::{AnyLane, AnyWriter, LaneConfig, Overflow, PreparedMessage};

use crate::protocol::{self, Entity, Fault, Own, View};
use crate::world::{Id, Point, Steer, TICKS_PER_SEC, World};

/// Players that fit into the arena.
const PLAYERS: usize = 200;
/// Views that are kept of each player. An older one is no use: the player gets a whole state instead.
const VIEWS: usize = 32;
/// How far a player sees, in 16ths of a pixel, up and down as well as left and right.
const SIGHT: i32 = 720 * 16;
/// Ticks between the news of a ship out of sight: enough for a map.
const MAP_TICKS: u32 = 30;
/// Inputs that are taken of a player, in a second and at once.
const INPUTS_PER_SEC: u32 = 60;
/// Inputs beyond that until the player is sent away.
const FLOOD: u32 = 600;

/// The world and its players.
#[derive(Debug)]
pub struct Game(Mutex<Players>);

#[derive(Debug)]
struct Players {
    world: World,
    inputs: Vec<(Id, Steer)>,
    seated: BTreeMap<Id, Player>,
}

#[derive(Debug)]
struct Player {
    states: AnyLane,
    events: AnyLane,
    /// The newest last.
    views: VecDeque<View>,
    /// The tick of the newest view that the player is known to have.
    acked: u32,
    /// Inputs that may come now, and those that have come beyond that.
    allowance: u32,
    ignored: u32,
}

/// A player's place in the game. Dropping it takes the ship away.
#[derive(Debug)]
pub struct Seat {
    game: Arc<Game>,
    id: Id,
}

/// What those who watch get of a tick.
#[derive(Debug, Default)]
pub struct Broadcast {
    pub events: Vec<Vec<u8>>,
    pub state: Vec<u8>,
}

impl Game {
    pub fn new(seed: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Players {
            world: World::new(seed),
            inputs: Vec::new(),
            seated: BTreeMap::new(),
        })))
    }

    /// Gives a player a ship.
    pub fn join(self: &Arc<Self>, name: String, writer: &AnyWriter) -> Result<Seat, Fault> {
        let mut players = self.lock();
        let full = Fault::NotAllowed("the arena is full");
        if players.seated.len() == PLAYERS {
            return Err(full);
        }
        let id = players.world.join(name).ok_or(full)?;
        let mut player = Player::new(writer);
        player.tell(&PreparedMessage::binary(protocol::welcome(id)));
        for message in players.roster() {
            player.tell(&message);
        }
        players.seated.insert(id, player);
        Ok(Seat {
            game: self.clone(),
            id,
        })
    }

    /// Returns what tells a newcomer who is here.
    pub fn roster(&self) -> Vec<PreparedMessage> {
        self.lock().roster()
    }

    /// Advances the world by a tick, and tells the players.
    pub fn tick(&self) -> Broadcast {
        let mut players = self.lock();
        let Players {
            world,
            inputs,
            seated,
        } = &mut *players;
        let events = world.step(inputs);
        inputs.clear();
        let events: Vec<_> = events.iter().map(protocol::event).collect();
        // Encoded once, whatever the number of players.
        let prepared: Vec<_> = events.iter().map(PreparedMessage::binary).collect();
        for (&id, player) in seated {
            for event in &prepared {
                player.tell(event);
            }
            player.show(world, id);
        }
        let state = protocol::state(&View::whole(world), None, Own::default());
        Broadcast { events, state }
    }

    fn lock(&self) -> MutexGuard<'_, Players> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Players {
    fn roster(&self) -> Vec<PreparedMessage> {
        let ships = self.world.ships.iter();
        ships
            .map(|(&id, ship)| PreparedMessage::binary(protocol::event(&ship.joined(id))))
            .collect()
    }
}

impl Seat {
    /// Takes what a player does: an input, and the tick of the newest state that has come there.
    pub fn hear(&self, acked: u32, steer: Steer) -> Result<(), Fault> {
        let mut players = self.game.lock();
        let Some(player) = players.seated.get_mut(&self.id) else {
            return Ok(());
        };
        if player.allowance == 0 {
            player.ignored += 1;
            let flood = player.ignored >= FLOOD;
            return if flood {
                Err(Fault::NotAllowed("too many inputs"))
            } else {
                Ok(())
            };
        }
        player.allowance -= 1;
        player.acked = acked;
        players.inputs.push((self.id, steer));
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut players = self.game.lock();
        players.seated.remove(&self.id);
        players.world.leave(self.id);
    }
}

impl Player {
    fn new(writer: &AnyWriter) -> Self {
        // Of the state only the newest counts, and at most four are on their way: a player whose connection
        // stands still for a while finds four old ones there, then one that is new. Four are the full
        // rate up to 130 ms away, and beyond that what fits.
        let newest = LaneConfig::new().overflow(Overflow::LatestOnly).paced(4);
        // An event is never lost: a player who leaves too many waiting has to come back.
        let all = LaneConfig::new().overflow(Overflow::Disconnect);
        Self {
            states: writer.lane(newest),
            events: writer.lane(all),
            views: VecDeque::with_capacity(VIEWS),
            acked: 0,
            allowance: INPUTS_PER_SEC,
            ignored: 0,
        }
    }

    fn tell(&mut self, message: &PreparedMessage) {
        // It fails when the connection has ended; its task is about to leave the game.
        let _ = self.events.push(message);
    }

    /// Sends what the player sees now, as the difference from the last view that has come there. So it does
    /// not matter which of the views between have been skipped.
    fn show(&mut self, world: &World, id: Id) {
        self.allowance = (self.allowance + INPUTS_PER_SEC / TICKS_PER_SEC).min(INPUTS_PER_SEC);
        if self.allowance == INPUTS_PER_SEC {
            self.ignored = 0;
        }
        let Some(ship) = world.ships.get(&id) else {
            return;
        };
        let own = Own {
            stepped: ship.stepped,
            speed: ship.speed,
        };
        let view = View::of(world, ship.at, self.views.back());
        let base = self.views.iter().find(|view| view.tick == self.acked);
        let _ = self.states.push(protocol::state(&view, base, own));
        if self.views.len() == VIEWS {
            self.views.pop_front();
        }
        self.views.push_back(view);
    }
}

impl View {
    /// What is seen from a place: what is near, and ships that are not as they were some time ago.
    fn of(world: &World, from: Point, before: Option<&Self>) -> Self {
        let near = |at| {
            let (x, y) = from.way_to(at);
            x.abs() < SIGHT && y.abs() < SIGHT
        };
        let ship = |(&id, ship)| {
            let now = Entity::of_ship(id, ship);
            // Each ship's turn comes at another tick, so that the states are of about the same size.
            if near(now.at) || (world.tick + u32::from(id)) % MAP_TICKS == 0 {
                return now;
            }
            before.and_then(|view| view.find(id)).unwrap_or(now)
        };
        let ships = world.ships.iter().map(ship);
        let shots = world.shots.iter().filter(|shot| near(shot.at(world.tick)));
        Self::new(world.tick, ships.chain(shots.map(Entity::of_shot)))
    }

    /// All that there is.
    fn whole(world: &World) -> Self {
        let ships = world
            .ships
            .iter()
            .map(|(&id, ship)| Entity::of_ship(id, ship));
        let shots = world.shots.iter().map(Entity::of_shot);
        Self::new(world.tick, ships.chain(shots))
    }

    fn new(tick: u32, entities: impl Iterator<Item = Entity>) -> Self {
        let mut entities: Vec<_> = entities.collect();
        // Ships come in order, shots do once their ids have wrapped.
        entities.sort_unstable_by_key(|entity| entity.id);
        Self { tick, entities }
    }

    pub fn find(&self, id: Id) -> Option<Entity> {
        let at = self.entities.binary_search_by_key(&id, |entity| entity.id);
        Some(self.entities[at.ok()?])
    }
}

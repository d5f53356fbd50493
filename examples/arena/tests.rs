//! The rules without a socket, the messages against random bytes, and players over connections in memory.

use std::sync::Arc;

use tokio::io::DuplexStream;
use wskit::{CloseCode, Config, Error, Message, WebSocket, pair};

use crate::Arena;
use crate::protocol::{Entity, Fault, LONGEST_UP, Own, Up, View, decode_state, state};
use crate::world::{Event, FIRE, Id, Point, Ship, Steer, THRUST, World, direction, xorshift};

fn steer(number: u16, buttons: u8, aim: u8) -> Steer {
    Steer {
        number,
        buttons,
        aim,
    }
}

fn random_steer(number: u16, random: &mut u32) -> Steer {
    let [buttons, aim, ..] = xorshift(random).to_le_bytes();
    steer(number, buttons & (THRUST | FIRE), aim)
}

// The world.

#[test]
fn same_inputs_make_the_same_world() {
    let mut random = 7;
    let (mut one, mut other) = (World::new(3), World::new(3));
    let mut hits = 0;
    for number in 0..3_000 {
        if number % 50 == 0 {
            let name = format!("P{number}");
            assert_eq!(one.join(name.clone()), other.join(name));
        }
        if number % 70 == 69 {
            one.leave(number / 70);
            other.leave(number / 70);
        }
        let here = one.ships.keys().copied().filter(|id| (id + number) % 3 > 0);
        let inputs: Vec<_> = here
            .map(|id| (id, random_steer(number, &mut random)))
            .collect();
        let events = one.step(&inputs);
        hits += events
            .iter()
            .filter(|event| matches!(event, Event::Hit { .. }))
            .count();
        assert_eq!(events, other.step(&inputs));
        assert_eq!(one, other);
    }
    assert!(hits > 20, "{hits} hits: the test does not reach the fights");
}

/// The page computes the same table: rounding must not depend on the last bits of a sine.
#[test]
fn no_sine_is_near_the_middle_of_two_integers() {
    for angle in 0..=255 {
        let exact = 64.0 * (f64::from(angle) * std::f64::consts::TAU / 256.0).sin();
        assert!((exact.abs().fract() - 0.5).abs() > 1e-4, "{angle}: {exact}");
    }
    assert_eq!(direction(0), (64, 0));
    assert_eq!(direction(64), (0, 64));
}

fn alone(world: &World) -> &Ship {
    world.ships.values().next().unwrap()
}

#[test]
fn twice_the_inputs_do_not_make_a_ship_faster() {
    let fly = |each: u16| {
        let mut world = World::new(1);
        let id = world.join("A".to_owned()).unwrap();
        let begin = alone(&world).at;
        let (mut way, mut last) = (0, begin);
        for tick in 0..120 {
            let inputs: Vec<_> = (0..each)
                .map(|n| (id, steer(tick * each + n, THRUST, 0)))
                .collect();
            world.step(&inputs);
            way += last.way_to(alone(&world).at).0;
            last = alone(&world).at;
        }
        way
    };
    assert!(fly(1) > 60 * 16 * 10, "the ship has come far");
    assert_eq!(fly(2), fly(1));
}

#[test]
fn late_inputs_are_caught_up_on() {
    let fly = |ticks: &[u16]| {
        let mut world = World::new(1);
        let id = world.join("A".to_owned()).unwrap();
        let mut number = 0;
        for &inputs in ticks {
            let inputs: Vec<_> = (0..inputs)
                .map(|n| (id, steer(number + n, THRUST, 9)))
                .collect();
            number += inputs.len() as u16;
            world.step(&inputs);
        }
        let ship = alone(&world);
        (ship.at, ship.speed, ship.angle, ship.stepped)
    };
    assert_eq!(fly(&[1, 1, 1, 1, 1, 1]), fly(&[0, 2, 0, 0, 4, 0]));
}

#[test]
fn ship_of_a_silent_player_does_not_hang_in_the_air() {
    let mut world = World::new(1);
    let id = world.join("A".to_owned()).unwrap();
    world.step(&[(id, steer(1, THRUST, 0))]);
    let (at, speed) = (alone(&world).at, alone(&world).speed);
    (0..100).for_each(|_| drop(world.step(&[])));
    assert_ne!(alone(&world).at, at);
    assert_ne!(alone(&world).speed, speed);
    assert_eq!(alone(&world).stepped, 1, "the player has taken no step");
}

#[test]
fn three_hits_destroy_a_ship_and_it_comes_back() {
    let mut world = World::new(1);
    let (a, b) = (
        world.join("A".to_owned()).unwrap(),
        world.join("B".to_owned()).unwrap(),
    );
    // Face to face across the edge of the arena.
    world.ships.get_mut(&a).unwrap().at = Point { x: 65_000, y: 100 };
    world.ships.get_mut(&b).unwrap().at = Point { x: 3_000, y: 100 };
    let mut events = Vec::new();
    for number in 0..140 {
        let shoots = (a, steer(number, FIRE, 0));
        events.extend(world.step(&[shoots, (b, steer(number, 0, 0))]));
    }
    let hit = |hull| Event::Hit { id: b, by: a, hull };
    let scored = Event::Scored {
        id: a,
        score: 1,
        of: b,
    };
    assert_eq!(events[2..], [hit(2), hit(1), hit(0), scored]);
    assert_eq!((world.ships[&b].hull, world.ships[&b].life), (3, 2));
}

// The messages.

fn random_view(tick: u32, random: &mut u32) -> View {
    let count = xorshift(random) % 40;
    let mut id = 0;
    let mut entities = Vec::new();
    for _ in 0..count {
        let [a, b, c, d] = xorshift(random).to_le_bytes();
        id += 1 + Id::from(a) * Id::from(a) / 8;
        // Few values, so that fields are often the same as before.
        entities.push(Entity {
            id,
            at: Point {
                x: u16::from_le_bytes([b & 1, c & 0x80]),
                y: u16::from_le_bytes([d, b]),
            },
            angle: c & 3,
            flags: u16::from(d & 1) * 0xabcd,
        });
        if id > 50_000 {
            break;
        }
    }
    View { tick, entities }
}

#[test]
fn state_decodes_to_the_view_whatever_it_builds_on() {
    let mut random = 11;
    for round in 0..3_000 {
        let base = random_view(1_000 + round, &mut random);
        let view = random_view(1_000 + round + 1 + round % 32, &mut random);
        let own = Own {
            stepped: round as u16,
            speed: (-700, 13),
        };
        let whole = state(&view, None, own);
        assert_eq!(decode_state(&whole, |_| None), Some((view.clone(), own)));
        let delta = state(&view, Some(&base), own);
        let find = |tick| (tick == base.tick).then_some(&base);
        assert_eq!(decode_state(&delta, find), Some((view.clone(), own)));
        assert_eq!(
            decode_state(&delta, |_| None),
            None,
            "without what it builds on"
        );
        assert_eq!(
            state(&view, Some(&view), own).len(),
            12,
            "nothing has changed"
        );
    }
}

#[test]
fn torn_states_and_random_ones_are_refused_or_make_a_view_in_order() {
    let mut random = 5;
    let base = random_view(100, &mut random);
    let valid = state(&random_view(110, &mut random), Some(&base), Own::default());
    let mut decoded = 0;
    for round in 0..50_000_usize {
        let mut bytes = valid.clone();
        match round % 3 {
            0 => bytes.truncate(round / 3 % valid.len()),
            1 => (0..3).for_each(|_| {
                let [at, value, ..] = xorshift(&mut random).to_le_bytes();
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }),
            _ => bytes[12..].fill_with(|| xorshift(&mut random) as u8 & 0x8f),
        }
        let find = |tick| (tick == base.tick).then_some(&base);
        if let Some((view, own)) = decode_state(&bytes, find) {
            decoded += 1;
            assert!(view.entities.is_sorted_by(|a, b| a.id < b.id));
            let again = state(&view, None, own);
            assert_eq!(decode_state(&again, |_| None), Some((view, own)));
        }
    }
    assert!(
        decoded > 1_000,
        "{decoded} decoded: the test does not reach far"
    );
}

#[test]
fn whatever_a_player_sends_is_a_message_or_a_fault() {
    let mut random = 9;
    for _ in 0..100_000 {
        let length = xorshift(&mut random) as usize % (LONGEST_UP + 1);
        let mut bytes: Vec<_> = (0..length).map(|_| xorshift(&mut random) as u8).collect();
        if let Some(kind) = bytes.first_mut() {
            *kind &= 3;
        }
        match Up::decode(&bytes) {
            Ok(Up::Join(name)) => assert!(name.len() < LONGEST_UP && name.trim() == name),
            Ok(input) => assert_eq!(input.encode(), bytes),
            Err(Fault::Malformed(_) | Fault::NotAllowed(_)) => {}
            Err(Fault::Text) => panic!("these are bytes"),
        }
    }
    let longest = Up::Join("𝄞".repeat(16));
    assert_eq!(longest.encode().len(), LONGEST_UP);
    assert_eq!(Up::decode(&longest.encode()), Ok(longest));
}

// Players.

type Client = WebSocket<DuplexStream>;

/// Connects a player to an arena, in memory.
fn connect(arena: &Arc<Arena>) -> Client {
    let (server, client) = pair(Config::new().max_message_size(LONGEST_UP));
    let arena = arena.clone();
    tokio::spawn(async move { arena.play(server).await });
    client
}

async fn join(arena: &Arc<Arena>, name: &str) -> Client {
    let mut client = connect(arena);
    client
        .send(Up::Join(name.to_owned()).encode())
        .await
        .unwrap();
    let welcome = client.recv().await.unwrap().unwrap();
    assert_eq!(welcome.as_bytes()[0], 0);
    client
}

fn input(acked: u32, number: u16) -> Vec<u8> {
    let steer = steer(number, THRUST, 0);
    Up::Input { acked, steer }.encode()
}

async fn close_code(mut client: Client) -> Option<CloseCode> {
    while client.recv().await.ok().flatten().is_some() {}
    Some(client.outcome()?.received??.code)
}

#[tokio::test]
async fn bad_messages_are_answered_with_the_right_code_and_disturb_no_one() -> Result<(), Error> {
    let arena = Arc::new(Arena::new(1));
    let mut other = join(&arena, "Other").await;
    let bad = [
        (1003, vec![Message::Text("hello".into())]),
        (1007, vec![Message::Binary(vec![0, 0xff].into())]),
        (1007, vec![Message::Binary(vec![].into())]),
        (1007, vec![Message::Binary(vec![1, 0, 0].into())]),
        (1007, vec![Message::Binary(vec![7].into())]),
        (1008, vec![Message::Binary(vec![0].into())]),
        (1008, vec![Message::Binary(input(0, 1).into())]),
        (1008, vec![Message::Binary(vec![0, 65].into()); 2]),
        (1009, vec![Message::Binary(vec![0; LONGEST_UP + 1].into())]),
    ];
    for (code, messages) in bad {
        let mut client = connect(&arena);
        for message in &messages {
            client.send(message).await?;
        }
        let expected = Some(CloseCode::new(code));
        assert_eq!(close_code(client).await, expected, "{messages:?}");
    }
    arena.game.tick();
    let states = async {
        loop {
            let message = other.recv().await?.expect("it is still connected");
            if message.as_bytes()[0] == 1 {
                return Ok::<_, Error>(());
            }
        }
    };
    states.await
}

#[tokio::test]
async fn inputs_beyond_the_rate_are_not_taken_and_a_flood_is_closed() -> Result<(), Error> {
    let arena = Arc::new(Arena::new(1));
    let mut client = join(&arena, "A").await;
    for number in 0..59 + 600 {
        client.feed(input(0, number)).await?;
    }
    client.flush().await?;
    // The last one is answered after all before it have been heard.
    client.send(input(0, 1)).await?;
    client.send(input(0, 1)).await?;
    assert_eq!(close_code(client).await, Some(CloseCode::POLICY_VIOLATION));
    Ok(())
}

#[tokio::test]
async fn player_who_does_not_read_gets_every_event_and_few_states() -> Result<(), Error> {
    let arena = Arc::new(Arena::new(1));
    let mut slow = join(&arena, "Slow").await;
    for guest in 0..40 {
        let guest = join(&arena, &format!("Guest {guest}")).await;
        arena.game.tick();
        arena.game.tick();
        drop(guest);
        tokio::task::yield_now().await;
    }
    let last = 100;
    (80..last).for_each(|_| drop(arena.game.tick()));

    let (mut events, mut states) = (Vec::new(), Vec::new());
    while states.last().is_none_or(|(tick, _)| *tick < last) {
        let message = slow.recv().await?.expect("it is still connected");
        let bytes = message.as_bytes();
        if bytes[0] == 1 {
            let (view, _) = decode_state(bytes, |_| None).expect("nothing was acknowledged");
            states.push((view.tick, view.entities.len()));
        } else {
            events.push(bytes[0]);
        }
    }
    // Four were on their way, then comes the newest.
    let ticks: Vec<_> = states.iter().map(|(tick, _)| *tick).collect();
    assert_eq!(ticks, [1, 2, 3, 4, last]);
    // Its own joining is told twice: with those who are here, and as what happens.
    let own = [2, 2].into_iter();
    let expected: Vec<u8> = own.chain([2, 3].into_iter().cycle().take(80)).collect();
    assert_eq!(events, expected);
    Ok(())
}

#[tokio::test]
async fn state_builds_on_what_was_acknowledged_as_long_as_that_is_kept() -> Result<(), Error> {
    let arena = Arc::new(Arena::new(1));
    let mut client = join(&arena, "A").await;
    let mut next = async |acked, number| {
        client.send(input(acked, number)).await?;
        // Now the server hears the input.
        tokio::task::yield_now().await;
        arena.game.tick();
        loop {
            let message = client.recv().await?.expect("it is still connected");
            if let [1, a, b, c, d, back, ..] = *message.as_bytes() {
                return Ok::<_, Error>((u32::from_le_bytes([a, b, c, d]), back));
            }
        }
    };
    assert_eq!(next(0, 1).await?, (1, 0));
    assert_eq!(next(1, 2).await?, (2, 1));
    assert_eq!(next(1, 3).await?, (3, 2));
    assert_eq!(next(77, 4).await?, (4, 0), "it has never been sent");
    for tick in 5..=33 {
        assert_eq!(next(1, tick as u16).await?, (tick, (tick - 1) as u8));
    }
    assert_eq!(next(1, 34).await?, (34, 0), "it is kept no longer");
    assert_eq!(next(33, 35).await?, (35, 2));
    Ok(())
}

//! The bots: clients like the page, on a thread of their own, so that what they cost can be told from what
//! the server costs.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};
use wskit::{Error, Message};

use crate::protocol::{Entity, Up, View, decode_state};
use crate::world::{FIRE, FIRST_SHOT, Id, Point, Steer, THRUST, TICKS_PER_SEC, xorshift};

const NAMES: [&str; 10] = [
    "Vega", "Rigel", "Mira", "Altair", "Deneb", "Spica", "Nashira", "Izar", "Sirius", "Capella",
];
/// The thread's name.
const THREAD: &str = "bots";
/// At what distance a bot attacks, in 16ths of a pixel.
const ATTACK: i32 = 450 * 16;

/// What all bots have received.
#[derive(Debug, Default)]
struct Received {
    bytes: AtomicU64,
    states: AtomicU64,
}

/// Starts bots that play on the server at `address`. With `print` it says every five seconds what they cost.
pub fn start(address: SocketAddr, bots: u32, print: bool) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let run = async move {
        let received = Arc::new(Received::default());
        for number in 0..bots {
            let playing = play(address, number, received.clone());
            tokio::spawn(async move {
                if let Err(error) = playing.await {
                    eprintln!("a bot has ended: {error}");
                }
            });
            // Spread over the tick, as people are.
            sleep(Duration::from_micros(1_700)).await;
        }
        if print && bots > 0 {
            print_cost(bots, &received).await;
        }
        std::future::pending::<()>().await;
    };
    thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || runtime.block_on(run))?;
    Ok(())
}

async fn play(address: SocketAddr, number: u32, received: Arc<Received>) -> Result<(), Error> {
    let mut ws = wskit::connect(&*format!("ws://{address}/play")).await?;
    let names = NAMES.len() as u32;
    let name = format!(
        "{} {}",
        NAMES[(number % names) as usize],
        number / names + 1
    );
    ws.send(Up::Join(name).encode()).await?;
    let mut bot = Bot::new(number + 1);
    let mut steps = interval(Duration::from_secs(1) / TICKS_PER_SEC);
    loop {
        tokio::select! {
            heard = ws.recv() => {
                let Some(Message::Binary(message)) = heard? else { return Ok(()) };
                let header = if message.len() < 126 { 2 } else { 4 };
                received.bytes.fetch_add(message.len() as u64 + header, Relaxed);
                received.states.fetch_add(u64::from(message.first() == Some(&1)), Relaxed);
                bot.hear(&message);
            }
            _ = steps.tick() => ws.send(bot.act().encode()).await?,
        }
    }
}

/// What a bot knows. It flies from place to place, and shoots at those who are near.
#[derive(Debug)]
struct Bot {
    id: Id,
    views: VecDeque<View>,
    number: u16,
    goal: Point,
    random: u32,
}

impl Bot {
    fn new(seed: u32) -> Self {
        Self {
            id: 0,
            views: VecDeque::new(),
            number: 0,
            goal: Point::default(),
            random: seed.wrapping_mul(0x9e37_79b9) | 1,
        }
    }

    fn hear(&mut self, message: &[u8]) {
        if let [0, low, high] = *message {
            self.id = u16::from_le_bytes([low, high]);
        }
        let find = |tick| self.views.iter().find(|view| view.tick == tick);
        if let Some((view, _)) = decode_state(message, find) {
            // The server builds on none that is older than the last 32 ticks.
            self.views.retain(|old| old.tick + 40 > view.tick);
            self.views.push_back(view);
        }
    }

    fn act(&mut self) -> Up {
        self.number = self.number.wrapping_add(1);
        let mut steer = Steer {
            number: self.number,
            ..Steer::default()
        };
        let random = xorshift(&mut self.random);
        if random % 128 == 0 {
            self.goal = Point::random(&mut self.random);
        }
        let view = self.views.back();
        if let Some((view, me)) = view.and_then(|view| Some((view, view.find(self.id)?))) {
            let enemy = nearest(view, me);
            let to = me.at.way_to(enemy.map_or(self.goal, |enemy| enemy.at));
            steer.aim = angle_of(to);
            // They aim badly, and take breaks, so that people have a chance.
            if enemy.is_some() {
                steer.aim = steer
                    .aim
                    .wrapping_add((random >> 8) as u8 % 24)
                    .wrapping_sub(12);
                steer.buttons |= if view.tick / 16 % 4 == 0 { FIRE } else { 0 };
            }
            let thrusts = enemy.is_none() || (view.tick / 8 + u32::from(self.id)) % 3 == 0;
            steer.buttons |= if thrusts { THRUST } else { 0 };
        }
        let acked = view.map_or(0, |view| view.tick);
        Up::Input { acked, steer }
    }
}

/// Returns the nearest other ship, if one is near enough for an attack.
fn nearest(view: &View, me: Entity) -> Option<Entity> {
    let distance = |ship: &Entity| {
        let (x, y) = me.at.way_to(ship.at);
        x.pow(2) + y.pow(2)
    };
    let ships = view.entities.iter().copied();
    ships
        .filter(|ship| ship.id < FIRST_SHOT && ship.id != me.id && ship.hull() > 0)
        .filter(|ship| distance(ship) < ATTACK.pow(2))
        .min_by_key(distance)
}

#[allow(clippy::cast_sign_loss)] // The angle wraps.
fn angle_of((x, y): (i32, i32)) -> u8 {
    let turns = f64::from(y).atan2(f64::from(x)) / std::f64::consts::TAU;
    (turns * 256.0).round() as i32 as u8
}

/// Prints what a bot receives, and how busy the threads are.
async fn print_cost(bots: u32, received: &Received) {
    let mut seconds = interval(Duration::from_secs(5));
    seconds.tick().await;
    loop {
        let (begin, cpu) = (Instant::now(), cpu_times());
        received.bytes.store(0, Relaxed);
        received.states.store(0, Relaxed);
        seconds.tick().await;
        let passed = begin.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let rate = |count: u64, unit: f64| count as f64 / unit / passed;
        let each = |count: &AtomicU64| rate(count.load(Relaxed), 1.0) / f64::from(bots);
        print!(
            "{bots} bots: each {:.0} bytes and {:.1} states a second",
            each(&received.bytes),
            each(&received.states)
        );
        if let (Some(before), Some(now)) = (cpu, cpu_times()) {
            let percent = |before, now| rate(now - before, 1e7);
            print!(
                "; of one core the server takes {:.1} %",
                percent(before.0, now.0)
            );
            print!(", the bots {:.1} %", percent(before.1, now.1));
        }
        println!();
    }
}

/// Returns for how many nanoseconds the server's threads and the bots' thread have run; on Linux.
fn cpu_times() -> Option<(u64, u64)> {
    let (mut server, mut bots) = (0, 0);
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let read = |file| std::fs::read_to_string(task.path().join(file)).ok();
        let (Some(name), Some(stat)) = (read("comm"), read("schedstat")) else {
            continue; // It has ended meanwhile.
        };
        let nanos: u64 = stat.split(' ').next()?.parse().ok()?;
        *(if name.trim() == THREAD {
            &mut bots
        } else {
            &mut server
        }) += nanos;
    }
    Some((server, bots))
}

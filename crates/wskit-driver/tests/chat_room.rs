//! Simulates a chat room over a faulty network: one thread, virtual time, and a seed that decides
//! everything that happens.
//!
//! `WSKIT_CHAT_SEEDS=1000` runs a thousand seeds instead of a hundred, `WSKIT_CHAT_SEED=17` that one alone.
//! A failure prints its seed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use wskit_driver::{Client, ConnectionError, Server, WebSocket, Writer};
use wskit_proto::{CloseCode, Config, Message};
use wskit_test::{
    Executor, Fault, Faults, PipeEnd, Probe, Simulated, SimulatedIo, pause, pipe, sleep,
};

/// Clients join, send, are slow, are cut off or leave. Each of them receives a part of the same
/// sequence, without a gap, from when it joined until it left. A client that is not cut off receives
/// every message of that time, its own too, and ends cleanly. The room learns of every client's end,
/// and no client leaves anything behind.
///
/// Proves: X-io-4, X-io-5
#[test]
fn clients_that_stay_receive_the_same() {
    let number = |name: &str| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    let seeds = match number("WSKIT_CHAT_SEED") {
        Some(only) => only..only + 1,
        None => 0..number("WSKIT_CHAT_SEEDS").unwrap_or(100),
    };
    let mut met = Met::default();
    for seed in seeds.clone() {
        let _name = Named(seed);
        evening(seed, &mut met);
    }
    if seeds.end - seeds.start >= 100 {
        assert!(
            met.stayed > 100 && met.cut > 50,
            "too little happens: {met:?}"
        );
    }
}

/// What has happened in all runs: runs in which no member is ever cut off would prove nothing.
#[derive(Debug, Default)]
struct Met {
    stayed: usize,
    cut: usize,
}

struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with WSKIT_CHAT_SEED={}", self.0);
        }
    }
}

/// What one client received.
struct Seen {
    /// The first line that it received, if any, and those after it.
    lines: Vec<Vec<u8>>,
    /// How many of its own lines are in the queue for certain.
    said: u8,
    ended: Result<(), Box<dyn std::error::Error>>,
}

fn evening(seed: u64, met: &mut Met) {
    let executor = Rc::new(Executor::with_seed(seed));
    let mut random = Random(seed);
    let room = Rc::new(Room::default());
    let seen: Rc<RefCell<BTreeMap<u8, Seen>>> = Rc::default();
    let clients = 3 + random.below(6) as u8;
    let mut probes: Vec<(u8, Probe, Probe, bool)> = Vec::new();
    executor.block_on(async {
        let mut networks = Vec::new();
        for who in 0..clients {
            let (near, far) = pipe(1 + random.below(400) as usize);
            let (near_probe, far_probe) = (near.probe(), far.probe());
            let cut = random.below(3) == 0;
            for probe in [&near_probe, &far_probe] {
                let here = cut && random.below(2) == 0;
                probe.set_faults(random.faults(here));
            }
            if cut && random.below(2) == 0 {
                networks.push((near_probe.clone(), random.below(3000)));
            }
            probes.push((who, near_probe, far_probe, cut));
            executor.spawn(serve(room.clone(), far));
            executor.spawn(visit(
                seen.clone(),
                room.clone(),
                near,
                who,
                Random(seed ^ (u64::from(who) + 1) << 32),
            ));
        }
        // The network cuts some clients off, at a random time.
        for (probe, after) in networks {
            executor.spawn(async move {
                sleep::<Simulated>(Duration::from_millis(after)).await;
                probe.reset();
            });
        }
        while seen.borrow().len() < usize::from(clients) || room.served.get() < clients {
            sleep::<Simulated>(Duration::from_millis(100)).await;
        }
    });

    // No member is left in the room, and no task holds a transport.
    assert!(room.members.borrow().is_empty());
    assert_eq!(room.served.get(), clients);
    let log = room.log.borrow();
    for (who, near, far, cut) in &probes {
        assert!(near.is_dropped() && far.is_dropped(), "client {who}");
        let seen = seen.borrow();
        let seen = &seen[who];
        if let Some(first) = seen.lines.first() {
            // No line is sent twice, so its place is known.
            let from = log.iter().position(|line| &line[..] == first).unwrap();
            assert!(
                seen.lines.len() <= log.len() - from
                    && log[from..]
                        .iter()
                        .zip(&seen.lines)
                        .all(|(said, seen)| said == seen),
                "client {who} sees another evening"
            );
        }
        // Exactly what it sent, in order.
        let own: Vec<u8> = log
            .iter()
            .filter(|line| line[0] == *who)
            .map(|line| line[1])
            .collect();
        assert!(
            own.iter().copied().eq(0..own.len() as u8),
            "client {who}: {own:?}"
        );
        if *cut {
            met.cut += usize::from(seen.ended.is_err());
            continue;
        }
        met.stayed += 1;
        assert!(seen.ended.is_ok(), "client {who}: {:?}", seen.ended);
        assert_eq!(own.len(), usize::from(seen.said), "client {who}");
        let own_seen = seen.lines.iter().filter(|line| line[0] == *who).count();
        assert_eq!(own_seen, usize::from(seen.said), "client {who}");
    }
}

/// The room: its members, and what was sent.
#[derive(Default)]
struct Room {
    members: RefCell<BTreeMap<usize, Rc<Queue>>>,
    next: Cell<usize>,
    served: Cell<u8>,
    log: RefCell<Vec<Bytes>>,
}

/// What a member has not been sent yet: it may be slower than the others.
#[derive(Default)]
struct Queue {
    lines: RefCell<std::collections::VecDeque<Bytes>>,
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Queue {
    async fn next(&self) -> Option<Bytes> {
        poll_fn(|cx| {
            if let Some(line) = self.lines.borrow_mut().pop_front() {
                return Poll::Ready(Some(line));
            }
            if self.over.get() {
                return Poll::Ready(None);
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

async fn serve(room: Rc<Room>, end: PipeEnd) {
    let server = Server::<Simulated>::new(wskit_handshake::OriginPolicy::Any).config(config());
    if let Ok(ws) = server.accept(end).await {
        serve_member(&room, ws).await;
    }
    room.served.set(room.served.get() + 1);
}

async fn serve_member(room: &Room, ws: WebSocket<SimulatedIo>) {
    let (mut reader, writer) = ws.split();
    let queue = Rc::new(Queue::default());
    let number = room.next.replace(room.next.get() + 1);
    room.members.borrow_mut().insert(number, queue.clone());
    let tell = async {
        while let Some(line) = queue.next().await {
            if writer.send(line).await.is_err() {
                break;
            }
        }
    };
    let listen = async {
        while let Ok(Some(message)) = reader.recv().await {
            let line = Bytes::copy_from_slice(message.as_bytes());
            if line.is_empty() {
                // It leaves: everything up to here has to be delivered before the end.
                break;
            }
            room.log.borrow_mut().push(line.clone());
            for member in room.members.borrow().values() {
                member.lines.borrow_mut().push_back(line.clone());
                member.wake();
            }
        }
        room.members.borrow_mut().remove(&number);
        queue.over.set(true);
        queue.wake();
        reader
    };
    let (mut reader, ()) = wskit_test::join(listen, tell).await;
    let _ = wskit_test::join(writer.close(CloseCode::NORMAL, ""), async {
        while let Ok(Some(_)) = reader.recv().await {}
    })
    .await;
    assert!(writer.outcome().is_some(), "an end without an outcome");
}

/// Runs one client from its opening to its end.
async fn visit(
    seen: Rc<RefCell<BTreeMap<u8, Seen>>>,
    room: Rc<Room>,
    end: PipeEnd,
    who: u8,
    mut random: Random,
) {
    sleep::<Simulated>(Duration::from_millis(random.below(1000))).await;
    let mut lines = Vec::new();
    let said = Cell::new(0);
    let client = Client::<Simulated>::new().config(config());
    let ended = async {
        let (ws, _) = client.handshake(end, "ws://room.example/").await?;
        let (mut reader, writer) = ws.split();
        let listen = async {
            let ended = loop {
                match reader.recv().await {
                    Ok(Some(line)) => lines.push(line.as_bytes().to_vec()),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            assert!(
                matches!(reader.recv().await, Ok(None)),
                "the end is returned once"
            );
            assert!(reader.outcome().is_some(), "an end without an outcome");
            ended
        };
        let (listened, spoken) =
            wskit_test::join(listen, speak(writer, &said, who, &mut random)).await;
        listened?;
        Ok(spoken?)
    }
    .await;
    drop(room);
    let said = said.get();
    seen.borrow_mut().insert(who, Seen { lines, said, ended });
}

async fn speak(
    writer: Writer<SimulatedIo>,
    said: &Cell<u8>,
    who: u8,
    random: &mut Random,
) -> Result<(), ConnectionError> {
    for at in 0..random.below(20) as u8 {
        match random.below(3) {
            0 => sleep::<Simulated>(Duration::from_millis(random.below(300))).await,
            1 => pause().await,
            _ => {}
        }
        let mut line = vec![b'.'; 2 + random.below(700) as usize];
        line[0] = who;
        line[1] = at;
        // It reserves room first, and sometimes gives up and tries again: each line is sent once.
        let permit = loop {
            match wskit_test::cut(writer.reserve(), 1 + random.below(5) as usize).await {
                Some(permit) => break permit?,
                None => pause().await,
            }
        };
        permit.send(Message::binary(line));
        said.set(said.get() + 1);
        if random.below(2) == 0 {
            let _ = wskit_test::cut(writer.flush(), 1 + random.below(5) as usize).await;
        }
    }
    writer.send(&b""[..]).await
}

/// Keepalive is on, so a client that is cut off without a Close is found.
fn config() -> Config {
    Config::new().write_high_water(2000)
}

/// Random numbers from the seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn faults(&mut self, cut: bool) -> Faults {
        let fault = match self.below(4) {
            _ if !cut => Fault::Interrupted,
            0 => Fault::Reset,
            1 => Fault::BrokenPipe,
            2 => Fault::Eof,
            _ => Fault::ZeroWrite,
        };
        Faults {
            at: Some((fault, self.below(200) as usize)),
            one_byte_reads: self.below(8) == 0,
            one_byte_writes: self.below(8) == 0,
            pending_first: self.below(3) == 0,
            abrupt_end: self.below(4) == 0,
        }
    }
}

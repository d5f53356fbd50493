//! Measures how old a game's state is that a slow client reads over TCP, for several settings of the
//! server's lane. Prints a table.
//!
//! ```sh
//! cargo run --release --example freshness -- 30
//! ```
//!
//! A server pushes 4 kB, 20 and 200 times a second. The client receives a message, works for half a
//! second, and receives the next. All run at the same time, on the loopback interface, for as many seconds
//! as the first argument says (30).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use wskit::{
    Connector, Error, LaneConfig, OriginPolicy, Overflow, Server, SocketOptions, WebSocket,
};

/// The settings of a row.
#[derive(Clone)]
struct Setup {
    name: &'static str,
    lane: LaneConfig,
    server: SocketOptions,
    client: SocketOptions,
}

/// What a client has seen.
struct Seen {
    /// Messages that it has read.
    read: usize,
    /// How many ticks old the last one was, and the oldest of the second half.
    last: usize,
    oldest: usize,
    /// Messages that the lane has dropped.
    dropped: u64,
}

/// How long the client works on a message.
const WORK: Duration = Duration::from_millis(500);

fn setups() -> Vec<Setup> {
    let free = SocketOptions::new();
    let small = free.send_buffer(8 << 10).unsent(4 << 10);
    let lane = LaneConfig::new().overflow(Overflow::LatestOnly);
    let row = |name, lane: &LaneConfig, server, client| Setup {
        name,
        lane: lane.clone(),
        server,
        client,
    };
    vec![
        row("`LatestOnly` alone", &lane, free, free),
        row("with `unsent(4096)`", &lane, free.unsent(4 << 10), free),
        row("with a small send buffer", &lane, small, free),
        row(
            "with small buffers at both ends",
            &lane,
            small,
            free.receive_buffer(8 << 10),
        ),
        row("`paced(1)`", &lane.clone().paced(1), free, free),
        row("`paced(2)`", &lane.clone().paced(2), free, free),
        row(
            "`paced_by_delay(100 ms)`",
            &lane.clone().paced_by_delay(WORK / 5),
            free,
            free,
        ),
    ]
}

/// Runs one server and one client.
async fn measure(setup: Setup, tick: Duration, length: Duration) -> Result<Seen, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = Server::new(OriginPolicy::Any).socket_options(setup.server);
    let connector = Connector::new().socket_options(setup.client);
    let accepting = async { Ok::<_, Error>(server.accept(listener.accept().await?.0).await?) };
    let connecting = async { Ok::<_, Error>(connector.connect(&*url).await?) };
    let (server, (mut client, _)) = tokio::try_join!(accepting, connecting)?;

    let now = Arc::new(AtomicUsize::new(0));
    let pushing = tokio::spawn(push(server, setup.lane, tick, length, now.clone()));
    let begin = Instant::now();
    let mut seen = Seen {
        read: 0,
        last: 0,
        oldest: 0,
        dropped: 0,
    };
    while begin.elapsed() < length {
        let Some(message) = client.recv().await? else {
            break;
        };
        let number = message
            .as_bytes()
            .first_chunk()
            .map_or(0, |first| usize::from_be_bytes(*first));
        seen.read += 1;
        seen.last = now.load(Ordering::Relaxed).saturating_sub(number);
        if begin.elapsed() > length / 2 {
            seen.oldest = seen.oldest.max(seen.last);
        }
        sleep(WORK).await;
    }
    drop(client);
    seen.dropped = pushing.await.unwrap_or_default();
    Ok(seen)
}

/// Pushes the number of each tick. Returns how many were dropped.
async fn push(
    ws: WebSocket<tokio::net::TcpStream>,
    lane: LaneConfig,
    tick: Duration,
    length: Duration,
    now: Arc<AtomicUsize>,
) -> u64 {
    let (mut reader, writer) = ws.split();
    let mut lane = writer.lane(lane);
    // A paced lane goes on when the reader has seen a pong.
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
    let end = Instant::now() + length;
    let mut ticks = interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut state = vec![0; 4000];
    for number in 0_usize.. {
        ticks.tick().await;
        if let Some(to) = state.first_chunk_mut() {
            *to = number.to_be_bytes();
        }
        now.store(number, Ordering::Relaxed);
        if Instant::now() >= end || lane.push(state.clone()).is_err() {
            break;
        }
    }
    let dropped = lane.dropped();
    sleep_until(end + WORK).await;
    reading.abort();
    dropped
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(30);
    let length = Duration::from_secs(seconds);
    for rate in [20, 200] {
        let tick = Duration::from_secs(1) / rate;
        let tasks = setups().into_iter().map(|setup| {
            let name = setup.name;
            (name, tokio::spawn(measure(setup, tick, length)))
        });
        let tasks: Vec<_> = tasks.collect();
        println!("{rate} messages of 4 kB a second, after {seconds} s:\n");
        println!("| lane | read | age of the last | oldest of the second half | dropped |");
        println!("|---|---|---|---|---|");
        for (name, task) in tasks {
            let Ok(seen) = task.await else { continue };
            let seen = seen?;
            let seconds =
                |ticks: usize| (tick * u32::try_from(ticks).unwrap_or(u32::MAX)).as_secs_f64();
            println!(
                "| {name} | {} | {} ticks, {:.2} s | {:.2} s | {} |",
                seen.read,
                seen.last,
                seconds(seen.last),
                seconds(seen.oldest),
                seen.dropped
            );
        }
        println!();
    }
    Ok(())
}

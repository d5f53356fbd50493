use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use wskit::BoxError;

use super::{Bed, Cores, percentile};
use crate::args::Args;

const TOPICS: u64 = 60;
const PUBLISHERS: u64 = 12;
const PAYLOAD: usize = 128;
/// How long each rate is measured.
const POINT: Duration = Duration::from_secs(4);

/// What arrived: how long after it was sent, in microseconds.
#[derive(Default)]
struct Arrived {
    is_counted: AtomicBool,
    times: Mutex<Vec<u64>>,
}

/// Publishes a second to topics with ten subscribers each, spread over three nodes: up to saturation.
pub(super) fn run(args: &Args, runtime: &Handle) -> Result<(), Box<dyn Error>> {
    let subscribers: u64 = args.or("subscribers", 10)?;
    let bed = Bed::start(args, 3)?;
    let urls = bed.urls();
    let start = Instant::now();
    let arrived = Arc::new(Arrived::default());
    let rate = Arc::new(AtomicU64::new(0));
    let connected = runtime.block_on(connect(&urls, subscribers, start, &arrived, &rate));
    connected.map_err(|error| error.to_string())?;
    println!(
        "{} to {subscribers} subscribers each, of {PAYLOAD} bytes, {TOPICS} topics, 3 nodes",
        bed.url
    );
    println!("\n| publishes/s | delivered/s | p50 ms | p99 ms | max ms | nodes | engine | load |");
    println!("|---|---|---|---|---|---|---|---|");
    for offered in [
        250, 500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000, 24_000,
    ] {
        rate.store(offered, Ordering::Relaxed);
        // What is slow at first is not the rate.
        std::thread::sleep(Duration::from_secs(1));
        arrived.is_counted.store(true, Ordering::Relaxed);
        let (load, began) = ([std::process::id()], Instant::now());
        let before = Cores::read(&bed, &load);
        std::thread::sleep(POINT);
        arrived.is_counted.store(false, Ordering::Relaxed);
        let seconds = began.elapsed().as_secs_f64();
        let cores = Cores::read(&bed, &load).since(before, seconds);
        let mut times = std::mem::take(&mut *arrived.times.lock().expect("no task panics"));
        times.sort_unstable();
        let delivered = times.len() as f64 / seconds;
        let ms = |share| percentile(&times, share) as f64 / 1000.0;
        println!(
            "| {offered} | {delivered:.0} | {:.2} | {:.2} | {:.1} | {cores} |",
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
        // More would only wait.
        if delivered < 0.9 * (offered * subscribers) as f64 || ms(0.99) > 250.0 {
            break;
        }
    }
    Ok(())
}

async fn connect(
    urls: &[String],
    subscribers: u64,
    start: Instant,
    arrived: &Arc<Arrived>,
    rate: &Arc<AtomicU64>,
) -> Result<(), BoxError> {
    for number in 0..TOPICS * subscribers {
        let url = &urls[number as usize % urls.len()];
        let mut ws = wskit::connect(url).await?;
        ws.send(format!("m:{}", number / subscribers)).await?;
        timeout(Duration::from_secs(10), ws.recv()).await??;
        let arrived = arrived.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = ws.recv().await {
                let Some(sent) = message.as_bytes().first_chunk::<8>() else {
                    continue;
                };
                if arrived.is_counted.load(Ordering::Relaxed) {
                    let now = start.elapsed().as_micros() as u64;
                    let time = now.saturating_sub(u64::from_be_bytes(*sent));
                    arrived.times.lock().expect("no task panics").push(time);
                }
            }
        });
    }
    for number in 0..PUBLISHERS {
        let mut ws = wskit::connect(&urls[number as usize % urls.len()]).await?;
        let rate = rate.clone();
        tokio::spawn(async move {
            sleep(Duration::from_micros(number * 80)).await;
            let mut clock = interval(Duration::from_millis(1));
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut last, mut owed, mut topic) = (Instant::now(), 0.0, number);
            let mut payload = [0; 2 + PAYLOAD];
            loop {
                clock.tick().await;
                let mine = rate.load(Ordering::Relaxed) as f64 / PUBLISHERS as f64;
                let passed = std::mem::replace(&mut last, Instant::now());
                owed = f64::min(owed + mine * passed.elapsed().as_secs_f64(), mine);
                while owed >= 1.0 {
                    owed -= 1.0;
                    topic = (topic + PUBLISHERS + 1) % TOPICS;
                    payload[..2].copy_from_slice(&(topic as u16).to_be_bytes());
                    let now = start.elapsed().as_micros() as u64;
                    payload[2..10].copy_from_slice(&now.to_be_bytes());
                    if ws.send(&payload[..]).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
    Ok(())
}

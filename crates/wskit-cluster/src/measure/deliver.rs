use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::load::now;
use super::{Bed, Cores};
use crate::args::Args;
use crate::child::{Crowd, memory};

/// Deliveries a second from one topic to as many sockets as three processes may open.
pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    // Some files are not sockets.
    let sockets: usize = args.or("sockets", 19_000)?;
    let bed = Bed::start(args, 3)?;
    let began = Instant::now();
    let mut crowds = Vec::new();
    for url in bed.urls() {
        let options = ["load", "--url", &url, "--sockets", &sockets.to_string()];
        crowds.push(Crowd::start(&options, bed.folder())?);
    }
    for crowd in &mut crowds {
        crowd.wait("ready")?;
    }
    let all = 3 * sockets;
    let load: Vec<_> = crowds.iter().map(Crowd::id).collect();
    let bytes: u64 = bed.node_ids().into_iter().map(memory).sum();
    println!(
        "{all} sockets in {:.0} s, {} bytes each in the nodes",
        began.elapsed().as_secs_f64(),
        bytes / all as u64
    );
    println!(
        "\n| publishes at once | deliveries | seconds | deliveries/s | slowest ms | nodes | engine | load |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let publisher = Publisher::connect(&bed.urls()[0])?;
    let mut total = 0;
    for burst in [1, 1, 4, 16] {
        let (before, began) = (Cores::read(&bed, &load), Instant::now());
        for _ in 0..burst {
            publisher.publish(0)?;
        }
        total += (burst * all) as u64;
        let mut longest = 0;
        loop {
            let mut seen = 0;
            for crowd in &mut crowds {
                let (messages, slowest) = crowd.seen()?;
                seen += messages;
                longest = longest.max(slowest);
            }
            if seen >= total {
                break;
            }
            if began.elapsed() > Duration::from_secs(20) {
                return Err(format!("only {seen} of {total} messages have come").into());
            }
            sleep(Duration::from_millis(20));
        }
        let seconds = began.elapsed().as_secs_f64();
        let cores = Cores::read(&bed, &load).since(before, seconds);
        let count = burst * all;
        println!(
            "| {burst} | {count} | {seconds:.2} | {:.0} | {:.0} | {cores} |",
            count as f64 / seconds,
            longest as f64 / 1000.0
        );
        sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// A connection by which messages are published.
pub(super) struct Publisher {
    runtime: tokio::runtime::Handle,
    ws: std::sync::Mutex<wskit::WebSocket<wskit::ClientStream>>,
}

impl Publisher {
    pub(super) fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Handle::current();
        let ws = runtime.block_on(wskit::connect(url))?;
        let ws = std::sync::Mutex::new(ws);
        Ok(Self { runtime, ws })
    }

    /// Publishes the time to a topic.
    pub(super) fn publish(&self, topic: u16) -> Result<(), Box<dyn Error>> {
        let mut payload = [0; 130];
        payload[..2].copy_from_slice(&topic.to_be_bytes());
        payload[2..10].copy_from_slice(&now().to_be_bytes());
        let mut ws = self.ws.lock().expect("no task panics");
        Ok(self.runtime.block_on(ws.send(&payload[..]))?)
    }
}

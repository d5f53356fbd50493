//! Many sockets in one process of their own, as a process may open 20,000 files.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::Args;

#[derive(Default)]
struct Seen {
    messages: AtomicU64,
    /// The longest time of a message, in microseconds, since it was last asked for.
    longest: AtomicU64,
}

/// `load --url URL --sockets N --topics N [--after POSITION,…]`: connects, subscribes, prints `ready`, and for
/// each line of its input prints how many messages have come and how long the slowest took.
pub(crate) async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let url: Arc<str> = args.need("url")?.into();
    let sockets: usize = args.or("sockets", 1000)?;
    let topics: usize = args.or("topics", 1)?;
    let after: Arc<[String]> = args
        .get("after")
        .map(|after| after.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    let seen = Arc::new(Seen::default());
    let mut opening = JoinSet::new();
    for number in 0..sockets {
        if opening.len() >= 256 {
            opening.join_next().await;
        }
        let (url, after, seen) = (url.clone(), after.clone(), seen.clone());
        opening.spawn(async move {
            let topic = number % topics;
            if let Err(error) = follow(&url, topic, after.get(topic), seen).await {
                eprintln!("socket {number}: {error}");
            }
        });
    }
    while opening.join_next().await.is_some() {}
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let longest = seen.longest.swap(0, Ordering::Relaxed);
        println!("seen {} {longest}", seen.messages.load(Ordering::Relaxed));
    }
    Ok(())
}

async fn follow(
    url: &str,
    topic: usize,
    after: Option<&String>,
    seen: Arc<Seen>,
) -> Result<(), wskit::BoxError> {
    let mut ws = timeout(Duration::from_secs(60), wskit::connect(url)).await??;
    match after {
        Some(after) => ws.send(format!("m:{topic} {after}")).await?,
        None => {
            ws.send(format!("m:{topic}")).await?;
            timeout(Duration::from_secs(60), ws.recv()).await??;
        }
    }
    tokio::spawn(async move {
        while let Ok(Some(message)) = ws.recv().await {
            let Some(sent) = message.as_bytes().first_chunk::<8>() else {
                continue;
            };
            let time = now().saturating_sub(u64::from_be_bytes(*sent));
            seen.longest.fetch_max(time, Ordering::Relaxed);
            seen.messages.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// The time in microseconds, the same for all processes of the machine.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_micros() as u64
}

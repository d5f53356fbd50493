//! Clients of several kinds, in one process. What they do is ordered by lines on the standard input.

mod centrifuge;
mod own;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::broadcast;

use self::centrifuge::Centrifuge;
use self::own::Own;
use crate::args::Args;
use crate::log::Log;
use crate::random::Random;
use crate::topics::{self, SECRET};

/// What clients are told to do.
#[derive(Clone, Debug)]
enum Order {
    /// To publish nothing new.
    Stop,
    /// To read nothing for a while.
    Stall(String, Duration),
    /// To end for good.
    Bye(String),
    /// To be absent for three seconds.
    Absent(String),
    /// To have one's grant of the secret topic withdrawn.
    Revoke,
}

impl Order {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let order = words.next()?;
        let name = words.next().unwrap_or_default().to_owned();
        Some(match order {
            "stop" => Self::Stop,
            "stall" => Self::Stall(name, Duration::from_millis(words.next()?.parse().ok()?)),
            "bye" => Self::Bye(name),
            "absent" => Self::Absent(name),
            "revoke" => Self::Revoke,
            _ => return None,
        })
    }
}

/// How a client publishes: one message in a while, to one of the topics.
#[derive(Clone, Debug)]
struct Work {
    every: Duration,
    topics: Arc<[String]>,
}

/// Runs clients until the input ends: `--urls`, `--log`, `--own`, `--topics`, `--rate`, `--seed`.
pub(crate) async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let urls: Arc<[String]> = args.need("urls")?.split(',').map(str::to_owned).collect();
    let log = Arc::new(Log::create(Path::new(args.need("log")?))?);
    let count: usize = args.or("own", 140)?;
    let topics: usize = args.or("topics", 20)?;
    let rate: f64 = args.or("rate", 60.0)?;
    let seed: u64 = args.or("seed", 1)?;
    let all: Arc<[String]> = (0..topics).map(topics::name).collect();
    let (orders, _) = broadcast::channel(1024);
    let work = Work {
        every: Duration::from_secs_f64(count as f64 / rate),
        topics: all.clone(),
    };
    let mut tasks = Vec::new();
    let mut start = |own: Own| tasks.push(tokio::spawn(own.run(orders.subscribe())));
    for number in 0..count {
        let mut random = Random::new(seed ^ ((number as u64 + 1) << 32));
        // Each topic has as many subscribers as the others, and a client three topics.
        let mut mine: Vec<_> = (0..3)
            .map(|i| all[(number * 3 + i * 7) % topics].clone())
            .collect();
        mine.dedup();
        start(Own {
            name: format!("own-{number}"),
            urls: urls.clone(),
            enters: Some(random.of(&mine).clone()),
            topics: mine,
            knows_secret: false,
            work: Some(work.clone()),
            random,
            log: log.clone(),
        });
    }
    for (name, knows_secret) in [
        ("key-0", true),
        ("key-1", true),
        ("spy-0", false),
        ("spy-1", false),
    ] {
        let secret: Arc<[String]> = Arc::new([SECRET.to_owned()]);
        let every = Duration::from_millis(500);
        start(Own {
            name: name.into(),
            urls: urls.clone(),
            topics: secret.to_vec(),
            enters: None,
            knows_secret,
            work: knows_secret.then_some(Work {
                every,
                topics: secret,
            }),
            random: Random::new(seed ^ name.len() as u64),
            log: log.clone(),
        });
    }
    let several: usize = args.or("centrifuge", 0)?;
    for number in 0..several {
        let mine = (0..3).map(|i| all[(number * 3 + i * 7 + 1) % topics].clone());
        let every = Duration::from_secs_f64(several as f64 * 10.0 / rate);
        let client = Centrifuge {
            name: format!("cf-{number}"),
            url: urls[number % urls.len()].clone(),
            is_binary: number % 2 == 1,
            topics: mine.collect(),
            work: Some(Work {
                every,
                topics: all.clone(),
            }),
            random: Random::new(seed ^ ((number as u64 + 1) << 40)),
            log: log.clone(),
        };
        tasks.push(tokio::spawn(client.run(orders.subscribe())));
    }
    let flushing = log.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            flushing.flush();
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(order) = Order::parse(&line) {
            let _ = orders.send(order);
        }
    }
    // The end of the orders ends the clients.
    drop(orders);
    for task in tasks {
        let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
    }
    log.flush();
    Ok(())
}

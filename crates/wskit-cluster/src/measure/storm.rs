use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::deliver::Publisher;
use super::{Bed, Cores};
use crate::args::Args;
use crate::child::Crowd;
use crate::look;

const TOPICS: usize = 20;
/// Messages of each topic that those who come back have missed.
const MISSED: usize = 25;

/// Ten thousand clients come back to two nodes at once, each after a position.
pub(super) fn run(args: &Args, runtime: &Handle) -> Result<(), Box<dyn Error>> {
    let clients: usize = args.or("clients", 10_000)?;
    let bed = Bed::start(args, 3)?;
    let publisher = Publisher::connect(&bed.urls()[0])?;
    let names: Vec<_> = (0..TOPICS).map(|topic| format!("m:{topic}")).collect();
    let publish = |count: usize| {
        for _ in 0..count {
            for topic in 0..TOPICS {
                publisher.publish(topic as u16)?;
            }
        }
        // They are answered some time later.
        sleep(Duration::from_secs(2));
        Ok::<_, Box<dyn Error>>(())
    };
    publish(5)?;
    let url = format!("ws://127.0.0.1:{}", bed.ports[0]);
    let after = runtime.block_on(look::tops(&url, &names))?.join(",");
    publish(MISSED)?;

    let before: Vec<_> = bed
        .ports
        .iter()
        .map(|port| reads(*port))
        .collect::<Result<_, _>>()?;
    let began = Instant::now();
    let mut crowds = Vec::new();
    for url in &bed.urls()[1..] {
        let (sockets, topics) = ((clients / 2).to_string(), TOPICS.to_string());
        let options = [
            "load",
            "--url",
            url,
            "--sockets",
            &sockets,
            "--topics",
            &topics,
            "--after",
            &after,
        ];
        crowds.push(Crowd::start(&options, bed.folder())?);
    }
    let load: Vec<_> = crowds.iter().map(Crowd::id).collect();
    let cores = Cores::read(&bed, &load);
    for crowd in &mut crowds {
        crowd.wait("ready")?;
    }
    let wanted = (clients / 2 * 2 * MISSED) as u64;
    loop {
        let mut seen = 0;
        for crowd in &mut crowds {
            seen += crowd.seen()?.0;
        }
        if seen >= wanted {
            break;
        }
        if began.elapsed() > Duration::from_secs(90) {
            return Err(format!("only {seen} of {wanted} messages have come").into());
        }
        sleep(Duration::from_millis(20));
    }
    let seconds = began.elapsed().as_secs_f64();
    let cores = Cores::read(&bed, &load).since(cores, seconds);
    println!(
        "| clients | topics | missed by each | seconds to all | reads of the engine, of two nodes | a topic and node | nodes | engine | load |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut all = 0;
    for (port, before) in bed.ports.iter().zip(before).skip(1) {
        all += reads(*port)? - before;
    }
    println!(
        "| {clients} | {TOPICS} | {MISSED} | {seconds:.1} | {all} | {:.2} | {cores} |",
        all as f64 / (2 * TOPICS) as f64
    );
    Ok(())
}

/// How many histories a node has read from the engine.
fn reads(port: u16) -> Result<u64, Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let reads = answer.split_once(" reads: ").map(|(_, rest)| rest);
    let reads = reads.and_then(|rest| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    });
    Ok(reads.ok_or("the node did not tell its counts")?)
}

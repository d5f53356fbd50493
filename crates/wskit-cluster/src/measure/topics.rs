use std::error::Error;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use wskit::hub::{Hub, Limits, Publication};

use super::Bed;
use crate::args::Args;
use crate::engine::engine;
use crate::topics::rules;

/// Bytes of a topic in the engine, by the number of its messages.
pub(super) fn run(args: &Args, runtime: &Handle) -> Result<(), Box<dyn Error>> {
    let topics: usize = args.or("topics", 5000)?;
    println!(
        "| engine | messages of 128 bytes | topics | bytes of a topic in the engine | in the hub |"
    );
    println!("|---|---|---|---|---|");
    for messages in [1, 16, 64] {
        // Servers that have had nothing else.
        let bed = Bed::start(args, 0)?;
        let before = bed.engine_bytes();
        let limits = Limits::new();
        let hub = runtime.block_on(async {
            let hub = Hub::builder(rules).limits(limits);
            let hub = engine(hub, &bed.url, args.has("memory")).await?.build();
            tokio::spawn(hub.drive(tokio::time::sleep));
            // It connects meanwhile.
            tokio::time::sleep(Duration::from_secs(1)).await;
            fill(&hub, topics, messages).await?;
            Ok::<_, Box<dyn Error>>(hub)
        })?;
        std::thread::sleep(Duration::from_secs(2));
        let engine = bed.engine_bytes().saturating_sub(before) / topics as u64;
        println!(
            "| {} | {messages} | {topics} | {engine} | {} |",
            args.need("engine")?,
            hub.held().topic_bytes / topics
        );
    }
    Ok(())
}

async fn fill(hub: &Hub, topics: usize, messages: usize) -> Result<(), Box<dyn Error>> {
    let mut publishing = JoinSet::new();
    for topic in 0..topics {
        if publishing.len() >= 256 {
            if let Some(done) = publishing.join_next().await {
                done??;
            }
        }
        let hub = hub.clone();
        publishing.spawn(async move {
            for _ in 0..messages {
                let publication = Publication::binary(vec![7; 128]);
                hub.publish(&format!("m:{topic}"), publication).await?;
            }
            Ok::<_, wskit::hub::Error>(())
        });
    }
    while let Some(done) = publishing.join_next().await {
        done??;
    }
    Ok(())
}

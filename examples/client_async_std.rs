//! A terminal client on async-std: lines in, messages out, a clean close on Ctrl-D.
//!
//! ```sh
//! cargo run --example echo_server                  # in another terminal
//! cargo run --features async-std --example client_async_std -- ws://127.0.0.1:9001
//! ```
//!
//! Build with `--features async-std,tls` for `wss://`.

use async_std::io::{BufReader, prelude::BufReadExt, stdin};
use async_std::stream::StreamExt;
use async_std::task;
use futures_util::future::{Either, select};
use wskit::{CloseCode, Error, async_std::connect};

fn main() {
    if let Err(error) = task::block_on(talk()) {
        eprintln!("{error}");
        std::process::exit(1);
    }
    // The thread that reads the terminal cannot be stopped.
    std::process::exit(0)
}

async fn talk() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let ws = connect(&url).await?;
    eprintln!("connected to {url}; Ctrl-D closes");

    // The reader answers pings and Closes while the terminal is silent.
    let (mut reader, writer) = ws.split();
    let mut receiving = task::spawn(async move {
        while let Some(message) = reader.recv().await? {
            println!("{message}");
        }
        Ok::<_, Error>(reader)
    });

    let mut lines = BufReader::new(stdin()).lines();
    loop {
        match select(lines.next(), &mut receiving).await {
            Either::Left((Some(line), _)) => writer.send(line?).await?,
            Either::Left((None, receiving)) => {
                // Ctrl-D. The reader prints what the server still sends.
                writer.close(CloseCode::NORMAL, "bye").await?;
                receiving.await?;
                break;
            }
            Either::Right((ended, _)) => {
                ended?;
                break;
            }
        }
    }
    if let Some(outcome) = writer.outcome() {
        eprintln!("{outcome}");
    }
    Ok(())
}

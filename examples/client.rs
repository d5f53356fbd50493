//! A terminal client: lines in, messages out, a clean close on Ctrl-D.
//!
//! ```sh
//! cargo run --example echo_server                       # in another terminal
//! cargo run --example client -- ws://127.0.0.1:9001     # which is the default
//! ```
//!
//! Build with `--features tls` for `wss://`.

use tokio::io::{AsyncBufReadExt, BufReader};
use wskit::{CloseCode, Error};

#[tokio::main]
async fn main() {
    if let Err(error) = talk().await {
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
    let ws = wskit::connect(&url).await?;
    eprintln!("connected to {url}; Ctrl-D closes");

    // The reader answers pings and Closes while the terminal is silent.
    let (mut reader, writer) = ws.split();
    let receiving = tokio::spawn(async move {
        while let Some(message) = reader.recv().await? {
            println!("{message}");
        }
        Ok::<_, Error>(reader)
    });

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut receiving = std::pin::pin!(receiving);
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => writer.send(line).await?,
                None => {
                    // Ctrl-D. The reader prints what the server still sends.
                    writer.close(CloseCode::NORMAL, "bye").await?;
                    receiving.as_mut().await??;
                    break;
                }
            },
            ended = &mut receiving => {
                ended??;
                break;
            }
        }
    }
    if let Some(outcome) = writer.outcome() {
        eprintln!("{outcome}");
    }
    Ok(())
}

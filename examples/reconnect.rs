//! A client that reconnects: stop its server and start it again.
//!
//! ```sh
//! cargo run --example echo_server                          # in another terminal: stop and start it
//! cargo run --example reconnect -- ws://127.0.0.1:9001
//! ```
//!
//! It sends a line a second, prints what comes back and each loss, and closes the connection on Ctrl-C.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use wskit::reconnect::{Backoff, Event};
use wskit::{ClientRequest, CloseCode, Connector, Error, Overflow, ReconnectHandle};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:9001".into());
    // Short delays, because a person is watching. The defaults are kinder to a server with many clients.
    let soon = Backoff::new()
        .first(Duration::from_secs(1))
        .most(Duration::from_secs(8));
    let (mut events, handle) = Connector::new()
        .reconnect(ClientRequest::new(&url)?)
        .on_open(|mut ws| async move { Ok(ws.send("I am back").await?) })
        .backoff(soon)
        .spawn(1000, Overflow::DropOldest);
    tokio::spawn(send_lines(handle.clone()));

    // Made once: a future made anew in each turn of the loop would miss a signal that comes in between.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            event = events.next() => match event? {
                Some(Event::Opened) => println!("connected"),
                Some(Event::Message(message)) => println!("< {}", message.as_text().unwrap_or("(binary)")),
                Some(Event::Lost { loss, retry_in }) => println!("{loss}; again in {retry_in:.1?}"),
                Some(_) => {}
                None => return Ok(()),
            },
            _ = &mut interrupted => {
                let outcome = handle.close(CloseCode::NORMAL, "interrupted").await?;
                println!("{}", outcome.map_or("no connection".into(), |outcome| outcome.to_string()));
                return Ok(());
            }
        }
    }
}

/// Sends a line a second while there is a connection.
async fn send_lines(handle: ReconnectHandle) -> Result<(), Error> {
    let mut clock = interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    loop {
        handle.wait_connected().await?;
        clock.tick().await;
        match handle.send(&format!("line {sent}")).await {
            Ok(()) => sent += 1,
            // Sent again once there is a connection.
            Err(Error::NotConnected) => {}
            Err(error) => return Err(error),
        }
    }
}

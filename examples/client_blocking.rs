//! A terminal client without async: one thread reads the terminal, the other receives.
//!
//! ```sh
//! cargo run --features blocking --example echo_server_blocking                      # in another terminal
//! cargo run --features blocking --example client_blocking -- ws://127.0.0.1:9001    # which is the default
//! ```
//!
//! Build with `--features blocking,tls` for `wss://`.

use std::io;
use std::process::ExitCode;
use std::thread;

use wskit_blocking::{CloseCode, Error, connect};

fn main() -> ExitCode {
    match talk() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn talk() -> Result<(), Error> {
    let url = std::env::args().nth(1);
    let url = url.as_deref().unwrap_or("ws://127.0.0.1:9001");
    let (reader, writer) = connect(url)?.split();
    eprintln!("connected to {url}; Ctrl-D closes");

    let sender = writer.clone();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return; // the other thread says why
            }
        }
        let _ = sender.close(CloseCode::NORMAL, "bye");
    });
    // Answers pings and Closes too, while the terminal is silent.
    for message in reader {
        println!("{}", message?);
    }
    if let Some(outcome) = writer.outcome() {
        eprintln!("{outcome}");
    }
    Ok(())
}

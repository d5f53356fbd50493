//! The client of the Autobahn|Testsuite, on the blocking half: runs every case of the fuzzing server at
//! `$AUTOBAHN_URL`, with compression offered.
//!
//! ```sh
//! cargo build --release -p wskit-tungstenite --example autobahn_client --features deflate
//! examples/interop/autobahn/autobahn client -- target/release/examples/autobahn_client
//! ```

use std::net::TcpStream;

use wskit_tungstenite as tungstenite;

use tungstenite::client::connect_with_config;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Deflate, Error, Result, WebSocket};

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

fn main() -> Result<()> {
    let server = std::env::var("AUTOBAHN_URL").unwrap_or("ws://127.0.0.1:9001".to_owned());
    let cases = count(open(&format!("{server}/getCaseCount"))?)?;
    for case in 1..=cases {
        let url = format!("{server}/runCase?case={case}&agent=wskit-tungstenite");
        // The cases break the rules on purpose: most end with an error.
        if let Err(error @ (Error::Http(_) | Error::Url(_))) = run(open(&url)?) {
            eprintln!("case {case}: {error}");
        }
    }
    let mut ws = open(&format!("{server}/updateReports?agent=wskit-tungstenite"))?;
    ws.close(None)?;
    while ws.read().is_ok() {}
    Ok(())
}

fn open(url: &str) -> Result<Socket> {
    let config = WebSocketConfig::default().deflate(Deflate::default());
    Ok(connect_with_config(url, Some(config), 0)?.0)
}

fn count(mut ws: Socket) -> Result<u32> {
    let count = ws.read()?.to_text()?.parse();
    ws.close(None)?;
    while ws.read().is_ok() {}
    count.map_err(|_| Error::Utf8("the number of cases is no number".to_owned()))
}

fn run(mut ws: Socket) -> Result<()> {
    loop {
        let message = ws.read()?;
        if message.is_text() || message.is_binary() {
            ws.send(message)?;
        }
    }
}

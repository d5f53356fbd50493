//! The echo server without async: a thread for each connection.
//!
//! ```sh
//! cargo run --features blocking --example echo_server_blocking    # listens on 127.0.0.1:9001
//! cargo run --features blocking --example client_blocking         # in another terminal: type a line
//! ```

use std::thread;

use wskit_blocking::{Error, Incoming, Listener, OriginPolicy, Server};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:9001");
    let server = Server::new(OriginPolicy::SameOrigin); // whose pages may connect is always decided
    let listener = Listener::bind(address, server)?;
    for incoming in listener.incoming() {
        thread::spawn(|| match echo(incoming) {
            Err(error) if !error.is_disconnect() => eprintln!("{error}"),
            _ => {}
        });
    }
    Ok(())
}

fn echo(incoming: Incoming) -> Result<(), Error> {
    let mut ws = incoming.accept()?; // in its thread, so that a slow client holds up no other
    while let Some((message, out)) = ws.recv_ref()? {
        out.feed(message)?; // leaves when there is nothing more to receive for now
    }
    Ok(())
}

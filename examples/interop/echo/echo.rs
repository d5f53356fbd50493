//! The echo server of the interop checks, on any runtime: its settings and one connection.

use wskit::driver::{Server, Transport, WebSocket};
use wskit::{CloseCode, Config, Error, OriginPolicy, PreparedMessage};

#[path = "../compression.rs"]
mod compression;

/// Returns the server that the command line asks for.
///
/// # Errors
/// The part of the command line that is wrong.
pub(crate) fn server<R>() -> Result<Server<R>, String> {
    // Pages of any origin may use the echo: it holds no secrets.
    let server = Server::new(OriginPolicy::Any)
        .config(Config::new().max_message_size(64 << 20))
        .protocols(["echo"]);
    let deflate = compression::from_arguments(wskit::deflate::Config::server())?;
    Ok(match deflate {
        Some(config) => server.deflate(config),
        None => server,
    })
}

/// Echoes every message of one connection.
///
/// # Errors
/// How it ended, if not cleanly.
pub(crate) async fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        if message.as_text() == Some("close me") {
            ws.start_close(CloseCode::new(4002), "as you wish")?;
            continue;
        }
        // Encoded and compressed without reference to earlier messages.
        if let Some(text) = message
            .as_text()
            .and_then(|text| text.strip_prefix("prepare "))
        {
            out.feed(&PreparedMessage::text(text))?;
            continue;
        }
        out.feed(message)?;
    }
    Ok(())
}

/// Returns whether `--tls` is among the arguments.
#[cfg(feature = "tls")]
#[must_use]
pub(crate) fn wants_tls() -> bool {
    std::env::args().any(|argument| argument == "--tls")
}

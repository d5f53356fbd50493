//! The echo server, whatever it runs on: its settings, one connection, its certificate.

use std::net::SocketAddr;

use wskit::driver::{Runtime, Server};
use wskit::{CloseCode, Config, Error, OriginPolicy, PreparedMessage};

use crate::compression;

/// A server as the command line asks for.
///
/// # Errors
/// What is wrong with the command line.
pub fn server<R>() -> Result<Server<R>, String> {
    // Any page may use an echo: it knows no secrets and does what it is told.
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
pub async fn echo<R: Runtime<S>, S: 'static>(server: &Server<R>, stream: S) -> Result<(), Error> {
    let mut ws = server.accept(stream).await?;
    // The fast loop: what is fed leaves when there is nothing more to receive for now, so a burst of
    // messages costs one read and one write.
    while let Some((message, out)) = ws.recv_ref().await? {
        if message.as_text() == Some("close me") {
            ws.start_close(CloseCode::new(4002), "as you wish")?;
            continue;
        }
        // Encoded (and compressed) once, whatever was said before.
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

/// Says how a connection ended, if that is worth saying.
pub fn report(peer: SocketAddr, result: Result<(), Error>) {
    match result {
        Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
        _ => {}
    }
}

/// Whether `--tls` is among the arguments.
#[cfg(feature = "tls")]
#[must_use]
pub fn wants_tls() -> bool {
    std::env::args().any(|argument| argument == "--tls")
}

/// A certificate for this machine, written where a client can find it, and its key, both as PEM.
///
/// # Errors
/// It could not be made or written.
#[cfg(feature = "tls")]
pub fn certificate() -> Result<(String, String), Box<dyn std::error::Error>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let path = std::env::temp_dir().join(format!("wskit-echo-{}.pem", std::process::id()));
    std::fs::write(&path, made.cert.pem())?;
    println!("certificate: {}", path.display());
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

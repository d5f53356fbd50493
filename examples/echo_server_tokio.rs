//! Echoes every message.
//!
//! `cargo run --release --example echo-server-tokio -- [ADDRESS] [--deflate]`; `--deflate` agrees to
//! compression. With `--features tls` and `--tls` it speaks `wss://`, with a certificate made on the
//! spot.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use wskit::{CloseCode, Config, Error, Origin, PreparedMessage, Server};
use wskit_examples::compression;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(wskit_examples::address()).await?;
    // Any page may use an echo: it knows no secrets and does what it is told.
    let mut server = Server::new(Origin::Any)
        .config(Config::new().max_message_size(64 << 20))
        .protocols(["echo"]);
    if let Some(config) = compression::from_arguments(wskit::deflate::Config::server())? {
        server = server.deflate(config);
    }

    #[cfg(feature = "tls")]
    let tls = std::env::args()
        .any(|argument| argument == "--tls")
        .then(tls::acceptor)
        .transpose()?;
    #[cfg(feature = "tls")]
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    #[cfg(not(feature = "tls"))]
    let scheme = "ws";
    println!("listening on {scheme}://{}", listener.local_addr()?);

    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        #[cfg(feature = "tls")]
        let tls = tls.clone();
        tokio::spawn(async move {
            #[cfg(feature = "tls")]
            let result = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => echo(&server, stream).await,
                    Err(error) => Err(error),
                },
                None => echo(&server, stream).await,
            };
            #[cfg(not(feature = "tls"))]
            let result = echo(&server, stream).await;
            match result {
                Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
                _ => {}
            }
        });
    }
}

async fn echo<S>(server: &Server, stream: S) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
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

#[cfg(feature = "tls")]
mod tls {
    use wskit::tls::Acceptor;

    /// A certificate for this machine, written where a client can find it.
    pub(crate) fn acceptor() -> Result<Acceptor, Box<dyn std::error::Error>> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)?;
        let path = std::env::temp_dir().join(format!("wskit-echo-{}.pem", std::process::id()));
        std::fs::write(&path, made.cert.pem())?;
        println!("certificate: {}", path.display());
        Ok(Acceptor::from_pem(
            made.cert.pem(),
            made.signing_key.serialize_pem(),
        )?)
    }
}

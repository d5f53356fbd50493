//! Sends files of any size, one message each, in a few hundred KiB of memory at both ends.
//!
//! ```sh
//! cargo run --release --example upload -- serve    # answers each message with its SHA-256
//! head -c 4G /dev/zero | cargo run --release --example upload -- send ws://127.0.0.1:9001
//! ```
//!
//! Arguments: `serve [ADDRESS]`, or `send URL [FILE]`, by default the standard input.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use wskit::{CloseCode, Config, Error, MessageKind, OriginPolicy, Server, ServerStream, WebSocket};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Bytes per frame.
const PIECE: usize = 64 << 10;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve("127.0.0.1:9001").await,
        ["serve", address] => serve(address).await,
        ["send", url] => send(url, tokio::io::stdin()).await,
        ["send", url, file] => send(url, File::open(file).await?).await,
        _ => Err("upload serve [ADDRESS], or upload send URL [FILE]".into()),
    }
}

async fn serve(address: &str) -> Result<()> {
    // Messages are received in pieces, so a large one takes no more memory than a small one.
    let config = Config::new()
        .max_message_size(usize::MAX)
        .max_fragments(u32::MAX);
    let server = Server::new(OriginPolicy::SameOrigin).config(config);
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    let serving = server.serve(listener, |ws, _peer| receive(ws));
    Ok(serving.on_error(wskit_examples::report).await?)
}

async fn receive(mut ws: WebSocket<ServerStream>) -> std::result::Result<(), Error> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(piece) = ws.recv_piece().await? {
        hash.update(piece.data);
        bytes += piece.data.len() as u64;
        if piece.last {
            let digest = hex(&hash.finalize_reset());
            println!("{bytes} bytes, {digest}");
            ws.send(digest).await?;
            bytes = 0;
        }
    }
    Ok(())
}

async fn send(url: &str, mut file: impl AsyncRead + Unpin) -> Result<()> {
    let mut ws = wskit::connect(url).await?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut message = ws.begin(MessageKind::Binary).await?;
    loop {
        let n = file.read(&mut piece).await?;
        if n == 0 {
            break;
        }
        hash.update(&piece[..n]);
        message.write(&piece[..n]).await?; // waits while the server is slower
    }
    message.finish().await?;

    let answer = ws.recv().await?.ok_or("the server closed")?;
    ws.close(CloseCode::NORMAL, "").await?;
    let digest = hex(&hash.finalize());
    if answer.as_text() != Some(&digest) {
        return Err(format!("{digest} became {answer}").into());
    }
    println!("{digest}");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

//! The least upgrade that works, for libraries that begin after it. Not to be used in earnest: it
//! checks nothing.

use std::io;

use crate::tls::Stream;
use base64::Engine;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Reads a request and answers 101, with this `Sec-WebSocket-Extensions` if there is one.
///
/// # Errors
/// The socket's, or a request without a key.
pub async fn minimal<S: Stream>(stream: &mut S, extensions: Option<&str>) -> io::Result<()> {
    // Gone before the connection is waited for.
    let answer = Box::pin(async {
        let mut head = Vec::with_capacity(1024);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        answer(&head, extensions)
    })
    .await?;
    stream.write_all(&answer).await?;
    stream.flush().await
}

fn answer(head: &[u8], extensions: Option<&str>) -> io::Result<Vec<u8>> {
    let text = String::from_utf8_lossy(head);
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    });
    let key = key.ok_or_else(|| io::Error::other("a request without a key"))?;
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = base64::engine::general_purpose::STANDARD.encode(hash.finalize());
    let extensions = extensions.map_or(String::new(), |agreed| {
        format!("Sec-WebSocket-Extensions: {agreed}\r\n")
    });
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    )
    .into_bytes())
}

//! Opening connections: a TCP connection and the upgrade.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::link::Link;
use crate::poll;

/// A connection that is upgraded.
pub struct Opened<S = TcpStream> {
    /// The socket, not blocking.
    pub socket: S,
    /// `Sec-WebSocket-Extensions` of the answer.
    pub extensions: Option<String>,
    /// What came after the answer's head.
    pub leftover: Vec<u8>,
}

/// Connects and upgrades, offering `extensions` if there are any.
///
/// # Errors
/// The socket's, or an answer other than 101.
pub fn open(address: SocketAddr, extensions: Option<&str>) -> io::Result<Opened> {
    let socket = TcpStream::connect(address)?;
    upgrade_link(socket, address, extensions, None).map(bare)
}

/// Opens many connections, a hundred requests at a time, from several addresses of loopback. Closing them
/// sends RST.
///
/// # Errors
/// Those of [`open`].
pub fn open_many(
    count: usize,
    address: SocketAddr,
    extensions: Option<&str>,
) -> io::Result<Vec<Opened>> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        // An address has some 28,000 ports, and finding a free one takes longer with each that is used.
        let source = 1 + (all.len() / 6000) as u8;
        let links: Vec<Link> = (all.len()..count.min(all.len() + 100))
            .map(|_| {
                let socket = poll::connect_from(source, address)?;
                poll::reset_on_close(&socket)?;
                ask(socket, address, extensions, None)
            })
            .collect::<io::Result<_>>()?;
        for link in links {
            all.push(bare(answer(link)?));
        }
    }
    Ok(all)
}

fn bare(opened: Opened<Link>) -> Opened {
    Opened {
        socket: opened.socket.socket,
        extensions: opened.extensions,
        leftover: opened.leftover,
    }
}

/// Upgrades a connected socket as [`open`] does, inside TLS if there are settings for it.
///
/// # Errors
/// Those of [`open`], and TLS'.
pub fn upgrade_link(
    socket: TcpStream,
    address: SocketAddr,
    extensions: Option<&str>,
    tls: Option<&Arc<ClientConfig>>,
) -> io::Result<Opened<Link>> {
    answer(ask(socket, address, extensions, tls)?)
}

fn ask(
    socket: TcpStream,
    address: SocketAddr,
    extensions: Option<&str>,
    tls: Option<&Arc<ClientConfig>>,
) -> io::Result<Link> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut link = Link::client(socket, tls)?;
    link.send_all(&request(address, extensions))?;
    Ok(link)
}

fn answer(mut link: Link) -> io::Result<Opened<Link>> {
    let mut head = Vec::new();
    let mut buffer = [0; 32 << 10];
    let end = loop {
        link.receive_some(&mut buffer, &mut head)?;
        if let Some(end) = end_of_head(&head) {
            break end;
        }
    };
    let leftover = head.split_off(end);
    let head = String::from_utf8_lossy(&head);
    if !head.starts_with("HTTP/1.1 101") {
        return Err(io::Error::other(format!("the upgrade was refused: {head}")));
    }
    let extensions = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-extensions")
            .then(|| value.trim().to_owned())
    });
    link.socket.set_nonblocking(true)?;
    Ok(Opened {
        socket: link,
        extensions,
        leftover,
    })
}

/// The request for an upgrade, about as a browser writes it.
#[must_use]
pub fn request(address: SocketAddr, extensions: Option<&str>) -> Vec<u8> {
    let extensions = extensions.map_or(String::new(), |offer| {
        format!("Sec-WebSocket-Extensions: {offer}\r\n")
    });
    format!(
        "GET /echo HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
         Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \
         (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: \
         http://{address}\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         {extensions}\r\n"
    )
    .into_bytes()
}

/// Where the head of a request or an answer ends, behind its empty line.
#[must_use]
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

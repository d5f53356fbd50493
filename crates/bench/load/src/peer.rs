//! A cheap server for measuring clients: it answers each message with one of the same length that was
//! prepared, swallows messages, or pours them out.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use rustls::ServerConfig;
use sha1::{Digest, Sha1};

use crate::arguments::Arguments;
use crate::connect;
use crate::link::Link;
use crate::poll::{self, Poll};
use crate::tls;
use crate::traffic::{self, Kind};

/// Runs it. `--mode echo` (the default), `sink` or `source`; prints the address; ends after
/// `--lifetime` seconds. `--tls ring` or `--tls aws-lc`: inside TLS.
///
/// # Errors
/// The command line, the sockets.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let size: usize = arguments.value("size", 16)?;
    let kind = Kind::parse(arguments.text("kind").unwrap_or("binary"))?;
    let opcode = if kind == Kind::Binary { 2 } else { 1 };
    let mode = arguments.text("mode").unwrap_or("echo").to_owned();
    let tls = arguments.text("tls").map(tls::server).transpose()?;
    let until = Instant::now() + Duration::from_secs(arguments.value("lifetime", 60)?);
    let listener = TcpListener::bind(arguments.text("address").unwrap_or("127.0.0.1:0"))?;
    println!("listening {}", listener.local_addr()?);
    io::stdout().flush()?;
    listener.set_nonblocking(true)?;
    let mut poll = Poll::new()?;
    poll.add(&listener, 0)?;
    // A masked frame of this size is as long as the answer and its key.
    let answer = traffic::frame(opcode, 0, &kind.payload(size, 0));
    let question = answer.len() + 4;
    let batch = (128_usize << 10).div_ceil(answer.len());
    let answers = answer.repeat(batch.max(64));
    let mut sockets: Vec<Option<Client>> = vec![None];
    let (mut buffer, mut spare) = (vec![0; 256 << 10], Vec::new());
    while Instant::now() < until {
        let ready = poll.wait(Duration::from_millis(200))?;
        for index in 0..ready {
            let (token, input, room) = poll.event(index);
            if token == 0 {
                if let Ok((socket, _)) = listener.accept() {
                    let client = Client::new(socket, tls.as_ref())?;
                    poll.add(&client.link.socket, sockets.len())?;
                    sockets.push(Some(client));
                    if mode == "source" {
                        let token = sockets.len() - 1;
                        if let Some(client) = &sockets[token] {
                            poll.writable(&client.link.socket, token, true)?;
                        }
                    }
                }
                continue;
            }
            let Some(client) = &mut sockets[token] else {
                continue;
            };
            let mut turn = || -> io::Result<()> {
                if input && mode == "sink" {
                    // Not even deciphered.
                    poll::receive(&client.link.socket, &mut buffer)?;
                } else if input {
                    client.link.receive(&mut buffer, &mut |bytes| {
                        client.bytes += bytes.len() as u64;
                        Ok(())
                    })?;
                }
                if mode == "sink" || (!input && !room) {
                    return Ok(());
                }
                let whole = client.bytes / question as u64 * answer.len() as u64;
                let owed = if mode == "source" { u64::MAX } else { whole };
                while client.sent < owed {
                    let from = (client.sent % answer.len() as u64) as usize;
                    let n = (owed - client.sent).min((answers.len() - from) as u64) as usize;
                    match client.link.send(&answers[from..from + n], &mut spare)? {
                        Some(n) => client.sent += n as u64,
                        None => break,
                    }
                    if mode == "source" {
                        break;
                    }
                }
                let waiting = client.sent < owed;
                if waiting != client.waiting {
                    poll.writable(&client.link.socket, token, waiting)?;
                    client.waiting = waiting;
                }
                Ok(())
            };
            if turn().is_err() {
                poll.remove(&client.link.socket)?;
                sockets[token] = None;
            }
        }
    }
    Ok(())
}

struct Client {
    link: Link,
    bytes: u64,
    sent: u64,
    waiting: bool,
}

impl Client {
    /// Reads the request and answers it.
    fn new(socket: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        let mut link = Link::server(socket, tls)?;
        let mut head = Vec::new();
        let mut buffer = [0; 32 << 10];
        while connect::end_of_head(&head).is_none() {
            link.receive_some(&mut buffer, &mut head)?;
        }
        let end = connect::end_of_head(&head).unwrap_or(head.len());
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        let key = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key")
                .then(|| value.trim())
        });
        let mut hash = Sha1::new();
        hash.update(key.unwrap_or(""));
        hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = base64::engine::general_purpose::STANDARD.encode(hash.finalize());
        link.send_all(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        )?;
        link.socket.set_nonblocking(true)?;
        Ok(Self {
            link,
            bytes: (head.len() - end) as u64,
            sent: 0,
            waiting: false,
        })
    }
}

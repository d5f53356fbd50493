//! A connection's socket, inside TLS or not.
//!
//! TLS is by rustls' interface without buffers: one `recv` takes all that the socket has, and what is sent
//! leaves with one `send`.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, ServerConfig};

use crate::{poll, tls};

/// A socket and, inside TLS, its session.
pub struct Link {
    /// The socket; inside TLS only good for waiting.
    pub socket: TcpStream,
    session: Option<Box<Session>>,
}

impl Link {
    /// A socket without TLS.
    #[must_use]
    pub fn plain(socket: TcpStream) -> Self {
        Self {
            socket,
            session: None,
        }
    }

    /// The handshake as a client, if there are settings; the socket must be a blocking one.
    ///
    /// # Errors
    /// The socket's, rustls'.
    pub fn client(socket: TcpStream, config: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let mut link = Self::plain(socket);
        if let Some(config) = config {
            let session = UnbufferedClientConnection::new(config.clone(), tls::name());
            link.shake_hands(Side::Client(session.map_err(io::Error::other)?))?;
        }
        Ok(link)
    }

    /// The handshake as the server, if there are settings; the socket must be a blocking one.
    ///
    /// # Errors
    /// The socket's, rustls'.
    pub fn server(socket: TcpStream, config: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let mut link = Self::plain(socket);
        if let Some(config) = config {
            let session = UnbufferedServerConnection::new(config.clone());
            link.shake_hands(Side::Server(session.map_err(io::Error::other)?))?;
        }
        Ok(link)
    }

    fn shake_hands(&mut self, side: Side) -> io::Result<()> {
        let mut session = Box::new(Session::new(side));
        let mut buffer = vec![0; 32 << 10];
        // A client's first data may come together with the end of its handshake.
        let mut early = Vec::new();
        session.take(&mut [], &mut |_| Ok(()))?;
        loop {
            if !session.flush(&self.socket)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if !session.side.is_handshaking() {
                break;
            }
            let came = session.receive(&self.socket, &mut buffer, &mut |bytes| {
                early.extend_from_slice(bytes);
                Ok(())
            })?;
            came.ok_or(io::ErrorKind::TimedOut)?;
        }
        session.early = early;
        self.session = Some(session);
        Ok(())
    }

    /// TLS records with data that have come.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.session.as_ref().map_or(0, |session| session.records)
    }

    /// Receives what is there and passes it on, in one piece or in several; `None` if nothing is. `buffer`
    /// must be larger than a TLS record.
    ///
    /// # Errors
    /// The socket's, of which its end is one; rustls'; those of `take`.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Option<()>> {
        if let Some(session) = &mut self.session {
            if !session.early.is_empty() {
                return take(&std::mem::take(&mut session.early)).map(Some);
            }
            let came = session.receive(&self.socket, buffer, take)?;
            // Session tickets, key updates.
            session.flush(&self.socket)?;
            return Ok(came);
        }
        match poll::receive(&self.socket, buffer)? {
            Some(n) => take(&buffer[..n]).map(Some),
            None => Ok(None),
        }
    }

    /// Sends from the beginning of `bytes` and says how many were taken; `None` if that is none. Inside TLS
    /// it takes all or none, and has to be called again with the same beginning. `spare` is room for records.
    ///
    /// # Errors
    /// The socket's, rustls'.
    pub fn send(&mut self, bytes: &[u8], spare: &mut Vec<u8>) -> io::Result<Option<usize>> {
        match &mut self.session {
            Some(session) => session.send(&self.socket, bytes, spare),
            None => poll::send(&self.socket, bytes),
        }
    }

    /// Sends all of it; for a blocking socket.
    ///
    /// # Errors
    /// Those of [`send`](Link::send), or the time is over.
    pub fn send_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.send(bytes, &mut Vec::new())?;
            bytes = &bytes[sent.ok_or(io::ErrorKind::TimedOut)?..];
        }
        Ok(())
    }

    /// Appends what comes next; for a blocking socket. `buffer` as in [`receive`](Link::receive).
    ///
    /// # Errors
    /// Those of [`receive`](Link::receive), or the time is over.
    pub fn receive_some(&mut self, buffer: &mut [u8], into: &mut Vec<u8>) -> io::Result<()> {
        let before = into.len();
        while into.len() == before {
            self.receive(buffer, &mut |bytes| {
                into.extend_from_slice(bytes);
                Ok(())
            })?
            .ok_or(io::ErrorKind::TimedOut)?;
        }
        Ok(())
    }
}

enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl Side {
    fn is_handshaking(&self) -> bool {
        match self {
            Self::Client(session) => session.is_handshaking(),
            Self::Server(session) => session.is_handshaking(),
        }
    }
}

struct Session {
    side: Side,
    /// Data that came with the handshake's end.
    early: Vec<u8>,
    /// The beginning of a record whose rest has not come.
    partial: Vec<u8>,
    /// Records to be sent: `sent..filled` of it.
    out: Vec<u8>,
    sent: usize,
    filled: usize,
    /// How many bytes of data are in there.
    within: usize,
    records: u64,
}

impl Session {
    fn new(side: Side) -> Self {
        Self {
            side,
            early: Vec::new(),
            partial: Vec::new(),
            out: Vec::new(),
            sent: 0,
            filled: 0,
            within: 0,
            records: 0,
        }
    }

    fn receive(
        &mut self,
        socket: &TcpStream,
        buffer: &mut [u8],
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Option<()>> {
        let held = self.partial.len();
        let Some(n) = poll::receive(socket, &mut buffer[held..])? else {
            return Ok(None);
        };
        buffer[..held].copy_from_slice(&self.partial);
        self.partial.clear();
        self.take(&mut buffer[..held + n], take).map(Some)
    }

    /// Takes in what came, together with what was left of it the last time.
    fn take(
        &mut self,
        mut bytes: &mut [u8],
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            let (used, more) = match &mut self.side {
                Side::Client(session) => {
                    let status = session.process_tls_records(bytes);
                    let out = (&mut self.out, &mut self.filled);
                    step(status, out, &mut self.records, take)?
                }
                Side::Server(session) => {
                    let status = session.process_tls_records(bytes);
                    let out = (&mut self.out, &mut self.filled);
                    step(status, out, &mut self.records, take)?
                }
            };
            bytes = &mut bytes[used..];
            if !more {
                self.partial.extend_from_slice(bytes);
                return Ok(());
            }
        }
    }

    fn send(
        &mut self,
        socket: &TcpStream,
        bytes: &[u8],
        spare: &mut Vec<u8>,
    ) -> io::Result<Option<usize>> {
        if self.within == 0 {
            if self.filled == 0 {
                std::mem::swap(&mut self.out, spare);
            }
            self.encrypt(bytes)?;
            self.within = bytes.len();
        }
        if !self.flush(socket)? {
            return Ok(None);
        }
        std::mem::swap(&mut self.out, spare);
        Ok(Some(std::mem::take(&mut self.within)))
    }

    fn encrypt(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = bytes.len() + (bytes.len() / (16 << 10) + 1) * 64;
        if self.out.len() < self.filled + room {
            self.out.resize(self.filled + room, 0);
        }
        let out = &mut self.out[self.filled..];
        let encrypted = match &mut self.side {
            Side::Client(session) => encrypt(session.process_tls_records(&mut []), bytes, out)?,
            Side::Server(session) => encrypt(session.process_tls_records(&mut []), bytes, out)?,
        };
        self.filled += encrypted;
        Ok(())
    }

    /// Sends records that wait; says whether none is left.
    fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.sent < self.filled {
            match poll::send(socket, &self.out[self.sent..self.filled])? {
                Some(n) => self.sent += n,
                None => return Ok(false),
            }
        }
        (self.sent, self.filled) = (0, 0);
        Ok(true)
    }
}

/// Does what rustls asks for; gives the bytes that it is done with, and whether there is more to do.
fn step<D>(
    status: UnbufferedStatus<'_, '_, D>,
    (out, filled): (&mut Vec<u8>, &mut usize),
    records: &mut u64,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(usize, bool)> {
    let mut used = status.discard;
    let more = match status.state.map_err(io::Error::other)? {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record.map_err(io::Error::other)?;
                used += record.discard;
                *records += 1;
                take(record.payload)?;
            }
            true
        }
        ConnectionState::EncodeTlsData(mut data) => {
            out.resize(out.len().max(*filled + (20 << 10)), 0);
            *filled += data.encode(&mut out[*filled..]).map_err(io::Error::other)?;
            true
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            true
        }
        ConnectionState::PeerClosed | ConnectionState::Closed => {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        _ => false,
    };
    Ok((used, more))
}

fn encrypt<D>(
    status: UnbufferedStatus<'_, '_, D>,
    bytes: &[u8],
    out: &mut [u8],
) -> io::Result<usize> {
    match status.state.map_err(io::Error::other)? {
        ConnectionState::WriteTraffic(mut traffic) => {
            traffic.encrypt(bytes, out).map_err(io::Error::other)
        }
        other => Err(io::Error::other(format!("TLS is not ready: {other:?}"))),
    }
}

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;

use wskit_dial::Net;
use wskit_dial::tls::Acceptor;
use wskit_driver::{PollRead, PollWrite, Runtime, SocketOptions, Transport};
use wskit_test::{Boxed, join, join_all};

use super::Sockets;

/// The protocol of a proxy.
pub enum Kind<R> {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT inside TLS.
    Https(Acceptor<R>),
    /// SOCKS5, with user name `user` and password `secret`.
    Socks,
}

/// A proxy that resolves every name to 127.0.0.1.
pub struct Proxies<S: Sockets> {
    listener: S::Listener,
    kind: Kind<S::Net>,
    /// The servers that clients asked for.
    pub asked: RefCell<Vec<String>>,
}

impl<S: Sockets> Proxies<S> {
    /// Creates a proxy and returns it with its port.
    pub async fn listen(kind: Kind<S::Net>) -> (Self, u16) {
        let (listener, port) = S::listen().await;
        let proxy = Self {
            listener,
            kind,
            asked: RefCell::default(),
        };
        (proxy, port)
    }

    /// Serves this number of clients until they disconnect.
    pub async fn serve(&self, clients: usize) {
        let all = (0..clients).map(|_| -> Boxed<'_, ()> { Box::pin(self.serve_one()) });
        join_all(all.collect()).await;
    }

    async fn serve_one(&self) {
        let (tcp, _) = S::accept(&self.listener).await;
        // A client that rejects a certificate disconnects: the proxy has not failed.
        let _ = match &self.kind {
            Kind::Http => self.http(S::Net::wrap(tcp)).await,
            Kind::Https(acceptor) => match acceptor.accept(tcp).await {
                Ok(tls) => self.http(S::Net::wrap(tls)).await,
                Err(_) => return,
            },
            Kind::Socks => self.socks(S::Net::wrap(tcp)).await,
        };
    }

    async fn http<T: Transport + 'static>(&self, mut io: T) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(read(&mut io, 1).await?);
        }
        let head = String::from_utf8(head).expect("text");
        let target = head
            .strip_prefix("CONNECT ")
            .and_then(|rest| rest.split(' ').next())
            .expect("CONNECT");
        self.asked.borrow_mut().push(target.to_owned());
        let port = target.rsplit(':').next().expect("a port");
        let port = port.parse().expect("a port");
        self.tunnel(io, port, b"HTTP/1.1 200 OK\r\n\r\n").await
    }

    async fn socks<T: Transport + 'static>(&self, mut io: T) -> io::Result<()> {
        assert_eq!(read(&mut io, 4).await?, b"\x05\x02\x00\x02");
        write(&mut io, b"\x05\x02").await?;
        assert_eq!(read(&mut io, 13).await?, b"\x01\x04user\x06secret");
        write(&mut io, b"\x01\x00").await?;
        let start = read(&mut io, 5).await?;
        assert_eq!(start[..4], *b"\x05\x01\x00\x03");
        let name = read(&mut io, start[4].into()).await?;
        let port = read(&mut io, 2).await?;
        let port = u16::from_be_bytes([port[0], port[1]]);
        let name = String::from_utf8(name).expect("a name");
        self.asked.borrow_mut().push(format!("{name}:{port}"));
        self.tunnel(io, port, b"\x05\x00\x00\x01\0\0\0\0\0\0").await
    }

    async fn tunnel<T: Transport + 'static>(
        &self,
        mut io: T,
        port: u16,
        yes: &[u8],
    ) -> io::Result<()> {
        let server = S::Net::connect_tcp(
            (Ipv4Addr::LOCALHOST, port).into(),
            None,
            SocketOptions::new(),
        )
        .await?;
        write(&mut io, yes).await?;
        let (from_client, to_client) = io.into_split();
        let (from_server, to_server) = S::Net::wrap(server).into_split();
        join(copy(from_client, to_server), copy(from_server, to_client)).await;
        Ok(())
    }
}

impl<S: Sockets> fmt::Debug for Proxies<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Kind<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "Http",
            Self::Https(_) => "Https",
            Self::Socks => "Socks",
        })
    }
}

/// Copies bytes both ways until either side ends.
async fn copy(mut from: impl PollRead, mut to: impl PollWrite) {
    let mut buf = vec![0; 16 << 10];
    while let Ok(n @ 1..) = poll_fn(|cx| from.poll_read(cx, &mut buf)).await {
        if write(&mut to, &buf[..n]).await.is_err() {
            return;
        }
    }
    let _ = poll_fn(|cx| to.poll_shutdown(cx)).await;
}

async fn read(io: &mut impl PollRead, len: usize) -> io::Result<Vec<u8>> {
    let mut buf = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match poll_fn(|cx| io.poll_read(cx, &mut buf[filled..])).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    Ok(buf)
}

async fn write(io: &mut impl PollWrite, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = poll_fn(|cx| io.poll_write(cx, &[IoSlice::new(bytes)])).await?;
        bytes = &bytes[n..];
    }
    poll_fn(|cx| io.poll_flush(cx)).await
}

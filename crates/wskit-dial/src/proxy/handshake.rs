use std::fmt;

use http::HeaderMap;
use wskit_handshake::RequestError;

use super::error::ProxyError;
use super::http_connect::Connect;
use super::socks5::Socks5;

/// The handshake of a client with a proxy. Sans-I/O: it makes and reads bytes, and the caller moves them.
///
/// Write [`take_output`](ProxyHandshake::take_output), then read at most
/// [`wanted`](ProxyHandshake::wanted) bytes and pass them to [`receive`](ProxyHandshake::receive). Repeat
/// until no byte is wanted: every further byte comes from the server. No byte after the proxy's last
/// answer is read, so none has to be put back.
///
/// [`Dialer`](crate::Dialer) does this itself. This type is for a [`Dial`](crate::Dial) of your own.
///
/// ```
/// use wskit_dial::ProxyHandshake;
/// let mut handshake = ProxyHandshake::connect("example.com", 443, None)?;
/// assert!(handshake.take_output().starts_with(b"CONNECT example.com:443 HTTP/1.1\r\n"));
/// let answer = b"HTTP/1.1 200 OK\r\n\r\nthe server's first bytes";
/// let taken = handshake.receive(answer).unwrap();
/// assert_eq!((&answer[taken..], handshake.wanted()), (&b"the server's first bytes"[..], 0));
/// # Ok::<(), wskit_handshake::RequestError>(())
/// ```
pub struct ProxyHandshake(Inner);

enum Inner {
    Connect(Connect),
    Socks5(Socks5),
}

impl ProxyHandshake {
    /// Begins HTTP CONNECT (RFC 9110 §9.3.6) with a user name and a password, or without.
    ///
    /// # Errors
    /// The host or the credentials cannot stand in a request.
    pub fn connect(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
    ) -> Result<Self, RequestError> {
        Self::connect_with_headers(host, port, credentials, &HeaderMap::new())
    }

    /// Begins HTTP CONNECT with headers for the proxy: a `User-Agent`, for instance.
    /// `Proxy-Authorization` among them replaces the credentials.
    ///
    /// # Errors
    /// The host or the credentials cannot stand in a request; one of the headers is `Host`,
    /// `Content-Length` or `Transfer-Encoding`.
    pub fn connect_with_headers(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
        headers: &HeaderMap,
    ) -> Result<Self, RequestError> {
        let connect = Connect::new(host, port, credentials, headers)?;
        Ok(Self(Inner::Connect(connect)))
    }

    /// Begins SOCKS5 (RFC 1928), with a user name and a password (RFC 1929), or without. The proxy looks
    /// names up.
    ///
    /// # Errors
    /// The host, the user name or the password is longer than 255 bytes.
    pub fn socks5(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
    ) -> Result<Self, RequestError> {
        Ok(Self(Inner::Socks5(Socks5::new(host, port, credentials)?)))
    }

    /// Takes the bytes to write before the next read; empty if there are none.
    pub fn take_output(&mut self) -> Vec<u8> {
        match &mut self.0 {
            Inner::Connect(connect) => connect.take_output(),
            Inner::Socks5(socks5) => socks5.take_output(),
        }
    }

    /// Returns how many bytes may be read without reading any of the server's: at least as many of the
    /// proxy's answer are still to come. 0 once the proxy has connected.
    pub fn wanted(&self) -> usize {
        match &self.0 {
            Inner::Connect(connect) => connect.wanted(),
            Inner::Socks5(socks5) => socks5.wanted(),
        }
    }

    /// Processes received bytes, cut anywhere. Returns how many of them were the proxy's.
    ///
    /// # Errors
    /// The proxy refuses or breaks its protocol. Close the connection.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<usize, ProxyError> {
        let mut rest = bytes;
        loop {
            let (now, later) = rest.split_at(self.wanted().min(rest.len()));
            if now.is_empty() {
                return Ok(bytes.len() - rest.len());
            }
            match &mut self.0 {
                Inner::Connect(connect) => connect.receive(now)?,
                Inner::Socks5(socks5) => socks5.receive(now)?,
            }
            rest = later;
        }
    }
}

/// Hides the credentials.
impl fmt::Debug for ProxyHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHandshake")
            .field("wanted", &self.wanted())
            .finish_non_exhaustive()
    }
}

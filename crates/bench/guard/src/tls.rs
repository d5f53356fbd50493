//! TLS of both ends. The client's is rustls alone, so that it does what the test says and no more.

use std::io::{self, Read, Write};
use std::sync::{Arc, LazyLock};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wskit::tls::rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use wskit::tls::{Acceptor, Connector};

use crate::count::record;

/// The same in each run, and for nothing else. Valid until 2126.
const CERTIFICATE: &str = include_str!("tls/certificate.pem");
const KEY: &str = include_str!("tls/key.pem");

static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let connector = Connector::trusting(CERTIFICATE).expect("a certificate");
    connector.config().clone()
});

/// The server's settings: the defaults.
pub static ACCEPTOR: LazyLock<Acceptor> =
    LazyLock::new(|| Acceptor::from_pem(CERTIFICATE, KEY).expect("a certificate and its key"));

/// The client's end of a connection.
#[derive(Debug)]
pub struct Session {
    tls: ClientConnection,
    records: Records,
}

impl Session {
    /// Performs the handshake.
    pub async fn open(stream: &mut TcpStream) -> io::Result<Self> {
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(CONFIG.clone(), name).map_err(io::Error::other)?;
        tls.set_buffer_limit(None);
        let mut session = Self {
            tls,
            records: Records::default(),
        };
        let mut buffer = vec![0; 1 << 14];
        while session.tls.is_handshaking() {
            stream.write_all(&session.encrypt(&[])).await?;
            if session.tls.is_handshaking() {
                let n = stream.read(&mut buffer).await?;
                session.decrypt(&buffer[..n], |_| ());
            }
        }
        stream.write_all(&session.encrypt(&[])).await?;
        Ok(session)
    }

    /// Returns the records for these bytes, and what else is to be sent.
    pub fn encrypt(&mut self, plain: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(plain).expect("no limit");
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).expect("memory");
        }
        records
    }

    /// Gives `take` what these bytes decrypt to, and counts the records that begin in them.
    pub fn decrypt(&mut self, mut came: &[u8], mut take: impl FnMut(&[u8])) {
        assert!(!came.is_empty(), "the server closed a connection");
        self.records.count(came);
        while !came.is_empty() {
            self.tls.read_tls(&mut came).expect("memory");
            let state = self.tls.process_new_packets().expect("records of TLS");
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            let whole = self.tls.reader().read_exact(&mut plain);
            whole.expect("as much as it says");
            take(&plain);
        }
    }
}

/// Finds the headers of records in a stream: type, version, and a length of two bytes (RFC 8446 §5.1).
#[derive(Debug, Default)]
struct Records {
    header: Vec<u8>,
    left: usize,
}

impl Records {
    fn count(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header.push(*first);
            bytes = rest;
            if let [_, _, _, high, low] = self.header[..] {
                self.left = u16::from_be_bytes([high, low]).into();
                self.header.clear();
                record();
            }
        }
    }
}

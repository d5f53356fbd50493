//! RFC 6455 §10.6: what a client offers in the TLS handshake, and what a server agrees to.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wskit_tokio::tls::Acceptor;
use wskit_tokio::{Connector, tls};

/// A certificate for `localhost`, and its key.
fn certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, key.serialize_pem())
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// What a field with a length of `size` bytes holds; the rest stays.
fn field<'a>(bytes: &mut &'a [u8], size: usize) -> &'a [u8] {
    let len = number(&bytes[..size]);
    let field = &bytes[size..size + len];
    *bytes = &bytes[size + len..];
    field
}

/// TLS 1.2 and 1.3 and nothing older, and only suites with forward secrecy and authenticated encryption.
///
/// Proves: R6455-10.6-b
#[tokio::test]
async fn client_offers_strong_tls_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let capture = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        tcp.read_exact(&mut head).await.unwrap();
        assert_eq!(head[0], 22, "a TLS handshake comes first");
        let mut record = vec![0; number(&head[3..])];
        tcp.read_exact(&mut record).await.unwrap();
        record
    });
    let (pem, _) = certificate();
    let connector = Connector::new().tls(tls::Connector::trusting(&pem).unwrap());
    let url = format!("wss://localhost:{port}/");
    assert!(connector.connect(url).await.is_err(), "no answer comes");

    let record = capture.await.unwrap();
    assert_eq!(record[0], 1, "a ClientHello");
    // Type, length, version, random.
    let mut rest = &record[4 + 2 + 32..];
    let _session = field(&mut rest, 1);
    let suites: Vec<usize> = field(&mut rest, 2).chunks(2).map(number).collect();
    for suite in &suites {
        // TLS 1.3; ECDHE with AES-GCM or ChaCha20-Poly1305; the signal of RFC 5746.
        let strong = matches!(
            suite,
            0x1301..=0x1303 | 0xc02b | 0xc02c | 0xc02f | 0xc030 | 0xcca8 | 0xcca9 | 0x00ff
        );
        assert!(strong, "suite {suite:04x}");
    }
    assert!(suites.contains(&0x1301));
    let compression = field(&mut rest, 1);
    assert_eq!(compression, [0]);
    let mut extensions = field(&mut rest, 2);
    let mut versions = None;
    while !extensions.is_empty() {
        let kind = number(&extensions[..2]);
        extensions = &extensions[2..];
        let mut body = field(&mut extensions, 2);
        if kind == 43 {
            versions = Some(field(&mut body, 1).to_vec());
        }
    }
    assert_eq!(versions.as_deref(), Some(&[3, 4, 3, 3][..]));
}

/// Proves: R6455-10.6-b
#[tokio::test]
async fn server_refuses_tls_1_1() {
    let (pem, key) = certificate();
    let acceptor = Acceptor::from_pem(pem, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.is_err()
    });
    // TLS 1.1 with TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0, 0, 0]);
    let mut record = vec![
        22,
        3,
        1,
        0,
        hello.len() as u8 + 4,
        1,
        0,
        0,
        hello.len() as u8,
    ];
    record.extend(hello);
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    assert_eq!(answer[5], 2, "and a fatal one");
    assert!(serving.await.unwrap());
}

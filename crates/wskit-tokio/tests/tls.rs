//! `wss://` both ways, and certificates that must not be believed.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use rcgen::date_time_ymd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Message};
use wskit_suite::sockets::Authority;
use wskit_tokio::dial::{ConnectCause, Stage};
use wskit_tokio::tls::{Acceptor, BadCertificate};
use wskit_tokio::{Connector, DialError, Error, Server, tls};

/// An echo server behind `acceptor`; gives its port. What each connection came to is sent back.
async fn serve(
    acceptor: Acceptor,
) -> (
    u16,
    tokio::sync::mpsc::UnboundedReceiver<Result<Option<String>, Error>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (results, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let result = async {
                let stream = acceptor.accept(tcp).await?;
                let name = stream.get_ref().1.server_name().map(str::to_owned);
                let mut ws = Server::new(OriginPolicy::Any).accept(stream).await?;
                while let Some((message, out)) = ws.recv_ref().await? {
                    out.feed(message)?;
                }
                Ok(name)
            };
            let _ = results.send(result.await);
        }
    });
    (port, receiver)
}

async fn refused(acceptor: Acceptor, trust: &str, host: &str) -> DialError {
    let (port, mut results) = serve(acceptor).await;
    let connector = Connector::new().tls(tls::Connector::trusting(trust).unwrap());
    let error = connector
        .connect(format!("wss://{host}:{port}/"))
        .await
        .unwrap_err();
    // No byte of a handshake came before the certificate was judged.
    assert!(matches!(
        results.recv().await.unwrap(),
        Err(Error::Dial(error)) if error.stage() == Some(Stage::Tls)
    ));
    error
}

fn bad(error: &DialError) -> Option<BadCertificate> {
    match error.cause() {
        Some(ConnectCause::Tls(error)) => error.bad_certificate(),
        _ => panic!("not a TLS error: {error:?}"),
    }
}

/// Proves: R6455-4.1-f, R6455-4.1-g, R6455-10.6-a
#[tokio::test]
async fn client_and_server_echo_over_tls_and_the_server_sees_the_name() {
    let authority = Authority::new();
    let (port, mut results) = serve(authority.acceptor("localhost", |_| ())).await;
    let connector = Connector::new().tls(tls::Connector::trusting(authority.pem()).unwrap());
    let (mut ws, _) = connector
        .connect(format!("wss://localhost:{port}/"))
        .await
        .unwrap();
    for message in [Message::text("grüße"), Message::binary(vec![7; 300_000])] {
        ws.send(&message).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap(), message);
    }
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    assert_eq!(
        results.recv().await.unwrap().unwrap().as_deref(),
        Some("localhost")
    );
}

/// Proves: R6455-4.1-g
#[tokio::test]
async fn client_sends_no_name_for_an_address() {
    let authority = Authority::new();
    let (port, mut results) = serve(authority.acceptor("127.0.0.1", |_| ())).await;
    let connector = Connector::new().tls(tls::Connector::trusting(authority.pem()).unwrap());
    let (mut ws, _) = connector
        .connect(format!("wss://127.0.0.1:{port}/"))
        .await
        .unwrap();
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    assert_eq!(results.recv().await.unwrap().unwrap(), None);
}

/// Halves of a TLS stream are behind a lock, and work.
#[tokio::test]
async fn client_splits_a_tls_connection() {
    let authority = Authority::new();
    let (port, _results) = serve(authority.acceptor("localhost", |_| ())).await;
    let connector = Connector::new().tls(tls::Connector::trusting(authority.pem()).unwrap());
    let (ws, _) = connector
        .connect(format!("wss://localhost:{port}/"))
        .await
        .unwrap();
    let (mut reader, writer) = ws.split();
    let sending = tokio::spawn(async move {
        for n in 0..100 {
            writer.send(format!("{n}")).await.unwrap();
        }
        writer
    });
    for n in 0..100 {
        assert_eq!(
            reader.recv().await.unwrap().unwrap(),
            Message::text(format!("{n}"))
        );
    }
    let writer = sending.await.unwrap();
    let closing = tokio::spawn(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() });
    assert!(reader.recv().await.unwrap().is_none());
    assert!(closing.await.unwrap().is_clean());
}

/// Proves: R6455-4.1-f
#[tokio::test]
async fn client_refuses_a_certificate_for_another_name() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("elsewhere.example", |_| ());
    let error = refused(acceptor, &authority.pem(), "localhost").await;
    assert_eq!(bad(&error), Some(BadCertificate::WrongName));
}

/// Proves: R6455-4.1-f
#[tokio::test]
async fn client_refuses_an_expired_certificate() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let error = refused(acceptor, &authority.pem(), "localhost").await;
    assert_eq!(bad(&error), Some(BadCertificate::Expired));
}

/// Proves: R6455-4.1-f
#[tokio::test]
async fn client_refuses_a_certificate_of_the_future() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", |params| {
        params.not_before = date_time_ymd(3000, 1, 1);
    });
    let error = refused(acceptor, &authority.pem(), "localhost").await;
    assert_eq!(bad(&error), Some(BadCertificate::NotYetValid));
}

/// Proves: R6455-4.1-f
#[tokio::test]
async fn client_refuses_an_issuer_it_does_not_know() {
    let acceptor = Authority::new().acceptor("localhost", |_| ());
    let error = refused(acceptor, &Authority::new().pem(), "localhost").await;
    assert_eq!(bad(&error), Some(BadCertificate::UnknownIssuer));
}

/// The default trusts the public authorities, and none of them has signed this.
#[tokio::test]
async fn client_with_the_default_trust_refuses_a_private_authority() {
    let (port, _results) = serve(Authority::new().acceptor("localhost", |_| ())).await;
    let error = wskit_tokio::connect(format!("wss://localhost:{port}/"))
        .await
        .unwrap_err();
    assert_eq!(bad(&error), Some(BadCertificate::UnknownIssuer));
}

/// Proves: R6455-4.2.2-a
#[tokio::test]
async fn server_answers_a_plain_request_on_its_tls_port_with_no_http() {
    let (port, mut results) = serve(Authority::new().acceptor("localhost", |_| ())).await;
    let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // A TLS alert, perhaps; then the end, perhaps by a reset.
    let _ = tcp.read_to_end(&mut answer).await;
    assert!(
        !answer.windows(4).any(|window| window == b"HTTP"),
        "{answer:?}"
    );
    assert!(matches!(
        results.recv().await.unwrap(),
        Err(Error::Dial(error)) if error.stage() == Some(Stage::Tls)
    ));
}

/// A peer that connects and then says nothing.
#[tokio::test(start_paused = true)]
async fn server_gives_up_a_tls_handshake_that_does_not_come() {
    let (ours, _theirs) = tokio::io::duplex(1024);
    let acceptor: Acceptor = Authority::new().acceptor("localhost", |_| ());
    let error = acceptor
        .timeout(std::time::Duration::from_secs(3))
        .accept(ours)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "timed out after 3s during the TLS handshake"
    );
}

#[test]
fn pem_that_is_none_is_a_typed_error() {
    assert!(matches!(
        tls::Connector::trusting("nothing here"),
        Err(wskit_dial::tls::TlsConfigError::Pem(_))
    ));
    assert!(Acceptor::from_pem("", "").is_err());
}

/// The zone of a link-local address is for this machine: the certificate is for the address.
#[tokio::test]
async fn zone_of_an_address_is_not_told_to_the_server() {
    let authority = Authority::new();
    let acceptor: Acceptor = authority.acceptor("fe80::1", |_| ());
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let connector: tls::Connector = authority.connector();
    let client = tokio::spawn(async move { connector.connect("fe80::1%lo", ours).await });
    let server = acceptor.accept(theirs).await.unwrap();
    assert_eq!(server.get_ref().1.server_name(), None);
    client.await.unwrap().unwrap();
}

/// What the guide says: the certificate that the program makes by default, trusted by itself.
#[tokio::test]
async fn certificate_made_by_openssl_is_trusted_by_itself() {
    let dir = std::env::temp_dir().join(format!("wskit-openssl-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (chain, key) = (dir.join("chain.pem"), dir.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .output();
    let made = made.is_ok_and(|output| output.status.success());
    let pem = made.then(|| (std::fs::read(&chain).unwrap(), std::fs::read(&key).unwrap()));
    std::fs::remove_dir_all(&dir).unwrap();
    let Some((chain, key)) = pem else {
        println!("there is no program openssl here");
        return;
    };
    let (port, _results) = serve(Acceptor::from_pem(&chain, &key).unwrap()).await;
    let connector = Connector::new().tls(tls::Connector::trusting(&chain).unwrap());
    let (mut ws, _) = connector
        .connect(format!("wss://localhost:{port}/"))
        .await
        .unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    // It is for this name only.
    let error = connector
        .connect(format!("wss://127.0.0.1:{port}/"))
        .await
        .unwrap_err();
    assert_eq!(bad(&error), Some(BadCertificate::WrongName));
}

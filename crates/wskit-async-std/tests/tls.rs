//! `wss://` both ways, and certificates that must not be believed.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::io::IoSlice;
use std::time::Duration;

use async_std::channel::{Receiver, unbounded};
use async_std::net::{TcpListener, TcpStream};
use async_std::task::{block_on, spawn};
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use rcgen::date_time_ymd;
use wskit_async_std::dial::{ConnectCause, Stage};
use wskit_async_std::tls::{Acceptor, BadCertificate};
use wskit_async_std::{Connector, DialError, Error, Io, Server, tls};
use wskit_driver::PollWrite;
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Message};
use wskit_suite::sockets::Authority;

/// An echo server behind `acceptor`; gives its port. What each connection came to is sent back.
async fn serve(acceptor: Acceptor) -> (u16, Receiver<Result<Option<String>, Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (results, receiver) = unbounded();
    spawn(async move {
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
            let _ = results.send(result.await).await;
        }
    });
    (port, receiver)
}

async fn refused(acceptor: Acceptor, trust: &str, host: &str) -> DialError {
    let (port, results) = serve(acceptor).await;
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
#[test]
fn client_and_server_echo_over_tls_and_the_server_sees_the_name() {
    block_on(async {
        let authority = Authority::new();
        let (port, results) = serve(authority.acceptor("localhost", |_| ())).await;
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
    });
}

/// Proves: R6455-4.1-g
#[test]
fn client_sends_no_name_for_an_address() {
    block_on(async {
        let authority = Authority::new();
        let (port, results) = serve(authority.acceptor("127.0.0.1", |_| ())).await;
        let connector = Connector::new().tls(tls::Connector::trusting(authority.pem()).unwrap());
        let (mut ws, _) = connector
            .connect(format!("wss://127.0.0.1:{port}/"))
            .await
            .unwrap();
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
        assert_eq!(results.recv().await.unwrap().unwrap(), None);
    });
}

/// Halves of a TLS stream are behind a lock, and work.
#[test]
fn client_splits_a_tls_connection() {
    block_on(async {
        let authority = Authority::new();
        let (port, _results) = serve(authority.acceptor("localhost", |_| ())).await;
        let connector = Connector::new().tls(tls::Connector::trusting(authority.pem()).unwrap());
        let (ws, _) = connector
            .connect(format!("wss://localhost:{port}/"))
            .await
            .unwrap();
        let (mut reader, writer) = ws.split();
        let sending = spawn(async move {
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
        let writer = sending.await;
        let closing = spawn(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() });
        assert!(reader.recv().await.unwrap().is_none());
        assert!(closing.await.is_clean());
    });
}

/// Head and body are one record rather than two, and both TLS and TCP end while the stream is held.
///
/// Proves: R6455-7.1.1-a
#[test]
fn transport_writes_and_ends_tls_as_it_does_tcp() {
    block_on(async {
        let authority = Authority::new();
        let acceptor: Acceptor = authority.acceptor("localhost", |_| ());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            Io::from(acceptor.accept(tcp).await.unwrap())
        });
        let tcp = TcpStream::connect(address).await.unwrap();
        let connector = tls::Connector::trusting(authority.pem()).unwrap();
        let mut client = connector.connect("localhost", tcp.clone()).await.unwrap();
        let mut io = server.await;
        let chunks = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let n = poll_fn(|cx| io.poll_write(cx, &chunks)).await.unwrap();
        assert_eq!(n, 8);
        poll_fn(|cx| io.poll_shutdown(cx)).await.unwrap();
        let mut read = Vec::new();
        // An error if TLS had not said so.
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"headbody");
        assert_eq!((&tcp).read(&mut [0]).await.unwrap(), 0);
    });
}

/// Proves: R6455-4.1-f
#[test]
fn client_refuses_a_certificate_for_another_name() {
    block_on(async {
        let authority = Authority::new();
        let acceptor = authority.acceptor("elsewhere.example", |_| ());
        let error = refused(acceptor, &authority.pem(), "localhost").await;
        assert_eq!(bad(&error), Some(BadCertificate::WrongName));
    });
}

/// Proves: R6455-4.1-f
#[test]
fn client_refuses_an_expired_certificate() {
    block_on(async {
        let authority = Authority::new();
        let acceptor = authority.acceptor("localhost", |params| {
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        let error = refused(acceptor, &authority.pem(), "localhost").await;
        assert_eq!(bad(&error), Some(BadCertificate::Expired));
    });
}

/// Proves: R6455-4.1-f
#[test]
fn client_refuses_a_certificate_of_the_future() {
    block_on(async {
        let authority = Authority::new();
        let acceptor = authority.acceptor("localhost", |params| {
            params.not_before = date_time_ymd(3000, 1, 1);
        });
        let error = refused(acceptor, &authority.pem(), "localhost").await;
        assert_eq!(bad(&error), Some(BadCertificate::NotYetValid));
    });
}

/// Proves: R6455-4.1-f
#[test]
fn client_refuses_an_issuer_it_does_not_know() {
    block_on(async {
        let acceptor = Authority::new().acceptor("localhost", |_| ());
        let error = refused(acceptor, &Authority::new().pem(), "localhost").await;
        assert_eq!(bad(&error), Some(BadCertificate::UnknownIssuer));
    });
}

/// The default trusts the public authorities, and none of them has signed this.
#[test]
fn client_with_the_default_trust_refuses_a_private_authority() {
    block_on(async {
        let (port, _results) = serve(Authority::new().acceptor("localhost", |_| ())).await;
        let error = wskit_async_std::connect(format!("wss://localhost:{port}/"))
            .await
            .unwrap_err();
        assert_eq!(bad(&error), Some(BadCertificate::UnknownIssuer));
    });
}

/// Proves: R6455-4.2.2-a
#[test]
fn server_answers_a_plain_request_on_its_tls_port_with_no_http() {
    block_on(async {
        let (port, results) = serve(Authority::new().acceptor("localhost", |_| ())).await;
        let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
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
    });
}

/// A peer that connects and then says nothing.
#[test]
fn server_gives_up_a_tls_handshake_that_does_not_come() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _theirs = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        let acceptor: Acceptor = Authority::new().acceptor("localhost", |_| ());
        let error = acceptor
            .timeout(Duration::from_millis(20))
            .accept(ours)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "timed out after 20ms during the TLS handshake"
        );
    });
}

#[test]
fn pem_that_is_none_is_a_typed_error() {
    assert!(matches!(
        tls::Connector::trusting("nothing here"),
        Err(wskit_dial::tls::TlsConfigError::Pem(_))
    ));
    assert!(Acceptor::from_pem("", "").is_err());
}

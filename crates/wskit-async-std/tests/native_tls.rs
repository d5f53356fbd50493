//! `wss://` by the operating system's TLS library.
#![cfg(all(feature = "native-tls", feature = "rustls-ring"))]
#![allow(clippy::unwrap_used, reason = "a test")]

use async_native_tls::{Certificate, TlsConnector};
use async_std::net::TcpListener;
use async_std::task::block_on;
use wskit_async_std::{ConnectionError, Connector, DialError, Server, tls};
use wskit_handshake::OriginPolicy;
use wskit_suite::sockets::Authority;
use wskit_test::join;

#[test]
fn client_trusts_whom_the_library_trusts() {
    block_on(Box::pin(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let authority = Authority::new();
        let acceptor: tls::Acceptor = authority.acceptor("localhost", |_| ());
        for (pem, host) in [
            (authority.pem(), "localhost"),
            (authority.pem(), "127.0.0.1"),
            (Authority::new().pem(), "localhost"),
        ] {
            let is_good = pem == authority.pem() && host == "localhost";
            let root = Certificate::from_pem(pem.as_bytes()).unwrap();
            let library = TlsConnector::new().add_root_certificate(root);
            let connector = Connector::new().tls_layer(library);
            let client = connector.connect(format!("wss://{host}:{port}/"));
            let (connected, served) = join(
                client,
                Box::pin(async {
                    let tls = acceptor.accept(listener.accept().await.unwrap().0).await?;
                    Server::new(OriginPolicy::Any).accept(tls).await
                }),
            )
            .await;
            match connected {
                Ok((mut ws, _)) => {
                    assert!(is_good);
                    ws.send("hello").await.unwrap();
                    let message = served.unwrap().recv().await.unwrap().unwrap();
                    assert_eq!(message.as_text(), Some("hello"));
                }
                Err(error) => assert!(!is_good && matches!(error, DialError::Io(_)), "{error:?}"),
            }
            assert!(
                connector
                    .connect(format!("ws://{host}:{port}/"))
                    .await
                    .is_err()
            );
        }
    }));
}

/// The process is killed: TCP ends, and TLS says no goodbye.
#[test]
fn server_that_dies_inside_tls_is_a_disconnect() {
    block_on(Box::pin(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let authority = Authority::new();
        let acceptor: tls::Acceptor = authority.acceptor("localhost", |_| ());
        let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        let connector = Connector::new().tls_layer(TlsConnector::new().add_root_certificate(root));
        let client = async {
            let url = format!("wss://localhost:{port}/");
            let mut ws = connector.connect(url).await.unwrap().0;
            ws.recv().await
        };
        let server = Box::pin(async {
            let tls = acceptor.accept(listener.accept().await.unwrap().0).await;
            let server = Server::new(OriginPolicy::Any);
            drop(server.accept(tls.unwrap()).await.unwrap());
        });
        let (received, ()) = join(client, server).await;
        assert!(
            matches!(
                received,
                Err(ConnectionError::Disconnected { mid_message: false })
            ),
            "{received:?}"
        );
    }));
}

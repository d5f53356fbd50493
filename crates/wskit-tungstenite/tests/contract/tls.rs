use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use wskit_tungstenite::error::{Error, UrlError};
use wskit_tungstenite::{Connector, MaybeTlsStream, accept_async, connect_async_tls_with_config};

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

#[tokio::test]
async fn rustls_with_a_connector_of_the_program() {
    let (server, client) = configs();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let echo = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let tls = TlsAcceptor::from(server).accept(stream).await.unwrap();
        let mut ws = accept_async(tls).await.unwrap();
        while let Some(Ok(message)) = ws.next().await {
            if !message.is_close() {
                ws.send(message).await.unwrap();
            }
        }
    });
    let connector = Some(Connector::Rustls(client));
    let (mut ws, _) = connect_async_tls_with_config(url, None, true, connector)
        .await
        .unwrap();
    assert!(matches!(ws.get_ref(), MaybeTlsStream::Rustls(_)));
    assert!(ws.get_ref().get_ref().nodelay().unwrap());
    let message = wskit_tungstenite::Message::binary(vec![7; 100_000]);
    ws.send(message.clone()).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), message);
    ws.close(None).await.unwrap();
    while ws.next().await.is_some() {}
    echo.await.unwrap();
}

/// Blocking programs have the same connector.
#[test]
fn rustls_over_a_blocking_socket() {
    let (server, client) = configs();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let echo = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let tls = rustls::ServerConnection::new(server).unwrap();
        let tls = rustls::StreamOwned::new(tls, stream);
        let mut ws = wskit_tungstenite::accept(tls).unwrap();
        let message = ws.read().unwrap();
        ws.send(message).unwrap();
    });
    let stream = std::net::TcpStream::connect(address).unwrap();
    let connector = Some(Connector::Rustls(client));
    let url = format!("wss://localhost:{}/", address.port());
    let (mut ws, _) =
        wskit_tungstenite::client_tls_with_config(url, stream, None, connector).unwrap();
    ws.send("hello".into()).unwrap();
    assert_eq!(ws.read().unwrap(), "hello".into());
    echo.join().unwrap();
}

#[tokio::test]
async fn plain_connector_refuses_wss() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let refused = connect_async_tls_with_config(url, None, false, Some(Connector::Plain)).await;
    assert!(matches!(
        refused,
        Err(Error::Url(UrlError::TlsFeatureNotEnabled))
    ));
}

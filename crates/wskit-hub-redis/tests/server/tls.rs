use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use wskit_hub_redis::{Fault, Redis};
use wskit_hub_suite::servers::free_port;
use wskit_hub_suite::servers::redis::Redis as Server;

use crate::kit::Node;

#[tokio::test]
async fn connections_are_encrypted_and_the_certificate_is_checked() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    fs::write(&file, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let server = Server::builder()
        .line(&format!("tls-port {port}"))
        .line(&format!("tls-cert-file {}", file.display()))
        .line(&format!("tls-key-file {}", key.display()))
        .line(&format!("tls-ca-cert-file {}", file.display()))
        .line("tls-auth-clients no")
        .start();
    let url = format!("rediss://127.0.0.1:{port}");
    // The only test that needs a provider: before there is one, that is told.
    let error = Redis::connect(&url)
        .await
        .expect_err("there is no provider");
    assert!(matches!(error.fault(), Fault::Setting(_)), "{error}");
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let mut ann = Node::with(Redis::server(url.as_str()).root_certificate(cert.pem())).await;
    ann.publish("t", "a", 10).await;
    assert_eq!(server.command(&["EXISTS", "hub:m:{t}"]).int(), Some(1));
    // Without a URL.
    let address = format!("127.0.0.1:{port}");
    let builder = Redis::server(address).tls().root_certificate(cert.pem());
    Node::with(builder).await;
    let error = Redis::connect(&url).await.expect_err("it is not trusted");
    assert!(matches!(error.fault(), Fault::Unreachable(_)), "{error:?}");
}

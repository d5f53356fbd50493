//! `wsk listen` and `wsk echo`, and TLS in both directions.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{Background, Folder, certificate, run};

#[test]
fn listen_prints_messages_and_sends_lines_to_all() {
    let (mut server, url) = Background::serve(&["listen", "0"]);
    server.type_line("welcome"); // waits for a client
    let mut one = Background::start(&["connect", "-q", &url]);
    assert_eq!(one.out_line(), "welcome");
    let mut two = Background::start(&["connect", "-q", &url]);
    two.type_line("from two");
    assert_eq!(server.out_line(), "2: from two");
    one.type_line("from one");
    assert_eq!(server.out_line(), "1: from one");
    server.type_line("to all");
    assert_eq!(
        (one.out_line(), two.out_line()),
        ("to all".into(), "to all".into())
    );
    server.signal("INT");
    assert_eq!(
        (server.end(), one.end(), two.end()),
        (Some(0), Some(7), Some(7))
    );
}

#[test]
fn listen_tells_events_as_json() {
    let (server, url) = {
        let mut server = Background::start(&["listen", "0", "--json"]);
        let event: serde_json::Value = serde_json::from_str(&server.out_line()).unwrap();
        assert_eq!(event["kind"], "listening");
        let url = event["url"].as_str().unwrap().to_owned();
        (server, url)
    };
    let mut server = server;
    run(
        &["connect", &url, "--slash"],
        b"/ping abc\nhello\n/close 4000 bye\n",
    )
    .exits(0);
    let events: Vec<serde_json::Value> = (0..4)
        .map(|_| serde_json::from_str(&server.out_line()).unwrap())
        .collect();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["open", "ping", "message", "close"]);
    assert!(events.iter().all(|event| event["client"] == 1));
    assert_eq!(
        (&events[2]["text"], &events[3]["code"]),
        (&"hello".into(), &4000.into())
    );
}

#[test]
fn listen_closes_and_pings_all() {
    let (mut server, url) = Background::serve(&["listen", "0", "--slash"]);
    let mut client = Background::start(&["connect", "-v", &url]);
    while !client.err_line().starts_with("connected") {}
    server.type_line("/ping abc");
    assert_eq!(client.err_line(), "ping \"abc\"");
    server.type_line("/close 4001 enough");
    assert_eq!(client.end(), Some(7));
    assert_eq!(
        client.err_line(),
        "closed by the peer with 4001 (private use): enough"
    );
}

#[test]
fn pages_of_other_origins_are_refused_unless_allowed() {
    let page = ["-o", "https://page.example"];
    let (mut server, url) = Background::serve(&["listen", "0"]);
    run(&["connect", &url, page[0], page[1]], b"").exits(5);
    assert!(server.err_line().contains("--any-origin"));
    for allowed in [&["--any-origin"][..], &page] {
        let (_server, url) = Background::serve(&[&["echo", "0"], allowed].concat());
        run(&["connect", &url, page[0], page[1]], b"").exits(0);
    }
}

#[test]
fn echo_has_limits() {
    let (_server, url) = Background::serve(&["echo", "0", "--max-message", "4"]);
    let ran = run(&["connect", "-n", &url], b"12345\n").exits(7);
    assert!(ran.err.contains("1009"), "{}", ran.err);
    let (_server, url) = Background::serve(&["echo", "0", "--idle-timeout", "100ms"]);
    run(&["connect", "-n", &url], b"").exits(7);
    let (_server, url) =
        Background::serve(&["echo", "0", "--max-connections", "1", "--threads", "1"]);
    let mut first = Background::start(&["connect", &url]);
    first.err_line();
    // The second waits until the first has gone.
    run(&["connect", "--connect-timeout", "200ms", &url], b"").exits(9);
    first.signal("INT");
    assert_eq!(first.end(), Some(0));
    run(&["connect", &url], b"").exits(0);
}

#[test]
fn echo_closes_its_connections_when_it_is_terminated() {
    let (mut server, url) = Background::serve(&["echo", "0"]);
    let mut client = Background::start(&["connect", &url]);
    client.err_line();
    server.signal("TERM");
    assert_eq!((server.end(), client.end()), (Some(0), Some(7)));
    assert_eq!(
        client.err_line(),
        "closed by the peer with 1001 (going away)"
    );
}

#[test]
fn listening_where_it_is_not_possible() {
    let (_server, url) = Background::serve(&["echo", "0"]);
    let port = url.trim_matches('/').rsplit(':').next().unwrap();
    let ran = run(&["echo", port], b"").exits(3);
    assert!(
        ran.err.contains("cannot listen on 127.0.0.1:"),
        "{}",
        ran.err
    );
}

#[test]
fn tls_with_an_authority_without_checks_and_with_neither() {
    let folder = Folder::new();
    let (cert, key) = certificate();
    let (cert, key) = (folder.file("cert.pem", cert), folder.file("key.pem", key));
    let (_server, url) = Background::serve(&["echo", "0", "--cert", &cert, "--key", &key]);
    assert!(url.starts_with("wss://"), "{url}");
    let ran = run(&["connect", "-q", "--ca", &cert, &url], b"hello\n").exits(0);
    assert_eq!(ran.out, "hello\n");
    run(&["connect", "--insecure", &url], b"").exits(0);
    let ran = run(&["connect", &url], b"").exits(4);
    assert!(ran.err.contains("(TLS)"), "{}", ran.err);
    // Files that are not there, or hold nothing.
    run(&["connect", "--ca", &folder.path("none.pem"), &url], b"").exits(1);
    run(&["connect", "--ca", &key, &url], b"").exits(4);
    run(&["echo", "0", "--cert", &cert], b"").exits(2);
}

/// A server that asks for a certificate, by the rustls configuration of the test.
#[test]
fn client_certificates() {
    use wskit::tls::rustls::pki_types::pem::PemObject;
    use wskit::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use wskit::tls::rustls::server::WebPkiClientVerifier;
    use wskit::tls::rustls::{RootCertStore, ServerConfig};

    let folder = Folder::new();
    let (server_cert, server_key) = certificate();
    let (client_cert, client_key) = certificate();
    let parse = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(parse(&client_cert)).unwrap();
    let connector = wskit::tls::Connector::trusting(&server_cert).unwrap();
    let provider = connector.config().crypto_provider().clone();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![parse(&server_cert)],
            PrivateKeyDer::from_pem_slice(server_key.as_bytes()).unwrap(),
        )
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let server: wskit::Server = wskit::Server::new(wskit::OriginPolicy::Any);
        server
            .serve(listener, |mut ws, _| async move {
                let certificates = ws.tls_session().unwrap().peer_certificates.len();
                ws.send(format!("{certificates} certificates")).await?;
                while ws.recv().await?.is_some() {}
                Ok::<_, wskit::Error>(())
            })
            .tls(wskit::tls::Acceptor::from_config(config))
            .await
    });
    let ca = folder.file("ca.pem", &server_cert);
    let cert = folder.file("cert.pem", &client_cert);
    let key = folder.file("key.pem", &client_key);
    let with = [
        "connect", "-q", "-1", "--ca", &ca, "--cert", &cert, "--key", &key, &url,
    ];
    assert_eq!(run(&with, b"").exits(0).out, "1 certificates\n");
    let without = run(&["connect", "-q", "-1", "--ca", &ca, &url], b"");
    assert_ne!(without.code, Some(0), "{without:?}");
}

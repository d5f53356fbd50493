//! What a connection knows of its socket and of its TLS session, whole and in halves.

use std::net::{Ipv4Addr, SocketAddr};

use wskit_dial::{
    Connector,
    tls::rustls::pki_types::{CertificateDer, pem::PemObject},
};
use wskit_driver::{Reader, Server, TlsSession, Transport, WebSocket, Writer};
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Message};
use wskit_test::join;

use super::{ClientIo, run};
use crate::sockets::{Authority, Sockets};

/// What one end knows: its own address, the peer's, and the session.
type Known = (SocketAddr, SocketAddr, Option<TlsSession>);

/// Asks a connection, then its halves, then the whole again, which still works. Both ends do this.
async fn ask<T: Transport + 'static>(ws: WebSocket<T>) -> Known {
    let known = (
        ws.local_addr().unwrap(),
        ws.peer_addr().unwrap(),
        ws.tls_session(),
    );
    let (reader, writer) = ws.split();
    check(&reader, &writer, &known);
    let whole = reader.reunite(writer).unwrap();
    assert_eq!(whole.local_addr(), Some(known.0));
    assert_eq!(whole.peer_addr(), Some(known.1));
    assert_eq!(whole.tls_session(), known.2);
    let (mut reader, writer) = whole.split();
    check(&reader, &writer, &known);

    writer.send("hello").await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), Some(Message::text("hello")));
    writer.start_close(CloseCode::NORMAL, "").unwrap();
    while reader.recv().await.unwrap().is_some() {}
    // The transport is gone.
    assert_eq!(reader.peer_addr(), None);
    assert_eq!(writer.peer_addr(), None);
    assert_eq!(writer.local_addr(), None);
    assert_eq!(writer.tls_session(), None);
    known
}

fn check<T: Transport>(reader: &Reader<T>, writer: &Writer<T>, known: &Known) {
    let (local, peer, tls) = known;
    assert_eq!(reader.local_addr().as_ref(), Some(local));
    assert_eq!(reader.peer_addr().as_ref(), Some(peer));
    assert_eq!(&reader.tls_session(), tls);
    assert_eq!(writer.local_addr().as_ref(), Some(local));
    assert_eq!(writer.peer_addr().as_ref(), Some(peer));
    assert_eq!(&writer.tls_session(), tls);
}

/// A client and a server on one connection; inside TLS if the server has a certificate.
async fn ends<S: Sockets>(authority: &Authority, pem: &mut Option<String>) -> (Known, Known) {
    let (listener, port) = S::listen().await;
    let identity = authority.identity("localhost", |_| ());
    let acceptor = pem.is_some().then(|| identity.acceptor::<S::Net>());
    let scheme = if let Some(pem) = pem {
        *pem = identity.pem();
        "wss"
    } else {
        "ws"
    };
    let client = async {
        let connector = Connector::<S::Net>::new().tls(authority.connector());
        let url = format!("{scheme}://localhost:{port}/");
        let ws: WebSocket<ClientIo<S>> = connector.connect(url).await.unwrap().0;
        ask(ws).await
    };
    let server = async {
        let (tcp, from) = S::accept(&listener).await;
        let server = Server::<S::Net>::new(OriginPolicy::Any);
        let known = match &acceptor {
            None => ask(server.accept(tcp).await.unwrap()).await,
            Some(acceptor) => {
                let tls = acceptor.accept(tcp).await.unwrap();
                ask(server.accept(tls).await.unwrap()).await
            }
        };
        assert_eq!(known.0, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        assert_eq!(known.1, from);
        known
    };
    join(client, server).await
}

/// Over TCP, which comes apart without a lock, before and after a split.
pub fn addresses_of_tcp_are_known_until_the_end<S: Sockets>() {
    run::<S>(async {
        let (client, server) = ends::<S>(&Authority::new(), &mut None).await;
        assert_eq!((client.0, client.1), (server.1, server.0));
        assert_eq!((client.2, server.2), (None, None));
    });
}

/// Inside TLS, whose halves share a stream, before and after a split.
pub fn tls_session_is_known_until_the_end<S: Sockets>() {
    run::<S>(async {
        let mut pem = Some(String::new());
        let (client, server) = ends::<S>(&Authority::new(), &mut pem).await;
        assert_eq!((client.0, client.1), (server.1, server.0));
        let (client, server) = (client.2.unwrap(), server.2.unwrap());
        let certificate = CertificateDer::from_pem_slice(pem.unwrap().as_bytes()).unwrap();
        assert_eq!(client.peer_certificates, [certificate.to_vec()]);
        assert_eq!(client.server_name, None);
        assert!(server.peer_certificates.is_empty(), "it did not ask");
        assert_eq!(server.server_name.as_deref(), Some("localhost"));
        for session in [client, server] {
            assert_eq!(session.alpn.as_deref(), Some(&b"http/1.1"[..]));
        }
    });
}

//! `wss://` by another TLS library. `trusting` makes its connector, which trusts the authority of this PEM text.

use wskit_dial::reconnect::{Loss, Verdict};
use wskit_dial::{Connector, DialError, Stage, TlsLayer, tls};
use wskit_driver::{ConnectionError, Runtime, Server, WebSocket};
use wskit_handshake::OriginPolicy;

use super::{Authority, Net, Sockets, run};
use wskit_test::join;

/// The stream to which the library adds TLS.
type Below<S> = <<S as Sockets>::Net as Net>::Stream;

/// Accepts a WebSocket inside TLS.
async fn accept<S: Sockets>(
    listener: &S::Listener,
    acceptor: &tls::Acceptor<S::Net>,
) -> Result<WebSocket<S::TlsIo>, DialError> {
    let tls = acceptor.accept(S::accept(listener).await.0).await?;
    let server = Server::<S::Net>::new(OriginPolicy::Any);
    Ok(server.accept(tls).await?)
}

/// Certificates of another authority, and for another name, are refused, and would be again. A server that
/// goes away during the handshake may come back.
pub fn client_trusts_whom_the_library_trusts<S, L>(trusting: fn(&str) -> L)
where
    S: Sockets<Net: Runtime<L::Stream>>,
    L: TlsLayer<Below<S>>,
{
    run::<S>(async {
        let (listener, port) = S::listen().await;
        let authority = Authority::new();
        let acceptor: tls::Acceptor<S::Net> = authority.acceptor("localhost", |_| ());
        for (pem, host) in [
            (authority.pem(), "localhost"),
            (authority.pem(), "127.0.0.1"),
            (Authority::new().pem(), "localhost"),
        ] {
            let is_good = pem == authority.pem() && host == "localhost";
            let connector = Connector::<S::Net>::new().tls_layer(trusting(&pem));
            let client = connector.connect(format!("wss://{host}:{port}/"));
            let server = Box::pin(accept::<S>(&listener, &acceptor));
            let (connected, served) = join(client, server).await;
            match connected {
                Ok((mut ws, _)) => {
                    assert!(is_good);
                    ws.send("hello").await.unwrap();
                    let message = served.unwrap().recv().await.unwrap().unwrap();
                    assert_eq!(message.as_text(), Some("hello"));
                }
                Err(error) => {
                    assert!(!is_good, "{error:?}");
                    assert_eq!(error.stage(), Some(Stage::Tls));
                    let told = format!("{error:?}");
                    let verdict = Verdict::of(&Loss::NotOpened(error.into()));
                    assert_eq!(verdict, Verdict::GiveUp, "{told}");
                }
            }
            let client = connector.connect(format!("wss://{host}:{port}/"));
            let (gone, ()) = join(client, async { drop(S::accept(&listener).await) }).await;
            let gone = gone.map(|_| ()).unwrap_err();
            let told = format!("{gone:?}");
            let verdict = Verdict::of(&Loss::NotOpened(gone.into()));
            assert_eq!(verdict, Verdict::Retry, "{told}");
            let without = connector.connect(format!("ws://{host}:{port}/")).await;
            assert!(without.is_err());
        }
    });
}

/// The process is killed: TCP ends, without a `close_notify` of TLS.
pub fn server_that_dies_inside_the_layer_is_a_disconnect<S, L>(trusting: fn(&str) -> L)
where
    S: Sockets<Net: Runtime<L::Stream>>,
    L: TlsLayer<Below<S>>,
{
    run::<S>(async {
        let (listener, port) = S::listen().await;
        let authority = Authority::new();
        let acceptor: tls::Acceptor<S::Net> = authority.acceptor("localhost", |_| ());
        let connector = Connector::<S::Net>::new().tls_layer(trusting(&authority.pem()));
        let client = async {
            let url = format!("wss://localhost:{port}/");
            let mut ws = connector.connect(url).await.unwrap().0;
            ws.recv().await.map(|message| message.is_some())
        };
        let server = Box::pin(async {
            drop(accept::<S>(&listener, &acceptor).await.unwrap());
        });
        let (received, ()) = join(client, server).await;
        assert!(
            matches!(
                received,
                Err(ConnectionError::Disconnected { mid_message: false })
            ),
            "{received:?}"
        );
    });
}

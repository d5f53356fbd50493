//! Which certificates are trusted, and how a connection inside TLS ends.

use rcgen::{CertificateParams, date_time_ymd};
use wskit_dial::{
    ConnectCause, Connector, Error,
    tls::{self, BadCertificate},
};
use wskit_driver::{ConnectionError, OpenError, Server};
use wskit_handshake::{HandshakeError, OriginPolicy};
use wskit_test::join;

use super::{run, serve, talk, tls_error};
use crate::sockets::{Authority, Identity, Sockets};

/// Connects to `wss://localhost`, trusting `trusted`, and returns what is wrong with `shown`, the server's
/// certificate. `None` if the connection works.
async fn verdict<S: Sockets>(shown: &Identity, trusted: &str) -> Option<BadCertificate> {
    let (listener, port) = S::listen().await;
    let acceptor = shown.acceptor();
    let connector =
        Connector::<S::Net>::new().tls(tls::Connector::trusting(trusted).expect("settings"));
    let client = async {
        match connector.connect(format!("wss://localhost:{port}/")).await {
            Ok((ws, _)) => {
                talk(ws).await;
                None
            }
            Err(error) => Some(
                tls_error(&error)
                    .bad_certificate()
                    .expect("a bad certificate"),
            ),
        }
    };
    let (bad, (_, served)) = join(client, serve::<S>(&listener, Some(&acceptor))).await;
    assert_eq!(served.is_ok(), bad.is_none(), "{served:?}");
    bad
}

/// `openssl req -x509` marks its certificates as those of an authority. Servers use them nevertheless.
///
/// Proves: R6455-4.1-f
pub fn certificate_of_an_authority_is_trusted_as_a_servers_if_it_is_given<S: Sockets>() {
    run::<S>(async {
        let own = Identity::self_signed("localhost", |_| ());
        assert_eq!(verdict::<S>(&own, &own.pem()).await, None);
        // Also among other certificates, and without the mark.
        let other = Identity::self_signed("other.test", |_| ());
        let both = format!("{}{}", other.pem(), own.pem());
        assert_eq!(verdict::<S>(&own, &both).await, None);
        let plain = Identity::self_signed("localhost", |params| params.is_ca = rcgen::IsCa::NoCa);
        assert_eq!(verdict::<S>(&plain, &plain.pem()).await, None);
    });
}

/// A certificate that was given explicitly is still checked for its names and dates.
///
/// Proves: R6455-4.1-f
pub fn certificate_that_is_given_is_still_checked<S: Sockets>() {
    type Change = fn(&mut CertificateParams);
    let cases: [(&str, Change, BadCertificate); 3] = [
        ("other.test", |_| (), BadCertificate::WrongName),
        (
            "localhost",
            |params| params.not_after = date_time_ymd(2020, 1, 1),
            BadCertificate::Expired,
        ),
        (
            "localhost",
            |params| params.not_before = date_time_ymd(3000, 1, 1),
            BadCertificate::NotYetValid,
        ),
    ];
    for (name, change, bad) in cases {
        run::<S>(async {
            let own = Identity::self_signed(name, change);
            assert_eq!(verdict::<S>(&own, &own.pem()).await, Some(bad));
        });
    }
}

/// The client is given the server's own certificate and not its issuer's. The chain behind it, here
/// empty, does not matter.
///
/// Proves: R6455-4.1-f
pub fn certificate_that_is_given_needs_no_issuer<S: Sockets>() {
    for (expired, bad) in [(false, None), (true, Some(BadCertificate::Expired))] {
        run::<S>(async {
            let own = Authority::new().identity("localhost", |params| {
                if expired {
                    params.not_after = date_time_ymd(2020, 1, 1);
                }
            });
            assert_eq!(verdict::<S>(&own, &own.pem()).await, bad);
        });
    }
    run::<S>(async {
        let authority = Authority::new();
        let [shown, given] = [(); 2].map(|()| authority.identity("localhost", |_| ()));
        assert_eq!(
            verdict::<S>(&shown, &given.pem()).await,
            Some(BadCertificate::UnknownIssuer)
        );
        let elsewhere = authority.identity("other.test", |_| ());
        assert_eq!(
            verdict::<S>(&elsewhere, &elsewhere.pem()).await,
            Some(BadCertificate::WrongName)
        );
    });
}

/// A certificate that was not given, for the right name, self-signed or signed by a trusted authority.
///
/// Proves: R6455-4.1-f
pub fn certificate_of_an_authority_is_refused_as_a_servers_with_a_reason<S: Sockets>() {
    run::<S>(async {
        let own = Identity::self_signed("localhost", |_| ());
        let same_name = Identity::self_signed("localhost", |_| ());
        assert_eq!(
            verdict::<S>(&own, &same_name.pem()).await,
            Some(BadCertificate::OfAnAuthority)
        );
    });
    run::<S>(async {
        let authority = Authority::new();
        let (listener, port) = S::listen().await;
        let acceptor = authority.acceptor("localhost", |params| {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        });
        let connector = Connector::<S::Net>::new().tls(authority.connector());
        let client = connector.connect(format!("wss://localhost:{port}/"));
        let (connected, _) = join(client, serve::<S>(&listener, Some(&acceptor))).await;
        let error = connected.unwrap_err();
        assert_eq!(
            tls_error(&error).bad_certificate(),
            Some(BadCertificate::OfAnAuthority)
        );
        let told = error.to_string();
        assert!(told.contains("CA:FALSE"), "{told}");
    });
}

/// A configuration that offers HTTP/2 first, as one shared with an HTTP client does.
///
/// Proves: R6455-4.1-e
pub fn server_that_chooses_http2_is_told_as_such<S: Sockets>() {
    let http2 = [&["h2", "http/1.1"][..], &["h2"]];
    let http1 = [&["http/1.1", "h2"][..], &["http/1.1"], &["other"], &[]];
    for (speaks, is_http2) in http2
        .map(|speaks| (speaks, true))
        .into_iter()
        .chain(http1.map(|speaks| (speaks, false)))
    {
        run::<S>(async {
            let own = Identity::self_signed("localhost", |_| ());
            let (listener, port) = S::listen().await;
            let acceptor = tls::Acceptor::from_config(own.server_config(speaks));
            let mut config = tls::client_config_trusting(own.pem().as_bytes()).unwrap();
            config.alpn_protocols = ["h2", "http/1.1", "other"].map(Into::into).to_vec();
            let connector = Connector::<S::Net>::new().tls(tls::Connector::from_config(config));
            let client = async {
                match connector.connect(format!("wss://localhost:{port}/")).await {
                    Ok((ws, _)) => {
                        talk(ws).await;
                        None
                    }
                    Err(error) => Some(error),
                }
            };
            let (error, (_, served)) = join(client, serve::<S>(&listener, Some(&acceptor))).await;
            if !is_http2 {
                assert!(error.is_none() && served.is_ok(), "{error:?} {served:?}");
                return;
            }
            let error = error.expect("not refused");
            let error = tls_error(&error);
            assert!(error.chose_http2() && error.bad_certificate().is_none());
            assert!(error.to_string().contains("the server chose h2"), "{error}");
            // The server has seen no byte that is not HTTP/2.
            assert!(
                matches!(
                    &served,
                    Err(Error::Open(OpenError::Handshake(
                        HandshakeError::UnexpectedEof { received: 0 }
                    )))
                ),
                "{served:?}"
            );
        });
    }
}

/// The server's process is killed: TCP ends without a `close_notify`.
///
/// Proves: R6455-7.1.5-a
pub fn server_that_dies_inside_tls_is_a_disconnect<S: Sockets>() {
    run::<S>(async {
        let authority = Authority::new();
        let (listener, port) = S::listen().await;
        let acceptor: tls::Acceptor<S::Net> = authority.acceptor("localhost", |_| ());
        let connector = Connector::<S::Net>::new().tls(authority.connector());
        let client = async {
            let url = format!("wss://localhost:{port}/");
            let mut ws = connector.connect(url).await.unwrap().0;
            ws.recv().await
        };
        let server = async {
            let tls = acceptor.accept(S::accept(&listener).await.0).await.unwrap();
            let server = Server::<S::Net>::new(OriginPolicy::Any);
            drop(server.accept(tls).await.unwrap());
        };
        let (received, ()) = join(client, server).await;
        assert!(
            matches!(
                received,
                Err(ConnectionError::Disconnected { mid_message: false })
            ),
            "{received:?}"
        );
    });
    // It ends before it has answered the opening handshake.
    run::<S>(async {
        let authority = Authority::new();
        let (listener, port) = S::listen().await;
        let acceptor: tls::Acceptor<S::Net> = authority.acceptor("localhost", |_| ());
        let connector = Connector::<S::Net>::new().tls(authority.connector());
        let client = connector.connect(format!("wss://localhost:{port}/"));
        let server = async {
            let tls = acceptor.accept(S::accept(&listener).await.0).await.unwrap();
            let server = Server::<S::Net>::new(OriginPolicy::Any);
            drop(server.receive(tls).await.unwrap());
        };
        let (connected, ()) = join(client, server).await;
        let error = connected.unwrap_err();
        assert!(
            matches!(
                error.cause(),
                Some(ConnectCause::Open(OpenError::Handshake(
                    HandshakeError::UnexpectedEof { .. }
                )))
            ),
            "{error:?}"
        );
    });
}

//! Scenarios on the loopback interface, for what pipes cannot show: real sockets and real TLS.
//!
//! [`socket_suite!`](crate::socket_suite!) makes a `#[test]` of each. Servers, proxies and clients run in
//! one task.

mod authority;
mod proxy;
pub mod scenarios;
#[cfg(unix)]
mod unix;

use std::future::Future;
use std::net::SocketAddr;

use wskit_dial::{Net, Tls};
use wskit_driver::{Runtime, Spawn, Transport};

pub use authority::{Authority, Identity};
pub use proxy::{Kind, Proxies};
#[cfg(unix)]
pub use unix::talk_to_unix;

/// What differs between runtimes, for [`socket_suite!`](crate::socket_suite!).
pub trait Sockets: Sized {
    /// The binding under test.
    type Net: Net<Tls: Tls<Self::Tcp, Server = Self::Tls>>
        + Spawn
        + Runtime<Self::Tcp, Transport = Self::TcpIo>
        + Runtime<Self::Tls, Transport = Self::TlsIo>;
    /// A connection that was accepted.
    type Tcp: Send + 'static;
    /// A connection inside TLS.
    type Tls: Send + 'static;
    /// The transport of a TCP connection.
    type TcpIo: Transport + Send + 'static;
    /// The transport of a connection inside TLS.
    type TlsIo: Transport + Send + 'static;
    /// A TCP listener.
    type Listener;

    /// Runs a test to its end.
    fn run(test: impl Future<Output = ()>);

    /// Listens on a free port of 127.0.0.1 and returns the listener with its port.
    fn listen() -> impl Future<Output = (Self::Listener, u16)>;

    /// Accepts the next connection and returns it with its address.
    fn accept(listener: &Self::Listener) -> impl Future<Output = (Self::Tcp, SocketAddr)>;
}

/// Implements [`Sockets`](crate::sockets::Sockets) for a new type, from what is called the same in each binding.
///
/// ```ignore
/// wskit_suite::sockets!(OnSockets {
///     net: Tokio,
///     io: Io,
///     tcp: TcpStream,
///     listener: TcpListener,
///     tls: TlsStream,
///     run: |test| runtime().block_on(test),
/// });
/// ```
#[macro_export]
macro_rules! sockets {
    ($harness:ident {
        net: $net:ty,
        io: $io:ident,
        tcp: $tcp:ty,
        listener: $listener:ident,
        tls: $tls:ident,
        run: |$test:ident| $run:expr,
    }) => {
        struct $harness;

        impl $crate::sockets::Sockets for $harness {
            type Net = $net;
            type Tcp = $tcp;
            type Tls = $tls<$tcp>;
            type TcpIo = $io<$tcp>;
            type TlsIo = $io<$tls<$tcp>>;
            type Listener = $listener;

            fn run($test: impl ::std::future::Future<Output = ()>) {
                $run;
            }

            async fn listen() -> ($listener, u16) {
                let listener = $listener::bind("127.0.0.1:0").await.unwrap();
                let port = listener.local_addr().unwrap().port();
                (listener, port)
            }

            async fn accept(listener: &$listener) -> ($tcp, ::std::net::SocketAddr) {
                listener.accept().await.unwrap()
            }
        }
    };
}

/// Expands to one `#[test]` for each of the [`scenarios`], run on this harness. `$binding` is the crate
/// under test.
#[macro_export]
macro_rules! socket_suite {
    ($harness:ident, $binding:ident) => {
        $crate::socket_scenarios!($harness:
            shutdown_ends_the_stream_while_it_is_held
            tcp_takes_several_chunks_at_once
            wss_goes_through_an_http_proxy
            wss_goes_through_an_https_proxy
            wss_goes_through_a_socks_proxy
            ws_goes_through_an_https_proxy
            certificate_behind_a_proxy_is_the_servers_affair
            certificate_of_a_proxy_is_the_proxys_affair
            name_with_addresses_of_both_families_is_reached
            local_address_is_where_the_connection_comes_from
            split_connection_in_two_layers_of_tls_works
            certificate_of_an_authority_is_trusted_as_a_servers_if_it_is_given
            certificate_that_is_given_is_still_checked
            certificate_that_is_given_needs_no_issuer
            certificate_of_an_authority_is_refused_as_a_servers_with_a_reason
            server_that_chooses_http2_is_told_as_such
            server_that_dies_inside_tls_is_a_disconnect
            socket_options_bound_what_the_systems_hold
            paced_lane_is_fresh_over_tcp
            client_that_was_spawned_comes_back
            error_of_a_closed_port_names_the_address
            error_of_an_unknown_name_is_told_apart
            error_of_a_url_says_what_to_change
            error_of_an_answer_says_what_the_server_is
            error_of_a_server_that_goes_away_asks_for_tls
            error_of_a_wrong_scheme_names_the_right_one
            error_of_a_certificate_says_what_is_wrong_with_it
            error_of_a_timeout_says_the_stage
            error_of_a_proxy_names_the_server_and_the_proxys_answer
            error_of_a_broken_rule_says_what_the_peer_did
            served_tcp_connections_talk_until_the_shutdown
            served_tls_connections_talk_until_the_shutdown
            served_connection_beyond_the_limit_is_refused_with_503
            addresses_of_tcp_are_known_until_the_end
            tls_session_is_known_until_the_end
        );

        /// A connector's future can go to another thread.
        #[test]
        fn connecting_can_be_spawned() {
            fn is_send<T: Send>(_: T) {}
            is_send($binding::connect("ws://127.0.0.1:1/"));
            is_send(async {
                $binding::Connector::new()
                    .connect("wss://localhost:1/")
                    .await
            });
        }
    };
}

/// Expands to the tests of `wss://` by another TLS library, in a module of this name. `$trusting` makes
/// its connector, which trusts the authority of a PEM text.
#[macro_export]
macro_rules! tls_layer_suite {
    ($name:ident, $harness:ident, $trusting:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn client_trusts_whom_the_library_trusts() {
                $crate::sockets::scenarios::client_trusts_whom_the_library_trusts::<$harness, _>(
                    $trusting,
                );
            }

            #[test]
            fn server_that_dies_inside_tls_is_a_disconnect() {
                $crate::sockets::scenarios::server_that_dies_inside_the_layer_is_a_disconnect::<
                    $harness,
                    _,
                >($trusting);
            }
        }
    };
}

/// The tests of the suite.
#[doc(hidden)]
#[macro_export]
macro_rules! socket_scenarios {
    ($harness:ident: $($scenario:ident)*) => {
        $(
            #[test]
            fn $scenario() {
                $crate::sockets::scenarios::$scenario::<$harness>();
            }
        )*
    };
}

//! Scenarios on the loopback interface, for what pipes cannot show: real sockets and real TLS.
//!
//! [`socket_suite!`](crate::socket_suite!) makes a `#[test]` of each. Servers, proxies and clients run in
//! one task.

mod authority;
mod proxy;
pub mod scenarios;

use std::future::Future;
use std::net::SocketAddr;

use wskit_dial::Net;
use wskit_dial::tls::Rustls;
use wskit_driver::{Runtime, Transport};

pub use authority::{Authority, Identity};
pub use proxy::{Kind, Proxies};

/// What differs between runtimes, for [`socket_suite!`](crate::socket_suite!).
pub trait Sockets: Sized {
    /// The binding under test.
    type Net: Net<Tls: Rustls<Self::Tcp, Server = Self::Tls>>
        + Runtime<Self::Tcp, Transport = Self::TcpIo>
        + Runtime<Self::Tls, Transport = Self::TlsIo>;
    /// A connection that was accepted.
    type Tcp: 'static;
    /// A connection inside TLS.
    type Tls: 'static;
    /// The transport of a TCP connection.
    type TcpIo: Transport + 'static;
    /// The transport of a connection inside TLS.
    type TlsIo: Transport + 'static;
    /// A TCP listener.
    type Listener;

    /// Runs a test to its end.
    fn run(test: impl Future<Output = ()>);

    /// Listens on a free port of 127.0.0.1 and returns the listener with its port.
    fn listen() -> impl Future<Output = (Self::Listener, u16)>;

    /// Accepts the next connection and returns it with its address.
    fn accept(listener: &Self::Listener) -> impl Future<Output = (Self::Tcp, SocketAddr)>;
}

/// Expands to one `#[test]` for each of the [`scenarios`], run on this harness.
#[macro_export]
macro_rules! socket_suite {
    ($harness:ident) => {
        $crate::socket_scenarios!($harness:
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
            addresses_of_tcp_are_known_until_the_end
            tls_session_is_known_until_the_end
        );
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

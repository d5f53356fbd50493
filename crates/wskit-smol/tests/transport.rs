//! The transport by itself: what the suite does not know of smol's sockets.
#![allow(clippy::unwrap_used, reason = "a test")]

use smol::block_on;
use smol::net::{TcpListener, TcpStream};
use wskit_driver::{SplitHalf, Transport};
use wskit_smol::Io;

#[cfg(unix)]
#[test]
fn shutdown_ends_a_unix_socket_while_it_is_held() {
    block_on(async {
        let (ours, theirs) = smol::net::unix::UnixStream::pair().unwrap();
        wskit_suite::sockets::scenarios::shut_down_while_held(Io::from(ours), Io::from(theirs))
            .await;
    });
}

#[test]
fn tcp_is_split_without_a_lock() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (read, write) = Io::from(stream).into_split();
        assert!(matches!(read, SplitHalf::Owned(_)));
        assert!(matches!(write, SplitHalf::Owned(_)));
    });
}

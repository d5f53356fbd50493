//! TCP over async-io, for the bindings to runtimes that use it.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

use async_io::Async;
use socket2::{Domain, Protocol, Socket, Type};
use wskit_driver::SocketOptions;

/// Opens a TCP connection from a local address, or with socket options set before, which async-std and
/// async-net cannot.
///
/// # Errors
/// Those of the operating system.
///
/// # Cancel safety
/// Dropping the future drops the connection.
pub async fn connect_with(
    to: SocketAddr,
    from: Option<IpAddr>,
    options: SocketOptions,
) -> io::Result<Async<TcpStream>> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::from((from, 0)).into())?;
    }
    options.apply(&socket);
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        // The socket reports the outcome when it becomes writable.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
        _ => {}
    }
    let tcp = Async::<TcpStream>::new(socket.into())?;
    tcp.writable().await?;
    match tcp.get_ref().take_error()? {
        None => Ok(tcp),
        Some(error) => Err(error),
    }
}

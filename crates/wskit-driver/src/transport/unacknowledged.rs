//! What the peer of a TCP socket has not acknowledged: a system call that no dependency wraps.
#![allow(
    unsafe_code,
    reason = "`ioctl` takes its argument by pointer; one call, with an integer that outlives it"
)]

use std::os::fd::AsRawFd;

/// Returns how many bytes were written to a TCP socket and are not acknowledged by the peer's host, sent
/// or not (`SIOCOUTQ`, tcp(7)). `None` if the system does not say, as for other descriptors.
///
/// For bindings, to implement [`PollWrite::unacknowledged`](crate::PollWrite::unacknowledged).
#[must_use]
pub fn unacknowledged<S: AsRawFd>(socket: &S) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as its owner is borrowed, and this request writes one `int` to
    // where its argument points, which is `bytes`.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if status == 0 {
        usize::try_from(bytes).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::unacknowledged;

    #[test]
    fn bytes_that_the_peer_does_not_read_are_counted_until_it_does() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        assert_eq!(unacknowledged(&near), Some(0));
        near.set_nonblocking(true).unwrap();
        let data = vec![7; 64 << 10];
        let mut written = 0;
        while let Ok(n) = near.write(&data) {
            written += n;
        }
        // What its host has no room for is not acknowledged.
        let waiting = unacknowledged(&near).unwrap();
        assert!(waiting > 0 && waiting <= written, "{waiting} of {written}");
        let mut buf = vec![0; 64 << 10];
        while written > 0 {
            written -= far.read(&mut buf).unwrap();
        }
        // The last acknowledgement may be on its way.
        while unacknowledged(&near) != Some(0) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_is_no_socket_has_nothing_to_tell() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(unacknowledged(&file), None);
    }
}

use std::time::Duration;

/// How much the operating system buffers for a TCP connection, and whether it probes the peer. The default
/// leaves it to the system, which grows its buffers to some megabytes: the best for throughput.
///
/// Set on a `Server` or a `Connector`, and to be [applied](SocketOptions::apply) to sockets of your own.
/// Smaller buffers hold less that is out of date when the peer reads slowly, and less memory of the
/// kernel for each connection. They only bound what is in *this* system: the peer's own buffers and
/// those of proxies count as well. [`LaneConfig::paced`](crate::LaneConfig::paced) bounds all of them.
///
/// ```
/// use wskit_driver::SocketOptions;
/// let options = SocketOptions::new().unsent(16 << 10).receive_buffer(64 << 10);
/// ```
///
/// An option that the system refuses is left as it is, because the connection works without it. The
/// feature `tracing` reports it as `socket option refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    unsent: Option<u32>,
    tcp_keepalive: Option<Duration>,
}

impl SocketOptions {
    /// Returns options that change nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            send_buffer: None,
            receive_buffer: None,
            unsent: None,
            tcp_keepalive: None,
        }
    }

    /// Sets the size of the send buffer in bytes (`SO_SNDBUF`), which the system then grows no more. It
    /// holds what is not acknowledged, so a connection sends at most this much in a round trip. Linux
    /// doubles the value, for its own bookkeeping, and has a least and a greatest one.
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Sets the size of the receive buffer in bytes (`SO_RCVBUF`), which the system then grows no more.
    /// The peer sends at most this much ahead of what is read, and in a round trip. Linux doubles the
    /// value, and has a least and a greatest one.
    ///
    /// A `Connector` sets it before it connects. A connection that was accepted has offered its first
    /// window already: set the option on the listener too if that matters.
    #[must_use]
    pub const fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Sets how many bytes that are not sent yet the send buffer takes at most (`TCP_NOTSENT_LOWAT`).
    /// Unlike [`send_buffer`](SocketOptions::send_buffer) it does not limit how much is on its way, so it
    /// costs no throughput on long paths. Linux and Android only; it does nothing elsewhere.
    ///
    /// 0 counts as 1, because these systems take 0 as no limit.
    #[must_use]
    pub const fn unsent(mut self, bytes: u32) -> Self {
        self.unsent = Some(if bytes == 0 { 1 } else { bytes });
        self
    }

    /// Has the system probe a peer of which nothing has come for this long (`SO_KEEPALIVE`,
    /// `TCP_KEEPIDLE`). It is rounded up to seconds, at least one. A peer whose system answers no probe is
    /// lost: the connection ends with an I/O error. How many probes go unanswered before that, and how
    /// often they are sent, is the system's setting; on Linux 9, one each 75 seconds.
    ///
    /// `Config::keepalive` does more, and is enabled by default: its pings are answered by the peer's
    /// program, they pass through proxies, and keep those from ending an idle connection. This is for
    /// connections without it, and for the time before and after the WebSocket.
    #[must_use]
    pub const fn tcp_keepalive(mut self, idle: Duration) -> Self {
        self.tcp_keepalive = Some(idle);
        self
    }

    /// Returns whether these options change nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.send_buffer.is_none()
            && self.receive_buffer.is_none()
            && self.unsent.is_none()
            && self.tcp_keepalive.is_none()
    }

    /// Sets the options of a socket, connected or not.
    #[cfg(feature = "socket2")]
    pub fn apply<'s, S>(&self, socket: &'s S)
    where
        socket2::SockRef<'s>: From<&'s S>,
    {
        if self.is_empty() {
            return;
        }
        let socket = socket2::SockRef::from(socket);
        let set = |name, result: std::io::Result<()>| {
            if let Err(error) = result {
                crate::observe::option_refused(name, &error);
            }
        };
        if let Some(bytes) = self.send_buffer {
            set("SO_SNDBUF", socket.set_send_buffer_size(bytes));
        }
        if let Some(bytes) = self.receive_buffer {
            set("SO_RCVBUF", socket.set_recv_buffer_size(bytes));
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(bytes) = self.unsent {
            set("TCP_NOTSENT_LOWAT", socket.set_tcp_notsent_lowat(bytes));
        }
        if let Some(idle) = self.tcp_keepalive {
            // Parts of a second would be cut off, and 0 is refused.
            let seconds = idle
                .as_secs()
                .saturating_add(u64::from(idle.subsec_nanos() > 0));
            let keepalive =
                socket2::TcpKeepalive::new().with_time(Duration::from_secs(seconds.max(1)));
            set("SO_KEEPALIVE", socket.set_tcp_keepalive(&keepalive));
        }
    }
}

#[cfg(all(test, unix, feature = "socket2"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn tcp_keepalive_is_set_in_whole_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket = socket2::SockRef::from(&listener);
        SocketOptions::new().apply(&listener);
        assert!(!socket.keepalive().expect("an option"));
        for (millis, seconds) in [(0, 1), (1, 1), (60_000, 60), (60_001, 61)] {
            let idle = Duration::from_millis(millis);
            SocketOptions::new().tcp_keepalive(idle).apply(&listener);
            assert!(socket.keepalive().expect("an option"));
            let set = socket.tcp_keepalive_time().expect("an option");
            assert_eq!(set, Duration::from_secs(seconds), "{idle:?}");
        }
    }
}

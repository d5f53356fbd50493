//! epoll, `recv` and `send`, without layers.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::time::{Duration, Instant};

/// An epoll instance. Closed with the process.
pub struct Poll {
    fd: RawFd,
    events: Vec<libc::epoll_event>,
}

impl Poll {
    /// A new one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let event = libc::epoll_event { events: 0, u64: 0 };
        Ok(Self {
            fd,
            events: vec![event; 512],
        })
    }

    /// Watches a socket for input, level-triggered.
    ///
    /// # Errors
    /// The kernel's.
    pub fn add(&self, socket: &impl AsRawFd, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, token, false)
    }

    /// Watches for room to write too, or no more.
    ///
    /// # Errors
    /// The kernel's.
    pub fn writable(&self, socket: &impl AsRawFd, token: usize, on: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, token, on)
    }

    /// Watches a socket no more.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, socket: &impl AsRawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket, 0, false)
    }

    fn control(&self, op: i32, socket: &impl AsRawFd, token: usize, write: bool) -> io::Result<()> {
        let interest = libc::EPOLLIN | if write { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event {
            events: interest as u32,
            u64: token as u64,
        };
        // SAFETY: the event lives through the call.
        match unsafe { libc::epoll_ctl(self.fd, op, socket.as_raw_fd(), &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits until something is ready or the time is over.
    ///
    /// # Errors
    /// The kernel's; an interruption is no error.
    pub fn wait(&mut self, limit: Duration) -> io::Result<usize> {
        let millis = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let room = i32::try_from(self.events.len()).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most `room` events.
        let n = unsafe { libc::epoll_wait(self.fd, self.events.as_mut_ptr(), room, millis) };
        match n {
            n if n >= 0 => Ok(n as usize),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            },
        }
    }

    /// Waits until something is ready or `end` has come, to the microsecond.
    ///
    /// # Errors
    /// The kernel's; an interruption is no error.
    pub fn wait_until(&mut self, end: Instant) -> io::Result<usize> {
        let left = end.saturating_duration_since(Instant::now());
        let limit = libc::timespec {
            tv_sec: left.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(left.subsec_nanos() as i32),
        };
        let mut set = libc::pollfd {
            fd: self.fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: all of it lives through the call.
        let n = unsafe { libc::ppoll(&raw mut set, 1, &raw const limit, std::ptr::null()) };
        if n == 0 {
            return Ok(0);
        }
        self.wait(Duration::ZERO)
    }

    /// The `index`th event of the last wait: its token, whether there is input, whether there is room.
    #[must_use]
    pub fn event(&self, index: usize) -> (usize, bool, bool) {
        let event = self.events[index];
        let (bits, token) = (event.events as i32, event.u64 as usize);
        let input = bits & (libc::EPOLLIN | libc::EPOLLERR | libc::EPOLLHUP) != 0;
        (token, input, bits & libc::EPOLLOUT != 0)
    }
}

/// Receives what is there; `None` if nothing is.
///
/// # Errors
/// The socket's; its end counts as one.
pub fn receive(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the kernel writes at most the buffer's length.
    let n = unsafe {
        libc::recv(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
        )
    };
    match n {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        n if n > 0 => Ok(Some(n as usize)),
        _ => would_block(),
    }
}

/// Sends what the socket takes; `None` if that is nothing.
///
/// # Errors
/// The socket's.
pub fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<Option<usize>> {
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads at most the slice's length.
    let n = unsafe {
        libc::send(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
        )
    };
    match n {
        n if n >= 0 => Ok(Some(n as usize)),
        _ => would_block(),
    }
}

/// Connects with a receive buffer of this size, which has to be set before.
///
/// # Errors
/// The kernel's; an address other than IPv4.
pub fn connect_narrow(address: SocketAddr, bytes: i32) -> io::Result<TcpStream> {
    let socket = socket()?;
    set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes)?;
    connect(socket, address)
}

/// Connects from a source address of loopback, `127.0.0.last`, so that ports do not run short.
///
/// # Errors
/// The kernel's; an address other than IPv4.
pub fn connect_from(last: u8, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket()?;
    // The port is chosen when the other end is known.
    set(&socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
    let source = name(SocketAddr::from(([127, 0, 0, last], 0)))?;
    // SAFETY: the struct is valid and of the size that is passed.
    let done = unsafe { libc::bind(socket.as_raw_fd(), (&raw const source).cast(), NAME) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    connect(socket, address)
}

/// Makes closing send RST, which leaves nothing waiting.
///
/// # Errors
/// The kernel's.
pub fn reset_on_close(socket: &TcpStream) -> io::Result<()> {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    set(socket, libc::SOL_SOCKET, libc::SO_LINGER, linger)
}

fn socket() -> io::Result<TcpStream> {
    // SAFETY: no memory is passed; the descriptor is owned from the moment it exists.
    unsafe {
        match libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) {
            fd if fd >= 0 => Ok(TcpStream::from_raw_fd(fd)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn set<T>(socket: &TcpStream, level: i32, option: i32, value: T) -> io::Result<()> {
    let (fd, size) = (socket.as_raw_fd(), size_of::<T>() as u32);
    // SAFETY: the value is passed with its size.
    match unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn connect(socket: TcpStream, address: SocketAddr) -> io::Result<TcpStream> {
    let to = name(address)?;
    // SAFETY: the struct is valid and of the size that is passed.
    match unsafe { libc::connect(socket.as_raw_fd(), (&raw const to).cast(), NAME) } {
        0 => Ok(socket),
        _ => Err(io::Error::last_os_error()),
    }
}

fn name(address: SocketAddr) -> io::Result<libc::sockaddr_in> {
    let SocketAddr::V4(address) = address else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    // SAFETY: all zeros are a valid value.
    let mut name: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    name.sin_family = libc::AF_INET as u16;
    name.sin_port = address.port().to_be();
    name.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
    Ok(name)
}

const NAME: u32 = size_of::<libc::sockaddr_in>() as u32;

fn would_block() -> io::Result<Option<usize>> {
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        error => Err(error),
    }
}

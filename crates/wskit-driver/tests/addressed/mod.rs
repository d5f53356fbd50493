//! A pipe that tells an address, as a connection over IP does.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use wskit_driver::{PollRead, PollWrite, SharedHalf, Transport};
use wskit_test::SimulatedIo;

pub(crate) struct Addressed(pub(crate) SimulatedIo);

impl PollRead for Addressed {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }
}

impl PollWrite for Addressed {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, 4321).into())
    }
}

impl Transport for Addressed {
    type Read = SharedHalf<Self>;
    type Write = SharedHalf<Self>;
    type Timer = <SimulatedIo as Transport>::Timer;

    fn timer(&self) -> Self::Timer {
        self.0.timer()
    }

    fn into_split(self) -> (SharedHalf<Self>, SharedHalf<Self>) {
        let both = SharedHalf::new(self);
        (both.clone(), both)
    }
}

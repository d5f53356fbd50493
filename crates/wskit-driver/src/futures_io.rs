//! Streams in the traits of futures-io.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use crate::byte_stream::ByteStream;
use crate::message_writer::{MessageWriter, PIECE};
use crate::transport::Transport;

impl<T: Transport> AsyncRead for ByteStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ByteStream::poll_read(self.get_mut(), cx, buf)
    }
}

impl<T: Transport> AsyncBufRead for ByteStream<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ByteStream::poll_fill_buf(self.get_mut(), cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        ByteStream::consume(self.get_mut(), n);
    }
}

impl<T: Transport> AsyncWrite for ByteStream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ByteStream::poll_write(self.get_mut(), cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ByteStream::poll_flush(self.get_mut(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ByteStream::poll_close(self.get_mut(), cx)
    }
}

/// A write takes up to 64 KiB, as one frame; closing finishes the message.
impl<T: Transport> AsyncWrite for MessageWriter<'_, T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = buf.get(..PIECE).unwrap_or(buf);
        ready!(MessageWriter::poll_write(self.get_mut(), cx, piece))?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(ready!(MessageWriter::poll_flush(self.get_mut(), cx))?))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(ready!(MessageWriter::poll_finish(self.get_mut(), cx))?))
    }
}

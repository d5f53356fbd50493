//! How messages and answers get to the stream.

use std::io::{self, IoSlice, Write};

use bytes::Bytes;
use wskit_proto::Utf8Bytes;

use super::WebSocketContext;
use crate::error::{Error, ProtocolError, Result};
use crate::protocol::frame::Frame;
use crate::protocol::frame::coding::{Data, OpCode};
use crate::protocol::{Message, Role};

/// Payloads up to this size are copied into the queue; larger ones are queued as they are.
const COPIED: usize = 16 << 10;
/// The most buffers of one write.
const CHUNKS: usize = 16;

impl WebSocketContext {
    /// Queues a message, a ping, or a frame.
    pub(super) fn queue(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Text(text) => self.queue_text(text.into_proto()),
            Message::Binary(data) => self.queue_binary(data),
            Message::Ping(data) => {
                check_control(&data)?;
                if !self.has_room(data.len()) {
                    return Err(full(Frame::ping(data)));
                }
                self.outbound.ping_in_order(&data);
                Ok(())
            }
            Message::Frame(frame) => self.queue_frame(frame),
            // `write` has its own ways for these.
            Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    #[inline]
    fn queue_text(&mut self, text: Utf8Bytes) -> Result<()> {
        if !self.has_room(text.len()) {
            let text = text.into_bytes();
            return Err(full(Frame::message(text, OpCode::Data(Data::Text), true)));
        }
        self.used = true;
        Ok(if text.len() <= COPIED {
            self.outbound.feed(text.as_str())
        } else {
            self.outbound.feed(text)
        }?)
    }

    #[inline]
    fn queue_binary(&mut self, data: Bytes) -> Result<()> {
        if !self.has_room(data.len()) {
            return Err(full(Frame::message(data, OpCode::Data(Data::Binary), true)));
        }
        self.used = true;
        Ok(if data.len() <= COPIED {
            self.outbound.feed(&data[..])
        } else {
            self.outbound.feed(data)
        }?)
    }

    /// Queues a frame of the program's own. A whole message is sent as any other, so that one which is given
    /// back by a full queue is compressed as it would have been.
    fn queue_frame(&mut self, mut frame: Frame) -> Result<()> {
        let header = frame.header_mut();
        if self.role == Role::Client {
            header.mask = Some(wskit_driver::secure_keys().next_key());
        }
        let header = frame.header();
        let plain = header.is_final && !(header.rsv1 || header.rsv2 || header.rsv3);
        if plain && self.is_compressed() {
            match header.opcode {
                OpCode::Data(Data::Text) => {
                    let text = Utf8Bytes::try_from(frame.into_payload());
                    return self.queue_text(text.map_err(|_| wskit_proto::SendError::InvalidUtf8)?);
                }
                OpCode::Data(Data::Binary) => return self.queue_binary(frame.into_payload()),
                _ => {}
            }
        }
        if !self.has_room(frame.payload().len()) {
            return Err(full(frame));
        }
        let mut bytes = Vec::with_capacity(frame.len());
        frame.format(&mut bytes)?;
        self.outbound.feed_frames(bytes.into())?;
        Ok(())
    }

    /// Whether a frame with a payload of `len` bytes may be queued.
    #[inline]
    fn has_room(&self, len: usize) -> bool {
        let max = self.config.max_write_buffer_size;
        max == usize::MAX || {
            let mask = if self.role == Role::Client { 4 } else { 0 };
            let header = match len {
                0..=125 => 2,
                126..=0xffff => 4,
                _ => 10,
            };
            self.outbound.queued() + header + mask + len <= max
        }
    }

    /// Queues the answer that is due, and ends a server's connection once both Closes are queued. Returns
    /// whether to flush.
    pub(super) fn answer<Stream: Write>(&mut self, stream: &mut Stream) -> Result<bool> {
        let flush = if self.queue_pong() {
            self.write_if_many(stream)?;
            true
        } else {
            self.unflushed
        };
        if self.is_done() {
            self.write_out(stream)?;
            return Err(self.terminate());
        }
        Ok(flush)
    }

    /// Queues the pong that is due. Returns whether there was one.
    pub(super) fn queue_pong(&mut self) -> bool {
        let pong = self.pong.take();
        if let Some(pong) = &pong {
            // After a Close, none is owed.
            let _ = self.outbound.pong(pong);
        }
        pong.is_some()
    }

    /// Writes what is queued if it is more than the settings let wait.
    #[inline]
    pub(super) fn write_if_many<Stream: Write>(&mut self, stream: &mut Stream) -> Result<()> {
        if self.outbound.queued() > self.config.write_buffer_size {
            let state = self.state;
            self.write_out(stream)
                .map_err(|error| state.io_error(error))?;
        }
        Ok(())
    }

    /// Writes what is queued.
    pub(super) fn write_out<Stream: Write>(&mut self, stream: &mut Stream) -> io::Result<()> {
        while !self.outbound.is_empty() {
            match self.write_once(stream) {
                Ok(0) => {
                    let reset = io::ErrorKind::ConnectionReset;
                    return Err(io::Error::new(reset, "Connection reset while sending"));
                }
                Ok(n) => {
                    self.outbound.set_blocked(false);
                    self.outbound.advance(n);
                }
                Err(error) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        self.outbound.set_blocked(true);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn write_once<Stream: Write>(&self, stream: &mut Stream) -> io::Result<usize> {
        if let Some(only) = self.outbound.only_chunk() {
            return stream.write(only);
        }
        let mut chunks = [IoSlice::new(&[]); CHUNKS];
        match self.outbound.chunks(&mut chunks) {
            1 => stream.write(&chunks[0]),
            n => stream.write_vectored(&chunks[..n]),
        }
    }
}

/// The queue is full: the message is given back, as a frame.
#[cold]
fn full(frame: Frame) -> Error {
    Error::WriteBufferFull(Box::new(Message::Frame(frame)))
}

/// Checks the payload of a ping or pong.
pub(super) fn check_control(payload: &[u8]) -> Result<()> {
    if payload.len() > wskit_frame::CONTROL_MAX {
        return Err(ProtocolError::ControlFrameTooBig.into());
    }
    Ok(())
}

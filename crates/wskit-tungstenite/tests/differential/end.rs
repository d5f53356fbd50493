//! Both libraries behind one trait.

use std::io::ErrorKind;

use bytes::Bytes;

use crate::script::Script;

/// What a call returned, in terms that both libraries share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<(u16, String)>),
    Done,
    Closed,
    Io(ErrorKind),
    /// The limit. The size is a lower bound here.
    TooLong(usize),
    /// The payload that came back.
    Full(Bytes),
    Utf8,
    /// The variant of any other error.
    Error(String),
}

pub(crate) const WOULD_BLOCK: Got = Got::Io(ErrorKind::WouldBlock);

/// What a program may send.
#[derive(Clone, Debug)]
pub(crate) enum Send {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<(u16, String)>),
    /// A fragment that the program makes: opcode, whether it is the last, payload.
    Frame(u8, bool, Bytes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) write_buffer: usize,
    pub(crate) max_write_buffer: usize,
    pub(crate) max_message: Option<usize>,
    pub(crate) max_frame: Option<usize>,
    pub(crate) unmasked: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            write_buffer: 128 << 10,
            max_write_buffer: usize::MAX,
            max_message: Some(64 << 20),
            max_frame: Some(16 << 20),
            unmasked: false,
        }
    }
}

pub(crate) trait End {
    fn read(&mut self) -> Got;
    fn write(&mut self, message: Send) -> Got;
    fn flush(&mut self) -> Got;
    fn close(&mut self, close: Option<(u16, String)>) -> Got;
    fn can(&self) -> (bool, bool);
    fn script(&mut self) -> &mut Script;
}

macro_rules! end {
    ($name:ident, $open:ident, $lib:ident) => {
        mod $name {
            use super::*;
            use ::$lib::error::{CapacityError, Error};
            use ::$lib::protocol::frame::Frame;
            use ::$lib::protocol::frame::coding::OpCode;
            use ::$lib::protocol::{CloseFrame, Role, WebSocketConfig};
            use ::$lib::{Message, WebSocket};

            fn message(result: Result<Message, Error>) -> Got {
                match result {
                    Ok(Message::Text(text)) => Got::Text(text.to_string()),
                    Ok(Message::Binary(data)) => Got::Binary(data),
                    Ok(Message::Ping(data)) => Got::Ping(data),
                    Ok(Message::Pong(data)) => Got::Pong(data),
                    Ok(Message::Close(close)) => {
                        Got::Close(close.map(|close| (close.code.into(), close.reason.to_string())))
                    }
                    Ok(Message::Frame(frame)) => Got::Error(format!("{frame:?}")),
                    Err(error) => failed(error),
                }
            }

            pub(crate) fn failed(error: Error) -> Got {
                match error {
                    Error::ConnectionClosed => Got::Closed,
                    Error::Io(error) => Got::Io(error.kind()),
                    Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
                        Got::TooLong(max_size)
                    }
                    Error::WriteBufferFull(message) => match *message {
                        Message::Frame(frame) => Got::Full(frame.into_payload()),
                        message => Got::Error(format!("not a frame: {message:?}")),
                    },
                    Error::Utf8(_) => Got::Utf8,
                    Error::Http(response) => {
                        let body = response.body().as_deref().map(String::from_utf8_lossy);
                        Got::Error(format!("{} {body:?}", response.status()))
                    }
                    error => Got::Error(format!("{error:?} / {error}")),
                }
            }

            pub(crate) fn done(result: Result<(), Error>) -> Got {
                result.map_or_else(failed, |()| Got::Done)
            }

            fn close_frame((code, reason): (u16, String)) -> CloseFrame {
                CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                }
            }

            impl End for WebSocket<Script> {
                fn read(&mut self) -> Got {
                    message(self.read())
                }

                fn write(&mut self, message: Send) -> Got {
                    done(self.write(match message {
                        Send::Text(text) => Message::text(text),
                        Send::Binary(data) => Message::Binary(data),
                        Send::Ping(data) => Message::Ping(data),
                        Send::Pong(data) => Message::Pong(data),
                        Send::Close(close) => Message::Close(close.map(close_frame)),
                        Send::Frame(opcode, last, data) => {
                            Message::Frame(Frame::message(data, OpCode::from(opcode), last))
                        }
                    }))
                }

                fn flush(&mut self) -> Got {
                    done(self.flush())
                }

                fn close(&mut self, close: Option<(u16, String)>) -> Got {
                    done(self.close(close.map(close_frame)))
                }

                fn can(&self) -> (bool, bool) {
                    (self.can_read(), self.can_write())
                }

                fn script(&mut self) -> &mut Script {
                    self.get_mut()
                }
            }

            pub(crate) fn open(side: Side, settings: Settings) -> Box<dyn End> {
                let config = WebSocketConfig::default()
                    .write_buffer_size(settings.write_buffer)
                    .max_write_buffer_size(settings.max_write_buffer)
                    .max_message_size(settings.max_message)
                    .max_frame_size(settings.max_frame)
                    .accept_unmasked_frames(settings.unmasked);
                let role = match side {
                    Side::Server => Role::Server,
                    Side::Client => Role::Client,
                };
                let ws = WebSocket::from_raw_socket(Script::default(), role, Some(config));
                Box::new(ws)
            }
        }
        pub(crate) use $name::open as $open;
    };
}

end!(of_theirs, theirs, theirs);
end!(of_ours, ours, wskit_tungstenite);

pub(crate) use of_ours::failed as failed_ours;
pub(crate) use of_theirs::failed as failed_theirs;

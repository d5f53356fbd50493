use std::io::{self, ErrorKind, Read, Write};

use wskit_tungstenite::error::Error;
use wskit_tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};
use wskit_tungstenite::util::NonBlockingResult;
use wskit_tungstenite::{Bytes, WebSocket};

/// A stream that takes a number of bytes and then no more.
#[derive(Debug, Default)]
struct Takes {
    left: usize,
    written: Vec<u8>,
    flushes: usize,
}

impl Read for Takes {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for Takes {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(self.left);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.left -= n;
        self.written.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        Ok(())
    }
}

fn server(config: WebSocketConfig) -> WebSocket<Takes> {
    WebSocket::from_raw_socket(Takes::default(), Role::Server, Some(config))
}

/// Messages wait up to `write_buffer_size`, and a write does not flush.
#[test]
fn messages_wait_for_a_flush_or_a_full_buffer() {
    let mut ws = server(WebSocketConfig::default().write_buffer_size(10));
    ws.get_mut().left = usize::MAX;
    ws.write("12345678".into()).unwrap();
    assert_eq!(ws.get_ref().written.len(), 0);
    ws.write("9".into()).unwrap();
    assert_eq!((ws.get_ref().written.len(), ws.get_ref().flushes), (13, 0));
    ws.write("0".into()).unwrap();
    ws.flush().unwrap();
    assert_eq!((ws.get_ref().written.len(), ws.get_ref().flushes), (16, 1));

    let mut ws = server(WebSocketConfig::default().write_buffer_size(0));
    ws.get_mut().left = usize::MAX;
    ws.write("at once".into()).unwrap();
    assert_eq!(ws.get_ref().written.len(), 9);
}

/// The message that is refused comes back, and can be sent once there is room.
#[test]
fn full_buffer_gives_the_message_back() {
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_write_buffer_size(12);
    for role in [Role::Server, Role::Client] {
        let mut ws = WebSocket::from_raw_socket(Takes::default(), role, Some(config));
        let queued = ws.write("123456".into()).unwrap_err();
        assert!(matches!(queued, Error::Io(error) if error.kind() == ErrorKind::WouldBlock));
        let Error::WriteBufferFull(message) = ws.write("7890ab".into()).unwrap_err() else {
            panic!("it was queued");
        };
        assert_eq!(message.to_text().unwrap(), "7890ab");
        ws.get_mut().left = usize::MAX;
        ws.flush().unwrap();
        ws.send(*message).unwrap();
        let sent = &ws.get_ref().written;
        let header = if role == Role::Server { 2 } else { 6 };
        assert_eq!(sent.len(), 2 * (header + 6));
    }
}

/// A stream that takes a byte at a time loses and repeats nothing.
#[test]
fn message_that_would_block_is_queued() {
    let mut ws = server(WebSocketConfig::default().write_buffer_size(0));
    assert!(ws.write("abc".into()).no_block().unwrap().is_none());
    for _ in 0..5 {
        ws.get_mut().left = 1;
        let _ = ws.flush();
    }
    assert_eq!(ws.get_ref().written, b"\x81\x03abc");
    assert!(ws.flush().is_ok());
}

#[test]
#[should_panic(expected = "max_write_buffer_size must be greater than write_buffer_size")]
fn settings_that_contradict_each_other_panic() {
    let _ = server(WebSocketConfig::default().max_write_buffer_size(1));
}

#[test]
fn settings_can_be_changed() {
    let mut ws = server(WebSocketConfig::default());
    ws.set_config(|config| config.max_message_size = Some(5));
    assert_eq!(ws.get_config().max_message_size, Some(5));
    assert!(ws.can_read() && ws.can_write());
}

/// For programs that keep the stream elsewhere.
#[test]
fn context_takes_the_stream_with_each_call() {
    let mut stream = Takes {
        left: usize::MAX,
        ..Takes::default()
    };
    let mut context = WebSocketContext::new(Role::Server, None);
    context
        .write(&mut stream, Message::Binary(Bytes::from(vec![7; 100_000])))
        .unwrap();
    context.flush(&mut stream).unwrap();
    assert_eq!(stream.written.len(), 100_010);
    assert!(context.read(&mut stream).no_block().unwrap().is_none());
    context.close(&mut stream, None).unwrap();
    assert!(!context.can_write() && context.can_read());
    assert_eq!(stream.written[100_010..], [0x88, 0]);
}

#[test]
#[allow(deprecated, reason = "they are what is tested")]
fn earlier_names_still_work() {
    let mut ws = server(WebSocketConfig::default());
    ws.get_mut().left = usize::MAX;
    ws.write_message("a".into()).unwrap();
    ws.write_pending().unwrap();
    assert!(ws.read_message().no_block().unwrap().is_none());
    assert_eq!(ws.into_inner().written, b"\x81\x01a");
}

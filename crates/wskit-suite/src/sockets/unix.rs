use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Opens a WebSocket at a Unix socket, sends a text, and returns what came. Blocks.
#[must_use]
pub fn talk_to_unix(path: &Path) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).expect("a listener");
    let request = "GET / HTTP/1.1\r\nHost: unix\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("a server");
    let masked = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    stream.write_all(&masked).expect("a server");
    let mut came = Vec::new();
    let mut buf = [0; 512];
    while !came.ends_with(b"\x81\x02hi") {
        let n = stream.read(&mut buf).expect("a server");
        assert!(n > 0, "{}", String::from_utf8_lossy(&came));
        came.extend_from_slice(buf.get(..n).unwrap_or_default());
    }
    came
}

//! Prepared frames: what the client writes and what it must get back (RFC 6455 §5.2).

use crate::Cell;
use crate::cell::Server;

/// One burst of a cell and its echo.
#[derive(Clone, Debug)]
pub struct Burst {
    /// All messages of the burst, framed and masked, to be written at once.
    pub bytes: Vec<u8>,
    /// The bytes that must come back.
    pub echo: Vec<u8>,
}

impl Burst {
    /// Binary over TCP, ASCII text in memory; the same bytes in every run.
    pub fn new(cell: Cell) -> Self {
        let payload: Vec<u8> = (0..cell.size).map(|i| b'a' + (i % 26) as u8).collect();
        let opcode = if cell.server == Server::Memory {
            TEXT
        } else {
            BINARY
        };
        let mut bytes = Vec::new();
        let mut echo = Vec::new();
        for n in 0..cell.depth {
            frame(
                &mut bytes,
                opcode,
                &payload,
                Some([0x37, 0xfa, 0x21, n as u8]),
            );
            frame(&mut echo, opcode, &payload, None);
        }
        if cell.server == Server::Raw {
            echo.clone_from(&bytes);
        }
        Self { bytes, echo }
    }
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// Appends one whole message in one frame.
fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: Option<[u8; 4]>) {
    out.push(0x80 | opcode);
    let masked = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        n @ ..=125 => out.push(masked + n as u8),
        n @ ..=0xffff => {
            out.push(masked + 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(masked + 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let key = match key {
        Some(key) => {
            out.extend_from_slice(&key);
            key
        }
        None => [0; 4],
    };
    out.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_masked_and_its_echo_is_not() {
        let burst = Burst::new("lent 3x2".parse().expect("a cell"));
        assert_eq!(
            burst.bytes,
            [
                [0x82, 0x83, 0x37, 0xfa, 0x21, 0, 0x56, 0x98, 0x42],
                [0x82, 0x83, 0x37, 0xfa, 0x21, 1, 0x56, 0x98, 0x42],
            ]
            .concat()
        );
        assert_eq!(burst.echo, b"\x82\x03abc\x82\x03abc");
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        let head = |size: usize| {
            let mut out = Vec::new();
            frame(&mut out, TEXT, &vec![b'x'; size], None);
            out.truncate(out.len() - size);
            out
        };
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(0xffff), [0x81, 126, 0xff, 0xff]);
        assert_eq!(head(0x1_0000), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}

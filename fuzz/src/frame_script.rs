use crate::input::Input;
use crate::miniz::MinizDeflate;

/// Writes frames as the input says, a few bytes of input a frame: so that long messages and long
/// fragmented ones come out of short inputs. At most about [`MOST`] bytes.
///
/// One frame: a byte whose low half is the kind (text, binary, both unfinished, continuation, last
/// continuation, ping, pong, Close, a frame that is announced but does not come whole; with a `packer` a
/// compressed message whole or cut in two; above that, raw bytes follow), then two bits that are not zero
/// for a key of four bytes (else it is zero), then two bits for the size of the length; then the
/// length and the filling.
#[must_use]
pub fn frame_script(
    input: &mut Input<'_>,
    masked: bool,
    mut packer: Option<&mut MinizDeflate>,
) -> Vec<u8> {
    let mut wire = Vec::new();
    // Text goes on where the fragment before ended.
    let mut phase = 0;
    while !input.is_empty() && wire.len() < MOST {
        let op = input.byte();
        if op & 15 == 9 {
            // A claim of up to 1 MiB, of which little comes: mostly the last frame.
            let claim = (u64::from(input.byte()) + 1) * 4096;
            wire.extend_from_slice(&[0x82, if masked { 0xff } else { 0x7f }]);
            wire.extend_from_slice(&claim.to_be_bytes());
            wire.extend_from_slice(if masked { &[0; 4] } else { &[] });
            let came = input.size();
            wire.resize(wire.len() + came.min(claim as usize), b'c');
            continue;
        }
        if let (10..=13, Some(packer)) = (op & 15, packer.as_mut()) {
            let pattern = PATTERNS[usize::from(op >> 4) % PATTERNS.len()].as_bytes();
            let plain: Vec<u8> = pattern.iter().cycle().take(input.size()).copied().collect();
            let payload = packer.message(&plain, usize::from(op >> 6));
            let first = 0x41 + (op & 1);
            if op & 15 < 12 {
                frame(&mut wire, first | 0x80, &payload, masked);
                continue;
            }
            let (one, other) = payload.split_at(input.size().min(payload.len()));
            frame(&mut wire, first, one, masked);
            if op & 0x20 == 0 {
                frame(&mut wire, 0x89, b"between", masked);
            }
            frame(&mut wire, 0x80, other, masked);
            continue;
        }
        let Some(&first) = FIRST.get(usize::from(op & 15)) else {
            wire.extend_from_slice(input.slice(usize::from(op & 15)));
            continue;
        };
        let control = first & 8 != 0;
        let key = if op & 0x30 == 0 {
            [0; 4]
        } else {
            input.array()
        };
        let short = usize::from(input.byte());
        let len = match op >> 6 {
            _ if control => short % 126,
            0 => short % 126,
            1 => 126 + short,
            2 => short * 257,
            _ => 125 + short % 4,
        };
        let filling = input.byte();
        let payload: Vec<u8> = match (first & 15, filling) {
            (8, 0) => Vec::new(),
            (8, _) => {
                let code: [u8; 2] = if filling & 1 == 0 {
                    input.array()
                } else {
                    1000_u16.to_be_bytes()
                };
                let reason = "bye é".bytes().cycle().take(len.saturating_sub(2));
                code.into_iter().chain(reason).take(len).collect()
            }
            (_, 240..) => input.slice(len).to_vec(),
            _ => {
                let pattern = PATTERNS[usize::from(filling) % PATTERNS.len()];
                pattern
                    .as_bytes()
                    .iter()
                    .cycle()
                    .skip(phase % pattern.len())
                    .take(len)
                    .copied()
                    .collect()
            }
        };
        if !control {
            phase = if first & 0x80 == 0 {
                phase + payload.len()
            } else {
                0
            };
        }
        wire.push(first);
        let bit = if masked { 0x80 } else { 0 };
        match payload.len() {
            len @ 0..126 => wire.push(bit | len as u8),
            len @ 126..0x1_0000 => {
                wire.push(bit | 126);
                wire.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                wire.push(bit | 127);
                wire.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        if masked {
            wire.extend_from_slice(&key);
            wire.extend(
                payload
                    .iter()
                    .zip(key.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
        } else {
            wire.extend_from_slice(&payload);
        }
    }
    wire
}

/// A frame with a key of zeros, if it is masked.
fn frame(wire: &mut Vec<u8>, first: u8, payload: &[u8], masked: bool) {
    let bit = if masked { 0x80 } else { 0 };
    wire.push(first);
    match payload.len() {
        len @ 0..126 => wire.push(bit | len as u8),
        len @ 126..0x1_0000 => {
            wire.push(bit | 126);
            wire.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            wire.push(bit | 127);
            wire.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    wire.extend_from_slice(if masked { &[0; 4] } else { &[] });
    wire.extend_from_slice(payload);
}

const MOST: usize = 160 << 10;
const FIRST: [u8; 9] = [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88];
const PATTERNS: [&str; 4] = ["a", "Grüße, ", "wort \u{4e16}\u{754c} ", "\u{1f600}"];

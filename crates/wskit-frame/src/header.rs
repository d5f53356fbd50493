//! The frame header, RFC 6455 section 5.2.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "sizes of the parts of a header, at most 14 together; the length itself is only compared"
)]

use crate::{FrameError, OpCode};

/// Whether received frames must be masked (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Masking {
    /// Frames received by a server must be masked.
    Required,
    /// Frames received by a client must not be masked.
    Forbidden,
}

/// The rules of a receiver for headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderRules {
    /// Whether the peer's frames must be masked.
    pub masking: Masking,
    /// Whether compression was negotiated, so that RSV1 is allowed on the first
    /// frame of a message. It is always refused on control and continuation
    /// frames (RFC 7692 section 6).
    pub allow_rsv1: bool,
}

/// The header of a frame, which precedes the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// The frame is the last of its message.
    pub fin: bool,
    /// The message is compressed (RFC 7692). Set only on its first frame.
    pub rsv1: bool,
    /// The type of the frame.
    pub opcode: OpCode,
    /// The masking key of the payload.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload in bytes, at most [`LEN_MAX`]. It is a claim
    /// of the peer: compare it with a limit before reserving memory for it. It
    /// is a `u64` on every target, so that no cast can truncate it.
    pub len: u64,
}

/// The result of [`FrameHeader::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parsed {
    /// A complete header.
    Header {
        /// The header.
        header: FrameHeader,
        /// The size of the header, 2 to 14 bytes. The payload starts after it.
        size: usize,
    },
    /// The input ends inside the header, which is valid so far.
    Incomplete {
        /// The size of the header in bytes as far as it is known. It is always
        /// more than the input had, and final once the input had two bytes.
        needed: usize,
    },
}

/// The maximum payload of a control frame in bytes (RFC 6455 section 5.5).
pub const CONTROL_MAX: usize = 125;

/// The maximum payload that a header can announce, 2^63 - 1 bytes (RFC 6455 section 5.2).
pub const LEN_MAX: u64 = u64::MAX >> 1;

impl FrameHeader {
    /// The maximum size of a header: 2 bytes, 8 of length, 4 of key.
    pub const MAX_SIZE: usize = 14;

    /// Parses the header at the start of `bytes`; more bytes may follow.
    ///
    /// # Errors
    ///
    /// The first violated rule in the order of the bytes. The first byte
    /// decides about RSV bits, opcode and fragmented control frames; the second
    /// about the mask bit and the length of a control frame. A length that is
    /// not minimal or is above [`LEN_MAX`] is an error once its bytes are
    /// present, before the key. The same bytes give the same error however they
    /// are split.
    #[inline]
    pub fn parse(bytes: &[u8], rules: HeaderRules) -> Result<Parsed, FrameError> {
        let [byte0, byte1, rest @ ..] = bytes else {
            return parse_start(bytes, rules);
        };
        let first = match FIRST_BYTES.get(usize::from(*byte0)) {
            Some(Some(first)) if rules.allow_rsv1 || !first.rsv1 => first,
            _ => return Err(first_byte_error(*byte0)),
        };
        let masked = matches!(rules.masking, Masking::Required);
        let code = byte1 & !MASK_BIT;
        if (byte1 & MASK_BIT != 0) != masked || code > first.max_code {
            return Err(second_byte_error(*byte1, masked, first.opcode));
        }
        let key_size = if masked { 4 } else { 0 };
        let (len, len_size, rest) = match code {
            CODE_16 => {
                let Some((len, rest)) = rest.split_first_chunk() else {
                    return Ok(Parsed::Incomplete {
                        needed: 4 + key_size,
                    });
                };
                let len = u16::from_be_bytes(*len);
                // Section 5.2: the shortest form, so 16 bits are for 126 and more ...
                if len < 126 {
                    return Err(length_error(u64::from(len)));
                }
                (u64::from(len), 2, rest)
            }
            CODE_64 => {
                let Some((len, rest)) = rest.split_first_chunk() else {
                    return Ok(Parsed::Incomplete {
                        needed: 10 + key_size,
                    });
                };
                let len = u64::from_be_bytes(*len);
                // ... and 64 bits for what 16 cannot hold; their top bit is zero.
                if len <= 0xffff || len > LEN_MAX {
                    return Err(length_error(len));
                }
                (len, 8, rest)
            }
            len => (u64::from(len), 0, rest),
        };
        let size = 2 + len_size + key_size;
        let mask = if masked {
            let Some(key) = rest.first_chunk() else {
                return Ok(Parsed::Incomplete { needed: size });
            };
            Some(*key)
        } else {
            None
        };
        let header = Self {
            fin: first.fin,
            rsv1: first.rsv1,
            opcode: first.opcode,
            mask,
            len,
        };
        Ok(Parsed::Header { header, size })
    }

    /// Returns [`len`](Self::len) as a `usize` if it is at most `limit`.
    ///
    /// This is the only conversion of the peer's 64-bit claim. It is exact on
    /// 32-bit targets too, where a cast would truncate.
    #[inline]
    pub const fn len_within(&self, limit: usize) -> Option<usize> {
        if self.len <= limit as u64 {
            Some(self.len as usize)
        } else {
            None
        }
    }

    /// Returns the number of bytes that [`encode`](Self::encode) writes, 2 to
    /// 14.
    #[inline]
    pub const fn encoded_size(&self) -> usize {
        let len_size = match self.len {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + len_size + if self.mask.is_some() { 4 } else { 0 }
    }

    /// Writes the header to the start of `out`, with the length in its shortest
    /// form, and returns its size. The bytes of `out` after it may be
    /// overwritten.
    ///
    /// It does not check the header; [`check`](Self::check) does.
    #[inline]
    pub fn encode(&self, out: &mut [u8; Self::MAX_SIZE]) -> usize {
        let (bytes, size) = self.to_wide();
        if let Some(bytes) = bytes.first_chunk() {
            *out = *bytes;
        }
        size
    }

    /// Checks whether the header may be sent, by the rules that
    /// [`parse`](Self::parse) applies to the peer.
    ///
    /// # Errors
    ///
    /// [`ReservedBits`](FrameError::ReservedBits) for RSV1 on a control or
    /// continuation frame, [`FragmentedControl`](FrameError::FragmentedControl),
    /// [`ControlTooLong`](FrameError::ControlTooLong), and
    /// [`LengthOverflow`](FrameError::LengthOverflow) above [`LEN_MAX`].
    #[inline]
    pub const fn check(&self) -> Result<(), FrameError> {
        if self.opcode.is_control() {
            if self.rsv1 {
                return Err(FrameError::ReservedBits);
            }
            if !self.fin {
                return Err(FrameError::FragmentedControl);
            }
            if self.len > CONTROL_MAX as u64 {
                return Err(FrameError::ControlTooLong(self.opcode));
            }
        } else if self.rsv1 && matches!(self.opcode, OpCode::Continuation) {
            return Err(FrameError::ReservedBits);
        }
        if self.len > LEN_MAX {
            return Err(FrameError::LengthOverflow);
        }
        Ok(())
    }

    /// Returns the header in 16 bytes, and its size. Storing all 16 at once
    /// makes short frames fast: a copy of variable length costs more than the
    /// rest of the header.
    #[inline]
    pub(crate) fn to_wide(self) -> ([u8; 16], usize) {
        let byte0 = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode.bits();
        let (mask_bit, key, key_size) = match self.mask {
            Some(key) => (MASK_BIT, u32::from_le_bytes(key), 4),
            None => (0, 0, 0),
        };
        // A little-endian number: the first byte is the lowest.
        let start = |code: u8| u64::from(byte0) | u64::from(mask_bit | code) << 8;
        let key = u64::from(key);
        let (low, high, size) = match self.len {
            0..=125 => (start(self.len as u8) | key << 16, 0, 2),
            126..=0xffff => {
                let len = u64::from((self.len as u16).swap_bytes());
                (start(CODE_16) | len << 16 | key << 32, 0, 4)
            }
            len => {
                let len = len.swap_bytes();
                (start(CODE_64) | len << 16, len >> 48 | key << 16, 10)
            }
        };
        (
            (u128::from(low) | u128::from(high) << 64).to_le_bytes(),
            size + key_size,
        )
    }
}

const MASK_BIT: u8 = 0x80;
/// The 7-bit length that means that a 16-bit length follows.
const CODE_16: u8 = 126;
/// The 7-bit length that means that a 64-bit length follows.
const CODE_64: u8 = 127;

/// The meaning of the first byte of a frame.
#[derive(Clone, Copy)]
struct FirstByte {
    fin: bool,
    rsv1: bool,
    opcode: OpCode,
    /// The largest 7-bit length allowed: 125 on control frames.
    max_code: u8,
}

/// The meaning of each first byte. `None` if it is invalid whatever was
/// negotiated.
static FIRST_BYTES: [Option<FirstByte>; 256] = first_bytes();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated when compiled, and the index is below 256"
)]
const fn first_bytes() -> [Option<FirstByte>; 256] {
    let mut table = [None; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match check_first_byte(byte) {
            Ok(first) => Some(first),
            Err(_) => None,
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

/// The rules of the first byte where RSV1 is negotiated.
const fn check_first_byte(byte: u8) -> Result<FirstByte, FrameError> {
    let (fin, rsv1) = (byte & 0x80 != 0, byte & 0x40 != 0);
    // Section 5.2: no supported extension uses RSV2 or RSV3.
    if byte & 0x30 != 0 {
        return Err(FrameError::ReservedBits);
    }
    let Some(opcode) = OpCode::from_bits(byte & 0x0f) else {
        return Err(FrameError::ReservedOpCode(byte & 0x0f));
    };
    // RFC 7692 section 6: RSV1 marks a message, on its first frame.
    if rsv1 && !matches!(opcode, OpCode::Text | OpCode::Binary) {
        return Err(FrameError::ReservedBits);
    }
    // Section 5.5: control frames are never fragmented.
    if opcode.is_control() && !fin {
        return Err(FrameError::FragmentedControl);
    }
    let max_code = if opcode.is_control() {
        CONTROL_MAX as u8
    } else {
        CODE_64
    };
    Ok(FirstByte {
        fin,
        rsv1,
        opcode,
        max_code,
    })
}

/// Handles fewer than two bytes. The first one, if present, must be valid.
#[cold]
fn parse_start(bytes: &[u8], rules: HeaderRules) -> Result<Parsed, FrameError> {
    match bytes.first().map(|byte| (*byte, check_first_byte(*byte))) {
        Some((_, Err(error))) => Err(error),
        Some((byte, Ok(first))) if first.rsv1 && !rules.allow_rsv1 => Err(first_byte_error(byte)),
        _ => Ok(Parsed::Incomplete { needed: 2 }),
    }
}

#[cold]
fn first_byte_error(byte: u8) -> FrameError {
    // It is valid except for RSV1, so RSV1 was not negotiated.
    check_first_byte(byte)
        .err()
        .unwrap_or(FrameError::ReservedBits)
}

#[cold]
fn second_byte_error(byte: u8, masked: bool, opcode: OpCode) -> FrameError {
    match (masked, byte & MASK_BIT != 0) {
        (true, false) => FrameError::MaskMissing,
        (false, true) => FrameError::MaskUnexpected,
        _ => FrameError::ControlTooLong(opcode),
    }
}

#[cold]
fn length_error(len: u64) -> FrameError {
    if len > LEN_MAX {
        FrameError::LengthOverflow
    } else {
        FrameError::LengthNotMinimal
    }
}

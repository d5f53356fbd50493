//! The frame header, RFC 6455 section 5.2.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "sizes of the parts of a header, at most 14 together; the length itself is only compared"
)]

use crate::{FrameError, OpCode};

/// Whether frames must be masked: what a receiver expects of its peer (RFC 6455
/// section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Masking {
    /// A server takes only masked frames.
    Required,
    /// A client takes only unmasked frames.
    Forbidden,
}

/// What a receiver accepts in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderRules {
    /// Whether the peer's frames must be masked.
    pub masking: Masking,
    /// Whether compression was negotiated, so that RSV1 may stand on the first
    /// frame of a message. On control and continuation frames it is refused all
    /// the same (RFC 7692 section 6).
    pub allow_rsv1: bool,
}

/// What stands before the payload of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// The frame is the last of its message.
    pub fin: bool,
    /// The message is compressed (RFC 7692); only on its first frame.
    pub rsv1: bool,
    /// What the frame carries.
    pub opcode: OpCode,
    /// The key that the payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload that follow, at most [`LEN_MAX`]. A claim of the peer:
    /// compare it with a limit before anything is reserved for it. The length
    /// stays a `u64` on every target, so that nothing is cut off by a cast.
    pub len: u64,
}

/// What [`FrameHeader::parse`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parsed {
    /// A whole header.
    Header {
        /// The header.
        header: FrameHeader,
        /// The bytes it took, 2 to 14; the payload starts after them.
        size: usize,
    },
    /// The input ends inside the header, and nothing in it is wrong so far.
    Incomplete {
        /// The bytes that the header will have, counted from the start of the
        /// frame, as far as they are known: always more than were given, and
        /// final once two were given.
        needed: usize,
    },
}

/// The longest payload of a control frame in bytes (RFC 6455 section 5.5).
pub const CONTROL_MAX: usize = 125;

/// The longest payload that a header can announce, 2^63 - 1 bytes (RFC 6455 section 5.2).
pub const LEN_MAX: u64 = u64::MAX >> 1;

impl FrameHeader {
    /// The size of the longest header: 2 bytes, 8 of length, 4 of key.
    pub const MAX_SIZE: usize = 14;

    /// Reads the header at the start of `bytes`, which may go on beyond it.
    ///
    /// # Errors
    ///
    /// The first broken rule in the order of the bytes: RSV bits, opcode and a
    /// fragmented control frame from the first byte; the mask bit and the length
    /// of a control frame from the second; a length that is not minimal or above
    /// [`LEN_MAX`] once its bytes are there, before the key. So the same bytes
    /// give the same error, however they are cut.
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

    /// [`len`](Self::len) as a number of bytes in memory, if it is at most `limit`.
    ///
    /// The only place to turn the peer's 64-bit claim into a `usize`: exact on
    /// 32-bit targets too, where a cast would cut it off.
    #[inline]
    pub const fn len_within(&self, limit: usize) -> Option<usize> {
        if self.len <= limit as u64 {
            Some(self.len as usize)
        } else {
            None
        }
    }

    /// The bytes that [`encode`](Self::encode) writes, 2 to 14.
    #[inline]
    pub const fn encoded_size(&self) -> usize {
        let len_size = match self.len {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + len_size + if self.mask.is_some() { 4 } else { 0 }
    }

    /// Writes the header to the start of `out`, the length in its shortest form,
    /// and returns its size. The bytes of `out` after it may be overwritten.
    ///
    /// It writes what it is given; [`check`](Self::check) says whether a header
    /// may be sent.
    #[inline]
    pub fn encode(&self, out: &mut [u8; Self::MAX_SIZE]) -> usize {
        let (bytes, size) = self.to_wide();
        if let Some(bytes) = bytes.first_chunk() {
            *out = *bytes;
        }
        size
    }

    /// Whether the header may be sent at all: what [`parse`](Self::parse) refuses
    /// of a peer, here for our own.
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

    /// The header in a register's worth of bytes, and its size. Storing all 16 at
    /// once is what makes short frames fast: a copy of variable length costs more
    /// than the rest of the header together.
    #[inline]
    pub(crate) fn to_wide(self) -> ([u8; 16], usize) {
        let byte0 = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode.bits();
        let (mask_bit, key, key_size) = match self.mask {
            Some(key) => (MASK_BIT, u32::from_le_bytes(key), 4),
            None => (0, 0, 0),
        };
        // Built as a little-endian number: the first byte is the lowest.
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
/// The 7-bit length that says that 16 bits of length follow.
const CODE_16: u8 = 126;
/// The 7-bit length that says that 64 bits of length follow.
const CODE_64: u8 = 127;

/// What the first byte of a frame says.
#[derive(Clone, Copy)]
struct FirstByte {
    fin: bool,
    rsv1: bool,
    opcode: OpCode,
    /// The largest 7-bit length allowed with it: 125 on control frames.
    max_code: u8,
}

/// What each first byte says; `None` where it is wrong whatever was negotiated.
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
    // Section 5.2: RSV2 and RSV3 have no meaning in any extension of ours.
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

/// Fewer than two bytes: the first, if it is there, must be right already.
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
    // What is right but for RSV1 was refused because that was not negotiated.
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

use wskit_frame::{FrameError, OpCode};

/// A header as a fixed 128-bit number says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderReading {
    /// FIN.
    pub fin: bool,
    /// RSV1.
    pub rsv1: bool,
    /// The four bits of the opcode, one of those defined.
    pub opcode: u8,
    /// The key.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload.
    pub len: u64,
    /// Bytes of the header itself.
    pub size: usize,
}

/// Reads a header by RFC 6455 §5.2: `Ok(None)` when there is too little of it.
///
/// The figure in the RFC is read as one big-endian number and its fields by shifting; there is no
/// table and no byte is looked at on its own.
///
/// # Errors
/// The first broken rule in the order of the bytes.
pub fn read_header(
    bytes: &[u8],
    masked: bool,
    allow_rsv1: bool,
) -> Result<Option<HeaderReading>, FrameError> {
    let mut first = [0; 16];
    let have = bytes.len().min(16);
    first[..have].copy_from_slice(&bytes[..have]);
    let number = u128::from_be_bytes(first);
    let field = |at: u32, bits: u32| (number << at) >> (128 - bits);

    if have < 1 {
        return Ok(None);
    }
    let (fin, rsv1) = (field(0, 1) == 1, field(1, 1) == 1);
    let opcode = field(4, 4) as u8;
    let control = opcode >= 8;
    if field(2, 2) != 0 {
        return Err(FrameError::ReservedBits);
    }
    if !matches!(opcode, 0..=2 | 8..=10) {
        // Without an extension RSV1 is refused like the other two; with one, it depends on the opcode.
        return Err(FrameError::ReservedOpCode(opcode));
    }
    if rsv1 && !matches!(opcode, 1 | 2) {
        return Err(FrameError::ReservedBits);
    }
    if control && !fin {
        return Err(FrameError::FragmentedControl);
    }
    if rsv1 && !allow_rsv1 {
        return Err(FrameError::ReservedBits);
    }

    if have < 2 {
        return Ok(None);
    }
    match (masked, field(8, 1) == 1) {
        (true, false) => return Err(FrameError::MaskMissing),
        (false, true) => return Err(FrameError::MaskUnexpected),
        _ => {}
    }
    let code = field(9, 7);
    if control && code > 125 {
        let kind = match opcode {
            8 => OpCode::Close,
            9 => OpCode::Ping,
            _ => OpCode::Pong,
        };
        return Err(FrameError::ControlTooLong(kind));
    }

    let (len, len_bits, least) = match code {
        126 => (field(16, 16), 16, 126),
        127 => (field(16, 64), 64, 0x1_0000),
        short => (short, 0, 0),
    };
    let mut size = 2 + len_bits / 8;
    if have < size {
        return Ok(None);
    }
    if len >> 63 != 0 {
        return Err(FrameError::LengthOverflow);
    }
    if len < least {
        return Err(FrameError::LengthNotMinimal);
    }
    let key = field(16 + len_bits as u32, 32) as u32;
    size += if masked { 4 } else { 0 };
    if have < size {
        return Ok(None);
    }
    let mask = masked.then(|| key.to_be_bytes());
    Ok(Some(HeaderReading {
        fin,
        rsv1,
        opcode,
        mask,
        len: len as u64,
        size,
    }))
}

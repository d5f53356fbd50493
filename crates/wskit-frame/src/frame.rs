//! Writes a whole frame in one pass.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a slice has at most isize::MAX bytes, a header 14"
)]

use crate::{FrameHeader, Mask, OpCode};

/// Writes a frame to the start of `out`: the header, then the payload, masked
/// in the same pass if there is a key. Returns the number of bytes of the
/// frame.
///
/// `out` must be at least as long as the frame ([`FrameHeader::encoded_size`]
/// plus the payload). Writing is slightly faster if it has at least 16 bytes
/// even for the shortest frames. Bytes of `out` after the frame may be
/// overwritten.
///
/// Returns `None` and writes nothing if `out` is too short or if the frame is
/// not allowed ([`FrameHeader::check`]): a control frame that is not final or
/// has more than [`CONTROL_MAX`](crate::CONTROL_MAX) bytes, or RSV1 on a
/// control or continuation frame. A larger `out` does not help then.
#[inline]
pub fn encode_frame(
    fin: bool,
    rsv1: bool,
    opcode: OpCode,
    mask: Option<[u8; 4]>,
    payload: &[u8],
    out: &mut [u8],
) -> Option<usize> {
    // A slice has at most isize::MAX bytes, so neither this nor the sum wraps.
    let header = FrameHeader {
        fin,
        rsv1,
        opcode,
        mask,
        len: payload.len() as u64,
    };
    if header.check().is_err() {
        return None;
    }
    let (bytes, size) = header.to_wide();
    let total = size + payload.len();
    if out.len() < total {
        return None;
    }
    if let Some(wide) = out.first_chunk_mut() {
        // The excess is payload or unused space after the frame.
        *wide = bytes;
    } else {
        out.iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out = byte);
    }
    let (_, out) = out.split_at_mut_checked(size)?;
    Mask::new(mask.unwrap_or_default()).copy(payload, out);
    Some(total)
}

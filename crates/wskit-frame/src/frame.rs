//! A whole frame, written in one pass.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a slice has at most isize::MAX bytes, a header 14"
)]

use crate::{FrameHeader, Mask, OpCode};

/// Writes a frame to the start of `out`: the header, then the payload, masked on
/// the way if there is a key. Returns the bytes of the frame.
///
/// `out` must be as long as the frame ([`FrameHeader::encoded_size`] plus the
/// payload); it is a little faster if 16 bytes or more are there even for the
/// shortest frames. Bytes of `out` after the frame may be overwritten.
///
/// `None`, and nothing written, if `out` is too short, and also if there must be
/// no such frame ([`FrameHeader::check`]): a control frame that is not final or
/// has more than [`CONTROL_MAX`](crate::CONTROL_MAX) bytes, or RSV1 on a control
/// or continuation frame. A larger `out` does not help then.
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
        // What is too much is payload, or slack after the frame.
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

//! A message compressed once for many connections.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within a buffer, which has at most isize::MAX bytes"
)]

use crate::pool;
use crate::progress::Progress;

/// Compresses a message without reference to earlier ones, so that it can be
/// sent on every connection whose agreed window has at least `window_bits`
/// bits, with or without context takeover. Returns the payload, without the
/// trailing 00 00 FF FF.
///
/// Call [`Compressor::note_prepared`](crate::Compressor::note_prepared) on each connection that it
/// is sent on.
///
/// ```
/// use wskit_deflate::{Compressor, Config, Window, compress_prepared};
///
/// let mut connections: Vec<_> = (0..3).map(|_| Compressor::new(Window::FULL, &Config::server())).collect();
/// let news = b"the same for everyone, everyone, everyone";
/// let payload = compress_prepared(6, 15, news);
/// for compressor in &mut connections {
///     // ... send `payload` in a frame with RSV1 ...
///     compressor.note_prepared(news);
/// }
/// ```
///
/// `level` is 1 to 9 and `window_bits` 9 to 15. Values outside are clamped.
pub fn compress_prepared(level: u8, window_bits: u8, plain: &[u8]) -> Vec<u8> {
    let mut stream = pool::take_deflater(level.clamp(1, 9), window_bits.clamp(9, 15), None);
    stream.disown();
    let mut rest = plain;
    let mut payload = Vec::new();
    loop {
        let filled = payload.len();
        // A quarter at first, then the same again: most messages fit at once.
        payload.resize(filled + (plain.len() / 4).max(256), 0);
        let progress = stream.push(rest, true, payload.get_mut(filled..).unwrap_or_default());
        payload.truncate(filled + progress.produced);
        rest = rest.get(progress.consumed..).unwrap_or_default();
        if progress.done {
            pool::give_deflater(stream);
            break;
        }
        // Unreachable by the contract, but it must not loop forever.
        if progress == Progress::default() {
            break;
        }
    }
    payload.shrink_to_fit();
    payload
}

use core::fmt;

/// The source of a client's masking keys: one call gives the key of one frame (RFC 6455 §5.3).
///
/// Randomness is passed in: this crate has no generator. The function **must** be a
/// cryptographically strong generator seeded by the operating system (§10.3): a page that can
/// predict keys can choose the bytes that a proxy sees. `wskit-driver` offers one that costs about
/// 2 ns a key (a `ChaCha` stream per thread).
///
/// ```
/// use wskit_proto::MaskKeys;
/// // For tests only: a constant key gives no protection.
/// let keys = MaskKeys::new(|| [1, 2, 3, 4]);
/// assert_eq!(keys.next_key(), [1, 2, 3, 4]);
/// ```
#[derive(Clone, Copy)]
pub struct MaskKeys(fn() -> [u8; 4]);

impl MaskKeys {
    /// Creates a source that calls `draw` once a frame, in the order in which frames are encoded.
    pub const fn new(draw: fn() -> [u8; 4]) -> Self {
        Self(draw)
    }

    /// Draws the key of one frame.
    #[inline]
    pub fn next_key(&self) -> [u8; 4] {
        (self.0)()
    }
}

impl fmt::Debug for MaskKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKeys(..)")
    }
}

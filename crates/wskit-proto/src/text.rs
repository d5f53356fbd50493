//! Text whose UTF-8 has been checked, shared without copying.
//!
//! This is the only module of the crate with `unsafe`. The receiving half has validated every byte once,
//! while it unmasked it; checking again at each access would make every access linear in the message.
#![allow(
    unsafe_code,
    reason = "from_utf8_unchecked on bytes that were validated; see each safety comment"
)]

use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;
use std::borrow::Cow;

use bytes::Bytes;
use wskit_frame::is_utf8;

/// Immutable UTF-8 text, cheap to clone: a
/// [`Bytes`](https://docs.rs/bytes/latest/bytes/struct.Bytes.html) that is known to be a `str`.
///
/// ```
/// use wskit_proto::Utf8Bytes;
/// let text = Utf8Bytes::from("grüße");
/// assert_eq!(&*text, "grüße");
/// assert_eq!(text.len(), 7);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// Creates text from a constant, without allocating.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Returns the text.
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes a `str`, checks, or is `from_validated`; `Bytes` is immutable.
        unsafe { core::str::from_utf8_unchecked(&self.0) }
    }

    /// Returns the bytes of the text.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Returns the bytes of the text, without copying.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Creates text from bytes that the receiving half has validated as they came.
    pub(crate) fn from_validated(bytes: Bytes) -> Self {
        debug_assert!(is_utf8(&bytes));
        Self(bytes)
    }
}

/// Returns the text of bytes that the receiving half has validated as they came. The one caller is
/// `MessageRef`, whose text is made only in `inbound/memory.rs`, where every method that gives a buffer
/// to write to first revokes what was lent of it.
#[inline]
pub(crate) fn validated_str(bytes: &[u8]) -> &str {
    debug_assert!(is_utf8(bytes));
    // SAFETY: the receiving half lends text only after `is_utf8` or `Utf8Check::finish` accepted exactly
    // these bytes (`Memory::lend`), and `Memory` gives no buffer to write to without revoking that; a
    // span that was revoked stands for the empty text.
    unsafe { core::str::from_utf8_unchecked(bytes) }
}

impl Deref for Utf8Bytes {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self
    }
}

// Not derived: `Borrow` requires that a text hashes like its `str`, which bytes do not.
impl Hash for Utf8Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Box<str>> for Utf8Bytes {
    fn from(text: Box<str>) -> Self {
        Self::from(String::from(text))
    }
}

impl From<Cow<'_, str>> for Utf8Bytes {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

/// Shares the text by reference count.
impl From<&Utf8Bytes> for Utf8Bytes {
    fn from(text: &Utf8Bytes) -> Self {
        text.clone()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}

/// Checks the bytes, and returns them as the error if they are not UTF-8.
impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Bytes;
    fn try_from(bytes: Bytes) -> Result<Self, Bytes> {
        if is_utf8(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(bytes)
        }
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<String> for Utf8Bytes {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::{self, Utf8Error};

use bytes::{Bytes, BytesMut};

/// Immutable UTF-8 text, cheap to clone: the payload of a text message, and the reason of a Close.
///
/// ```
/// use wskit_tungstenite::Utf8Bytes;
/// let text = Utf8Bytes::from_static("grüße");
/// assert_eq!(text, "grüße");
/// assert_eq!(text.len(), 7);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Utf8Bytes(wskit_proto::Utf8Bytes);

impl Utf8Bytes {
    /// Creates text from a constant, without allocating.
    pub const fn from_static(text: &'static str) -> Self {
        Self(wskit_proto::Utf8Bytes::from_static(text))
    }

    /// Returns the text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Creates text from bytes. They are checked all the same, and what is not UTF-8 is replaced.
    ///
    /// # Safety
    /// None is needed. The function is `unsafe` so that programs which call it compile unchanged.
    #[allow(unsafe_code, reason = "the signature is given; the body is safe")]
    pub unsafe fn from_bytes_unchecked(bytes: Bytes) -> Self {
        Self::try_from(bytes.clone())
            .unwrap_or_else(|_| Self::from(String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn into_proto(self) -> wskit_proto::Utf8Bytes {
        self.0
    }
}

impl Deref for Utf8Bytes {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<Bytes> for Utf8Bytes {
    fn as_ref(&self) -> &Bytes {
        self.0.as_bytes()
    }
}

impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self
    }
}

impl Hash for Utf8Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Utf8Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Utf8Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

/// Compares with whatever a `&str` compares with.
impl<T> PartialEq<T> for Utf8Bytes
where
    for<'a> &'a str: PartialEq<T>,
{
    #[inline]
    fn eq(&self, other: &T) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Utf8Bytes").field(self.0.as_bytes()).finish()
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Utf8Error;
    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        match wskit_proto::Utf8Bytes::try_from(bytes) {
            Ok(text) => Ok(Self(text)),
            // Checked again for the position of the error.
            Err(bytes) => str::from_utf8(&bytes).map(Self::from),
        }
    }
}

impl TryFrom<BytesMut> for Utf8Bytes {
    type Error = Utf8Error;
    fn try_from(bytes: BytesMut) -> Result<Self, Utf8Error> {
        bytes.freeze().try_into()
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = Utf8Error;
    fn try_from(bytes: Vec<u8>) -> Result<Self, Utf8Error> {
        Bytes::from(bytes).try_into()
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0.into_bytes()
    }
}

impl From<wskit_proto::Utf8Bytes> for Utf8Bytes {
    #[inline]
    fn from(text: wskit_proto::Utf8Bytes) -> Self {
        Self(text)
    }
}

impl From<Utf8Bytes> for wskit_proto::Utf8Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

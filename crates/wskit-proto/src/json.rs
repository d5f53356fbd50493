//! Messages as JSON (RFC 8259): values of the application in and out, by serde.

use core::fmt::{self, Write as _};

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use crate::message::{Message, MessageRef};
use crate::outgoing::Outgoing;
use crate::prepared::PreparedMessage;
use crate::text::Utf8Bytes;

/// Why a message is not the expected JSON, or why a value cannot be written as JSON.
///
/// The connection is not affected: the message was received whole, or nothing of it was queued.
///
/// ```
/// # use wskit_proto::Message;
/// #[derive(Debug, serde::Deserialize)]
/// struct Trade {
///     price: f64,
/// }
///
/// let message = Message::text(r#"[{"price": 42.5}, {"price": "much"}]"#);
/// let error = message.json::<Vec<Trade>>().unwrap_err();
/// assert_eq!(error.path(), Some("[1].price"));
/// assert_eq!(
///     error.to_string(),
///     "invalid JSON at [1].price: invalid type: string \"much\", expected f64 at line 1 column 34",
/// );
/// ```
pub struct JsonError(Box<Inner>);

struct Inner {
    /// Where in the value a received message went wrong.
    path: Option<String>,
    error: serde_json::Error,
}

impl JsonError {
    fn received(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let path = error.path().to_string();
        Self(Box::new(Inner {
            path: Some(path),
            error: error.into_inner(),
        }))
    }

    fn sent(error: serde_json::Error) -> Self {
        Self(Box::new(Inner { path: None, error }))
    }

    /// Returns the place in the value at which a received message went wrong, such as `users[3].name`;
    /// `.` is the value as a whole. It is returned whole, and not escaped: keys of maps are the peer's text. `None` for a value that could not be written.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Returns the line of a received message at which it went wrong, from 1; 0 if none is to blame.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.error.line()
    }

    /// Returns the column in that line, in bytes from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.error.column()
    }

    /// Returns a text for logs that holds nothing of a received message: whether it is JSON at all, and at
    /// which line and column it went wrong.
    pub fn redacted(&self) -> impl fmt::Display {
        let what = match (self.path(), self.is_syntax()) {
            (None, _) => "the value cannot be written as JSON",
            (_, true) => "invalid JSON",
            (_, false) => "JSON of another shape than expected",
        };
        format!("{what}, at line {} column {}", self.line(), self.column())
    }

    /// Returns whether the message is no JSON at all, or is cut short. Otherwise it is JSON of another
    /// shape than the type.
    #[must_use]
    pub fn is_syntax(&self) -> bool {
        self.0.error.is_syntax() || self.0.error.is_eof()
    }
}

/// The path and the values that it names are cut after 128 and 256 bytes, and what would break a line or
/// change its direction is escaped: in a received message the peer wrote them.
impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(".") => f.write_str("invalid JSON: ")?,
            Some(path) => write!(f, "invalid JSON at {}: ", Told(path, PATH_TOLD))?,
            None => f.write_str("the value cannot be written as JSON: ")?,
        }
        fmt_cause(&self.0.error, f)
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonError({self})")
    }
}

/// How much of a path, and of an error, is told, in bytes.
const PATH_TOLD: usize = 128;
const TEXT_TOLD: usize = 256;

/// Writes an error of `serde_json`, with the place that it ends with.
fn fmt_cause(error: &serde_json::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(text) => write!(f, "{}{place}", Told(text, TEXT_TOLD)),
        None => write!(f, "{}", Told(&text, TEXT_TOLD)),
    }
}

/// A text of the peer's, and after how many bytes it is cut.
struct Told<'a>(&'a str, usize);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, mut left) = *self;
        for char in text.chars() {
            // What is not escaped can be read as it is.
            let is_plain = matches!(char, '"' | '\'' | '\\');
            let len = if is_plain {
                1
            } else {
                char.escape_debug().map(char::len_utf8).sum()
            };
            let Some(after) = left.checked_sub(len) else {
                return f.write_str("...");
            };
            left = after;
            if is_plain {
                f.write_char(char)?;
            } else {
                write!(f, "{}", char.escape_debug())?;
            }
        }
        Ok(())
    }
}

/// `Display` includes the error of `serde_json`, so the source is that error's own.
impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.error)
    }
}

/// The value borrows from the message where its type does (`&str`, `#[serde(borrow)]`).
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(JsonError::received)?;
    let end = parser.end();
    end.map_err(|error| {
        let path = Some(".".to_owned());
        JsonError(Box::new(Inner { path, error }))
    })?;
    Ok(value)
}

impl Message {
    /// Returns the value that the message holds as JSON. Text and binary messages are taken alike.
    ///
    /// The value may borrow from the message.
    ///
    /// # Errors
    /// [`JsonError`] if the message is not JSON, or is JSON of another shape than `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, JsonError> {
        parse(self.as_bytes())
    }

    /// Creates a text message that holds a value as JSON.
    ///
    /// # Errors
    /// [`JsonError`] if `T` fails to serialize, or has a map with keys that are not strings.
    pub fn from_json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value).map_err(JsonError::sent)?;
        Ok(Self::Text(Utf8Bytes::from(text)))
    }
}

impl MessageRef<'_> {
    /// Returns the value that the message holds as JSON. Text and binary messages are taken alike.
    ///
    /// # Errors
    /// Those of [`Message::json`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        parse(self.as_bytes())
    }
}

impl Outgoing<'static> {
    /// Creates a text message that holds a value as JSON.
    ///
    /// # Errors
    /// Those of [`Message::from_json`].
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value).map_err(JsonError::sent)?;
        Ok(Self::from(text))
    }
}

impl PreparedMessage {
    /// Prepares a text message that holds a value as JSON.
    ///
    /// # Errors
    /// Those of [`Message::from_json`].
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        Ok(Self::new(&Message::from_json(value)?))
    }
}

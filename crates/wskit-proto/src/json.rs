//! Messages as JSON (RFC 8259): values of the application in and out, by serde.

use core::fmt;

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
    /// `.` is the value as a whole. `None` for a value that could not be written.
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

    /// Returns whether the message is no JSON at all, or is cut short. Otherwise it is JSON of another
    /// shape than the type.
    #[must_use]
    pub fn is_syntax(&self) -> bool {
        self.0.error.is_syntax() || self.0.error.is_eof()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.0.error;
        match self.path() {
            Some(".") => write!(f, "invalid JSON: {error}"),
            Some(path) => write!(f, "invalid JSON at {path}: {error}"),
            None => write!(f, "the value cannot be written as JSON: {error}"),
        }
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonError")
            .field("path", &self.0.path)
            .field("error", &self.0.error)
            .finish()
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

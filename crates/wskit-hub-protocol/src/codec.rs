mod payload;

use std::error;
use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wskit_proto::Message;

use crate::message::{Command, Reply};

pub(crate) use payload::raw;

/// The two encodings of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Lines of JSON, in text messages.
    Json,
    /// Protobuf, each message after its length, in binary messages.
    #[cfg(feature = "protobuf")]
    Protobuf,
}

/// The WebSocket sub-protocols, for [`Server::protocols`](wskit_driver::Server) or what else chooses one.
#[cfg(feature = "protobuf")]
pub const SUBPROTOCOLS: [&str; 2] = ["centrifuge-json", "centrifuge-protobuf"];
/// The WebSocket sub-protocols, for [`Server::protocols`](wskit_driver::Server) or what else chooses one.
#[cfg(not(feature = "protobuf"))]
pub const SUBPROTOCOLS: [&str; 1] = ["centrifuge-json"];

impl Codec {
    /// Returns the encoding of a connection, by its sub-protocol. Clients that use JSON may name none.
    #[must_use]
    pub fn of(protocol: Option<&str>) -> Option<Self> {
        match protocol {
            None | Some("centrifuge-json") => Some(Self::Json),
            #[cfg(feature = "protobuf")]
            Some("centrifuge-protobuf") => Some(Self::Protobuf),
            Some(_) => None,
        }
    }

    /// Reads the commands of a frame, one after the other. After an error there are no more.
    #[must_use]
    pub fn commands(self, frame: &[u8]) -> Decoded<'_, Command> {
        Decoded::new(self, frame)
    }

    /// Reads the replies of a frame, as a client does.
    #[must_use]
    pub fn replies(self, frame: &[u8]) -> Decoded<'_, Reply> {
        Decoded::new(self, frame)
    }

    /// Encodes a reply as a frame of its own.
    ///
    /// On JSON a payload that is not JSON becomes a string: text as it is, other bytes in Base64.
    #[must_use]
    pub fn encode(self, reply: &Reply) -> Message {
        self.frame(reply)
    }

    /// Encodes a command as a frame of its own, as a client does.
    #[must_use]
    pub fn encode_command(self, command: &Command) -> Message {
        self.frame(command)
    }

    fn frame(self, message: &impl Carried) -> Message {
        match self {
            Self::Json => {
                // It cannot fail: no map has keys that are not strings, and payloads are checked.
                let mut line = serde_json::to_string(message).unwrap_or_default();
                // In a payload they are blanks, as strings have none. Between messages they part them.
                line.retain(|c| c != '\n');
                Message::text(line)
            }
            #[cfg(feature = "protobuf")]
            Self::Protobuf => Message::binary(message.encode_length_delimited_to_vec()),
        }
    }
}

/// What both encodings carry.
#[cfg(feature = "protobuf")]
pub(crate) trait Carried: Serialize + DeserializeOwned + prost::Message + Default {}
#[cfg(feature = "protobuf")]
impl<T: Serialize + DeserializeOwned + prost::Message + Default> Carried for T {}
/// What both encodings carry.
#[cfg(not(feature = "protobuf"))]
pub(crate) trait Carried: Serialize + DeserializeOwned + Default {}
#[cfg(not(feature = "protobuf"))]
impl<T: Serialize + DeserializeOwned + Default> Carried for T {}

/// The messages of a frame.
#[derive(Debug)]
pub struct Decoded<'a, T> {
    codec: Codec,
    rest: Option<&'a [u8]>,
    message: PhantomData<T>,
}

impl<'a, T> Decoded<'a, T> {
    fn new(codec: Codec, frame: &'a [u8]) -> Self {
        let frame = match codec {
            Codec::Json => frame.strip_suffix(b"\n").unwrap_or(frame),
            #[cfg(feature = "protobuf")]
            Codec::Protobuf => frame,
        };
        Self {
            codec,
            rest: Some(frame),
            message: PhantomData,
        }
    }
}

impl<T: Carried> Iterator for Decoded<'_, T> {
    type Item = Result<T, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let (decoded, rest) = match self.codec {
            Codec::Json => {
                let mut lines = rest.splitn(2, |byte| *byte == b'\n');
                let line = lines.next().unwrap_or_default();
                // An array of the fields is none of the protocol's messages, though one of serde's.
                let is_object = line.trim_ascii_start().starts_with(b"{");
                let decoded = if is_object {
                    serde_json::from_slice(line).map_err(|error| DecodeError(error.into()))
                } else {
                    Err(DecodeError("it is no object".into()))
                };
                (decoded, lines.next())
            }
            #[cfg(feature = "protobuf")]
            Codec::Protobuf => {
                let mut rest = rest;
                let decoded = T::decode_length_delimited(&mut rest);
                let decoded = decoded.map_err(|error| DecodeError(error.into()));
                (decoded, (!rest.is_empty()).then_some(rest))
            }
        };
        self.rest = rest.filter(|_| decoded.is_ok());
        Some(decoded)
    }
}

/// A frame is not what the protocol allows: the client is at fault.
#[derive(Debug)]
pub struct DecodeError(Box<dyn error::Error + Send + Sync>);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client sent a frame that is no message of the protocol")
    }
}

impl error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// Whether JSON leaves a field out.
pub(crate) fn omit<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(crate) fn never<T>(_: &T) -> bool {
    false
}

/// Fields that are JSON as they are. `null` is the same as none.
pub(crate) mod plain {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or_default())
    }
}

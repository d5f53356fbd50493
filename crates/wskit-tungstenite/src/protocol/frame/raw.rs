//! Frames as they are on the wire, for programs that make them themselves.

use std::fmt;
use std::io::{Cursor, Write};
use std::str::{self, Utf8Error};

use bytes::{Bytes, BytesMut};
use wskit_frame::Mask;

use super::coding::{Control, Data, OpCode};
use super::{CloseFrame, Utf8Bytes};
use crate::error::{Error, ProtocolError, Result};

/// The header of a frame, without the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub is_final: bool,
    /// Reserved for extensions.
    pub rsv1: bool,
    /// Reserved for extensions.
    pub rsv2: bool,
    /// Reserved for extensions.
    pub rsv3: bool,
    /// The type of the frame.
    pub opcode: OpCode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
}

/// A Close without a mask.
impl Default for FrameHeader {
    fn default() -> Self {
        Self {
            is_final: true,
            rsv1: false,
            rsv2: false,
            rsv3: false,
            opcode: OpCode::Control(Control::Close),
            mask: None,
        }
    }
}

impl FrameHeader {
    /// Parses a header at the cursor, and returns it with the length of the payload. `None`, with the
    /// cursor where it was, if the header is not complete.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidOpcode`] for a reserved opcode.
    pub fn parse(cursor: &mut Cursor<impl AsRef<[u8]>>) -> Result<Option<(Self, u64)>> {
        let at = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let bytes = cursor.get_ref().as_ref().get(at..).unwrap_or_default();
        let Some((header, len, size)) = Self::split_first(bytes) else {
            return Ok(None);
        };
        cursor.set_position(cursor.position() + size as u64);
        if let OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)) =
            header.opcode
        {
            return Err(Error::Protocol(ProtocolError::InvalidOpcode(code)));
        }
        Ok(Some((header, len)))
    }

    /// Returns the header at the start of `bytes`, the length of the payload, and the size of the header.
    fn split_first(bytes: &[u8]) -> Option<(Self, u64, usize)> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let (len, size, rest) = match second & 0x7f {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), 4, rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), 10, rest)
            }
            short => (u64::from(short), 2, rest),
        };
        let mask = if second & 0x80 == 0 {
            None
        } else {
            Some(*rest.first_chunk()?)
        };
        let header = Self {
            is_final: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            rsv2: first & 0x20 != 0,
            rsv3: first & 0x10 != 0,
            opcode: OpCode::from(first & 0x0f),
            mask,
        };
        Some((header, len, size + mask.map_or(0, |key| key.len())))
    }

    /// Returns the size of the header in bytes before a payload of `length` bytes.
    #[allow(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self, length: u64) -> usize {
        let extended = match length {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + extended + if self.mask.is_some() { 4 } else { 0 }
    }

    /// Writes the header for a payload of `length` bytes.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn format(&self, length: u64, output: &mut impl Write) -> Result<()> {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let first = u8::from(self.opcode)
            | bit(self.is_final, 0x80)
            | bit(self.rsv1, 0x40)
            | bit(self.rsv2, 0x20)
            | bit(self.rsv3, 0x10);
        let masked = bit(self.mask.is_some(), 0x80);
        match length {
            0..=125 => output.write_all(&[first, masked | length as u8])?,
            126..=0xffff => {
                output.write_all(&[first, masked | 0x7e])?;
                output.write_all(&(length as u16).to_be_bytes())?;
            }
            _ => {
                output.write_all(&[first, masked | 0x7f])?;
                output.write_all(&length.to_be_bytes())?;
            }
        }
        if let Some(key) = &self.mask {
            output.write_all(key)?;
        }
        Ok(())
    }
}

/// A frame: a header and an unmasked payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    payload: Bytes,
}

impl Frame {
    /// Creates a frame from its parts. The payload is not masked, even if the header has a key.
    pub fn from_payload(header: FrameHeader, payload: Bytes) -> Self {
        Self { header, payload }
    }

    /// Creates a data frame: a message, or with `is_final` false its first part.
    pub fn message(data: impl Into<Bytes>, opcode: OpCode, is_final: bool) -> Self {
        debug_assert!(
            matches!(opcode, OpCode::Data(_)),
            "not the opcode of a data frame"
        );
        let header = FrameHeader {
            is_final,
            opcode,
            ..FrameHeader::default()
        };
        Self::from_payload(header, data.into())
    }

    /// Creates a pong.
    pub fn pong(data: impl Into<Bytes>) -> Self {
        Self::control(Control::Pong, data.into())
    }

    /// Creates a ping.
    pub fn ping(data: impl Into<Bytes>) -> Self {
        Self::control(Control::Ping, data.into())
    }

    /// Creates a Close.
    pub fn close(close: Option<CloseFrame>) -> Self {
        let payload = close.map_or_else(BytesMut::new, |close| {
            let mut payload = BytesMut::with_capacity(2 + close.reason.len());
            payload.extend_from_slice(&u16::from(close.code).to_be_bytes());
            payload.extend_from_slice(close.reason.as_bytes());
            payload
        });
        Self::control(Control::Close, payload.freeze())
    }

    fn control(opcode: Control, payload: Bytes) -> Self {
        let header = FrameHeader {
            opcode: OpCode::Control(opcode),
            ..FrameHeader::default()
        };
        Self::from_payload(header, payload)
    }

    /// Returns the size of the frame in bytes, with its header.
    pub fn len(&self) -> usize {
        self.header.len(self.payload.len() as u64) + self.payload.len()
    }

    /// Returns whether the frame has no bytes: never, as it has a header.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the header.
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Returns the header, to change it.
    pub fn header_mut(&mut self) -> &mut FrameHeader {
        &mut self.header
    }

    /// Returns the payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(&self.payload)
    }

    /// Takes the payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, Utf8Error> {
        self.payload.try_into()
    }

    /// Takes the payload.
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Writes the frame, masked if the header has a key.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn format(self, output: &mut impl Write) -> Result<()> {
        self.header.format(self.payload.len() as u64, output)?;
        match self.header.mask {
            None => output.write_all(&self.payload)?,
            Some(key) => {
                let mut payload = Vec::from(self.payload);
                Mask::new(key).apply(&mut payload);
                output.write_all(&payload)?;
            }
        }
        Ok(())
    }
}

/// Shows every field of the header, and the payload in hexadecimal.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameHeader {
            is_final,
            rsv1,
            rsv2,
            rsv3,
            opcode,
            ..
        } = &self.header;
        write!(
            f,
            "\n<FRAME>\nfinal: {is_final}\nreserved: {rsv1} {rsv2} {rsv3}\nopcode: {opcode}\n\
             length: {}\npayload length: {}\npayload: 0x",
            self.len(),
            self.payload.len(),
        )?;
        self.payload
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("\n            ")
    }
}

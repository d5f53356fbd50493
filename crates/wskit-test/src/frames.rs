use wskit_frame::{FrameHeader, HeaderRules, Mask, Masking, OpCode, Parsed};
use wskit_proto::Role;

/// The key of every masked frame made here, taken from the examples in RFC 6455 §5.7.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Makes the bytes of frames as one end sends them: those of a client are masked.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    role: Role,
}

impl Frames {
    /// Makes frames that this `role` sends.
    #[must_use]
    pub const fn from(role: Role) -> Self {
        Self { role }
    }

    /// Makes frames that the peer of this `role` sends.
    #[must_use]
    pub const fn to(role: Role) -> Self {
        Self {
            role: opposite(role),
        }
    }

    /// Returns a text message in one frame.
    #[must_use]
    pub fn text(self, text: &str) -> Vec<u8> {
        self.frame(OpCode::Text, true, text.as_bytes())
    }

    /// Returns a binary message in one frame.
    #[must_use]
    pub fn binary(self, data: &[u8]) -> Vec<u8> {
        self.frame(OpCode::Binary, true, data)
    }

    /// Returns a text message with one frame for each of these pieces.
    #[must_use]
    pub fn fragments(self, pieces: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let opcode = if at == 0 {
                OpCode::Text
            } else {
                OpCode::Continuation
            };
            bytes.extend(self.frame(opcode, at + 1 == pieces.len(), piece.as_bytes()));
        }
        bytes
    }

    /// Returns a ping.
    #[must_use]
    pub fn ping(self, payload: &[u8]) -> Vec<u8> {
        self.frame(OpCode::Ping, true, payload)
    }

    /// Returns a pong.
    #[must_use]
    pub fn pong(self, payload: &[u8]) -> Vec<u8> {
        self.frame(OpCode::Pong, true, payload)
    }

    /// Returns a Close with a code and a reason.
    #[must_use]
    pub fn close(self, code: u16, reason: &str) -> Vec<u8> {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend(reason.as_bytes());
        self.frame(OpCode::Close, true, &payload)
    }

    /// Returns a Close without a code.
    #[must_use]
    pub fn close_empty(self) -> Vec<u8> {
        self.frame(OpCode::Close, true, &[])
    }

    /// Returns a frame of any kind.
    #[must_use]
    pub fn frame(self, opcode: OpCode, fin: bool, payload: &[u8]) -> Vec<u8> {
        let mask = (self.role == Role::Client).then_some(KEY);
        let header = FrameHeader {
            fin,
            rsv1: false,
            opcode,
            mask,
            len: payload.len() as u64,
        };
        let mut head = [0; FrameHeader::MAX_SIZE];
        let size = header.encode(&mut head);
        let mut bytes = head[..size].to_vec();
        bytes.extend(payload);
        if mask.is_some() {
            Mask::new(KEY).apply(&mut bytes[size..]);
        }
        bytes
    }
}

/// Returns the other role.
#[must_use]
pub const fn opposite(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// A frame that was read from the wire, unmasked.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its opcode.
    pub opcode: OpCode,
    /// Whether it ends its message.
    pub fin: bool,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Creates a frame with FIN, to compare with.
    #[must_use]
    pub fn new(opcode: OpCode, payload: impl AsRef<[u8]>) -> Self {
        Self {
            opcode,
            fin: true,
            payload: payload.as_ref().to_vec(),
        }
    }

    /// Parses the frame at the front of `bytes`, which `role` has sent. Returns it with its size in bytes,
    /// or `None` if it is not whole.
    ///
    /// # Panics
    /// If the bytes are not a frame that `role` may send.
    #[must_use]
    pub fn parse(role: Role, bytes: &[u8]) -> Option<(Self, usize)> {
        let masking = if role == Role::Client {
            Masking::Required
        } else {
            Masking::Forbidden
        };
        let rules = HeaderRules {
            masking,
            allow_rsv1: false,
        };
        let (header, size) = match FrameHeader::parse(bytes, rules) {
            Ok(Parsed::Header { header, size }) => (header, size),
            Ok(_) => return None,
            Err(error) => panic!(
                "{role:?} sent what is no frame: {error}: {:02x?}",
                &bytes[..bytes.len().min(32)]
            ),
        };
        let end = size + header.len as usize;
        let mut payload = bytes.get(size..end)?.to_vec();
        if let Some(key) = header.mask {
            Mask::new(key).apply(&mut payload);
        }
        Some((
            Self {
                opcode: header.opcode,
                fin: header.fin,
                payload,
            },
            end,
        ))
    }

    /// Parses all frames of a recording. An incomplete frame at its end is left out.
    #[must_use]
    pub fn parse_all(role: Role, mut bytes: &[u8]) -> Vec<Self> {
        let mut frames = Vec::new();
        while let Some((frame, size)) = Self::parse(role, bytes) {
            frames.push(frame);
            bytes = &bytes[size..];
        }
        frames
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.payload[..self.payload.len().min(64)];
        let more = if self.fin { "" } else { " .." };
        write!(
            f,
            "{:?} {:?} ({} bytes){more}",
            self.opcode,
            shown.escape_ascii().to_string(),
            self.payload.len()
        )
    }
}

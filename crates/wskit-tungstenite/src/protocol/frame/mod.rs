//! Frames, close frames, and the text type.

mod close;
pub mod coding;
mod raw;
mod socket;
mod utf8;

pub use close::CloseFrame;
pub use raw::{Frame, FrameHeader};
pub use socket::FrameSocket;
pub use utf8::Utf8Bytes;

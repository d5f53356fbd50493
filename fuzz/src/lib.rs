//! What the fuzz targets share: how an input is taken apart, and references to compare with.
//!
//! The references are written for plainness, not speed, and use nothing of the code under test but
//! the names of its errors.

mod cuts;
mod extension_reference;
mod frame_script;
mod header_reference;
mod http_oracle;
mod input;
mod mask_keys;
mod stream_reference;

pub use cuts::Cuts;
pub use extension_reference::{Element, read_extensions};
pub use frame_script::frame_script;
pub use header_reference::{HeaderReading, read_header};
pub use http_oracle::{
    HeadReading, assert_final_response, end_of_head, read_request, read_response,
};
pub use input::Input;
pub use mask_keys::mask_keys;
pub use stream_reference::{Reading, Rules, Seen, read_stream};

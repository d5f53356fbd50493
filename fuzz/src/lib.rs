//! What the fuzz targets share: how an input is taken apart, and references to compare with.
//!
//! The references are written for plainness, not speed, and use nothing of the code under test but
//! the names of its errors.

mod connection_model;
mod cuts;
mod deflate_script;
mod extension_reference;
mod frame_script;
mod head_rules;
mod head_script;
mod header_reference;
mod http_oracle;
mod inflate_reference;
mod input;
mod mask_keys;
mod miniz;
mod protocol_model;
mod stream_reference;

pub use connection_model::{ConnectionModel, ModelCause, ModelOutcome, ModelSettings};
pub use cuts::Cuts;
pub use deflate_script::{deflate_bomb, deflate_script};
pub use extension_reference::{Element, read_extensions};
pub use frame_script::frame_script;
pub use head_rules::{authority_of, is_plain_host, is_plain_target, is_token_list, list_names};
pub use head_script::{request_script, response_script};
pub use header_reference::{HeaderReading, read_header};
pub use http_oracle::{
    HeadReading, assert_final_response, end_of_head, read_request, read_response,
};
pub use inflate_reference::{InflateEnd, InflateReference, Inflated, Terms};
pub use input::Input;
pub use mask_keys::mask_keys;
pub use miniz::{MinizDeflate, MinizInflate};
pub use protocol_model::protocol_session;
pub use stream_reference::{Reading, Rules, Seen, read_stream};

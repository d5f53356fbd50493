//! Heads, headers and their grammar, for both roles.

pub(crate) mod authority;
pub(crate) mod extensions;
pub(crate) mod fields;
pub(crate) mod head;
pub(crate) mod header;
pub(crate) mod headers;
pub(crate) mod limits;
pub(crate) mod response;
pub(crate) mod token;

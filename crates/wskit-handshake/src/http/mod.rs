//! What both ends know about HTTP: heads, headers and their grammar. No I/O.

pub(crate) mod extensions;
pub(crate) mod head;
pub(crate) mod header;
pub(crate) mod limits;
pub(crate) mod token;

//! The codec and the opening handshake beside memcpy and the peers: everything in memory, one
//! thread, no sockets.
//!
//! `cargo run --release -p wskit-bench-codec` prints the table of ratios; `cargo bench` runs the
//! same cases under criterion. All cases are in [`cases`].

pub mod accept;
pub mod deflate;
pub mod encode;
pub mod header;
pub mod mask;
pub mod memory;
pub mod parse;
pub mod sample;
pub mod text;

/// One task, and the libraries that do it.
pub struct Case {
    /// What is done: `mask 125 B`.
    pub name: String,
    /// The libraries that do it, the reference first.
    pub runs: Vec<Run>,
}

/// One way to do it.
pub struct Run {
    /// The library.
    pub who: &'static str,
    /// How many operations one call of `go` with 1 does: the frames of a buffer.
    pub each: u64,
    /// Does it that many times.
    pub go: Box<dyn FnMut(u64)>,
}

impl Case {
    fn new(name: impl Into<String>, runs: Vec<Run>) -> Self {
        let name = name.into();
        Self { name, runs }
    }
}

impl Run {
    fn new(who: &'static str, go: impl FnMut(u64) + 'static) -> Self {
        let go = Box::new(go);
        Self { who, each: 1, go }
    }
}

/// Every case, in the order of the table.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(header::cases());
    cases.extend(mask::cases());
    cases.extend(text::cases());
    cases.extend(encode::cases());
    cases.extend(parse::cases());
    cases.extend(deflate::cases());
    cases.extend(accept::cases());
    cases
}

/// Returns a number of bytes as it is written in the names of cases.
pub(crate) fn size_name(bytes: usize) -> String {
    match bytes {
        1024.. => format!("{} KiB", bytes / 1024),
        _ => format!("{bytes} B"),
    }
}

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The other engine as an ordinary sender: one stream for all messages, a window of 15 bits.
#[derive(Debug)]
pub struct MinizDeflate {
    stream: Compress,
    no_context_takeover: bool,
}

impl MinizDeflate {
    /// Level 0 (stored) to 9.
    #[must_use]
    pub fn new(level: u8, no_context_takeover: bool) -> Self {
        Self {
            stream: Compress::new(Compression::new(u32::from(level % 10)), false),
            no_context_takeover,
        }
    }

    /// The payload of one message (RFC 7692 §7.2.1); flushed after each of the first `flushes` bytes,
    /// so that it has several blocks.
    pub fn message(&mut self, plain: &[u8], flushes: usize) -> Vec<u8> {
        if self.no_context_takeover {
            self.stream.reset();
        }
        let (pieces, rest) = plain.split_at(flushes.min(plain.len()));
        let mut payload = Vec::new();
        for piece in pieces.chunks(1).chain([rest]) {
            self.push(piece, &mut payload);
        }
        assert!(payload.ends_with(&[0, 0, 0xff, 0xff]), "{payload:?}");
        payload.truncate(payload.len() - 4);
        payload
    }

    fn push(&mut self, mut rest: &[u8], payload: &mut Vec<u8>) {
        let mut out = [0; 4096];
        loop {
            let (was_in, was_out) = (self.stream.total_in(), self.stream.total_out());
            self.stream
                .compress(rest, &mut out, FlushCompress::Sync)
                .expect("it compresses whatever it is given");
            rest = &rest[(self.stream.total_in() - was_in) as usize..];
            let produced = (self.stream.total_out() - was_out) as usize;
            payload.extend_from_slice(&out[..produced]);
            if rest.is_empty() && produced < out.len() {
                return;
            }
        }
    }
}

/// The other engine as an ordinary receiver.
#[derive(Debug)]
pub struct MinizInflate {
    stream: Decompress,
    no_context_takeover: bool,
}

impl MinizInflate {
    /// At the start of a connection.
    #[must_use]
    pub fn new(no_context_takeover: bool) -> Self {
        Self {
            stream: Decompress::new(false),
            no_context_takeover,
        }
    }

    /// The plain text of one message (RFC 7692 §7.2.2); `None` if it is broken.
    pub fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        if self.no_context_takeover {
            self.stream.reset(false);
        }
        let data = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut rest = &data[..];
        let mut plain = Vec::new();
        let mut out = vec![0; 1 << 15];
        loop {
            let (was_in, was_out) = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(rest, &mut out, FlushDecompress::Sync)
                .ok()?;
            rest = &rest[(self.stream.total_in() - was_in) as usize..];
            let produced = (self.stream.total_out() - was_out) as usize;
            plain.extend_from_slice(&out[..produced]);
            if status == Status::StreamEnd {
                self.stream.reset(false);
            } else if rest.is_empty() && produced < out.len() {
                return Some(plain);
            } else if produced == 0 && status == Status::BufError {
                return None;
            }
        }
    }
}

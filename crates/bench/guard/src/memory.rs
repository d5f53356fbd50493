//! The state machine alone: bytes in, bytes out, nothing else in the figure.

use std::io::IoSlice;
use std::time::Instant;

use wskit::proto::{Connection, Event};
use wskit::{Config, State};

use crate::Cell;
use crate::count::mark;
use crate::frames::Burst;

/// Echoes the cell's bursts, checking each echo's length always and its bytes before counting.
pub fn run(cell: Cell) {
    let burst = Burst::new(cell);
    let now = Instant::now();
    let mut ws = Connection::server(Config::new(), now);
    let rounds = cell.messages() / cell.depth;

    let mut echo = Vec::new();
    round(&mut ws, &burst, now, |bytes| echo.extend_from_slice(bytes));
    assert!(echo == burst.echo, "the echo differs from what was sent");

    for counted in [false, true] {
        if counted {
            mark();
        }
        for _ in 0..rounds {
            let mut length = 0;
            round(&mut ws, &burst, now, |bytes| length += bytes.len());
            assert_eq!(length, burst.echo.len());
        }
    }
    mark();
    assert_eq!(ws.state(), State::Open);
}

#[inline]
fn round(ws: &mut Connection, burst: &Burst, now: Instant, mut write: impl FnMut(&[u8])) {
    let mut rest = burst.bytes.as_slice();
    while !rest.is_empty() {
        let taken = ws.receive(rest);
        assert!(taken > 0, "the connection takes nothing");
        rest = &rest[taken..];
        while let Some((event, outbox)) = ws
            .poll_event_and_outbox(now)
            .expect("the frames keep the rules")
        {
            if let Event::Message(message) = event {
                outbox.feed(message).expect("there is room");
            }
        }
    }
    loop {
        let mut chunks = [IoSlice::new(&[]); 8];
        let used = ws.chunks(&mut chunks);
        let mut written = 0;
        for chunk in &chunks[..used] {
            write(chunk);
            written += chunk.len();
        }
        if written == 0 {
            break;
        }
        ws.advance(written);
    }
    ws.release();
}

//! A room of the example `together` and frames of its clients: a frame that is refused changes nothing; what was
//! taken can be saved, opened again, and merged by others; and no frame ends the process, though `yrs` may panic.
//!
//! Input: frames, each with who sends it (1 byte), its length (2), and its bytes.
#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use together::room::{Bad, Room};
use wskit_fuzz::Input;

static QUIET: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // The room catches the panics of `yrs`; the hook of the fuzzer would end the process before that.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|info| eprintln!("{info}"))));
    let mut input = Input::new(bytes);
    let mut room = Room::open(&[]).expect("a new room");
    let mut other = Room::open(&[]).expect("a new room");
    let mut saved = room.snapshot();
    while !input.is_empty() {
        let from = u64::from(input.byte() % 4);
        let len = u16::from_le_bytes(input.array());
        let frame = input.slice(usize::from(len));
        if frame.is_empty() {
            room.leave(from);
            continue;
        }
        match room.receive(from, frame) {
            Ok(outcome) => {
                saved = room.snapshot();
                if let Some(published) = outcome.publish {
                    let merged = other.receive(9, &published);
                    assert_ne!(merged, Err(Bad::Torn), "what is published is a frame");
                }
            }
            Err(Bad::Panicked) => {
                room = Room::open(&saved).expect("what was saved");
                // It may have missed what the room had told before.
                other = Room::open(&saved).expect("what was saved");
            }
            Err(bad) => assert_eq!(room.snapshot(), saved, "refused: {bad:?}"),
        }
    }
    Room::open(&saved).expect("what was saved");
});

use std::cell::Cell;

use wskit_proto::MaskKeys;

thread_local! {
    static DRAWN: Cell<u32> = const { Cell::new(0) };
}

/// Keys that differ from each other and are the same again after each call of this function.
#[must_use]
pub fn mask_keys() -> MaskKeys {
    DRAWN.set(0);
    MaskKeys::new(|| {
        let drawn = DRAWN.get().wrapping_add(1);
        DRAWN.set(drawn);
        drawn.wrapping_mul(0x9e37_79b1).to_be_bytes()
    })
}

//! tungstenite, by wskit-tungstenite.

pub use wskit_tungstenite::tungstenite::*;

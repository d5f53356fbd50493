//! Where this crate differs from tungstenite, on purpose.

//! The examples of tokio-tungstenite 0.30, ported as the guide's page "Migrating" says: each compiles and does
//! what the original does.
#![cfg(feature = "tokio")]

mod migrate {
    mod chat;
    mod client;
    mod custom_accept;
    mod interval;
    mod server_headers;
}

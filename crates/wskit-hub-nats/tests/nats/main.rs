//! What is NATS's alone, on real servers: Debian's `nats-server`, and the one that `NATS_SERVER_NEW` names.

mod basic;
mod cluster;
mod connecting;
mod epochs;
mod kit;
mod live;
mod presence;

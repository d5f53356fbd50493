//! What the soak consists of: a [`server`](serve) in a process of its own, [`clients`](client::Clients)
//! with a script each, the [accounts](ledger::Ledger) of both and the [judge](judge::judge).

pub mod client;
pub mod dice;
pub mod heap;
pub mod judge;
pub mod ledger;
pub mod process;
pub mod serve;
pub mod talk;

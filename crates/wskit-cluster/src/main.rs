//! The proof of the hub beyond one machine: three hub processes on a real engine, clients, faults, and a
//! checker that compares what each client saw with what was acknowledged.
//!
//! `wskit-cluster run --engine nats --seconds 30 --seed 1` is all of it. The other commands are its parts.

// Counts and times become figures for people.
#![allow(clippy::cast_precision_loss, clippy::cast_sign_loss)]

mod args;
mod check;
mod child;
mod clients;
mod engine;
mod faults;
mod link;
mod log;
mod look;
mod measure;
mod node;
mod protocol;
mod random;
mod run;
mod servers;
mod topics;

use std::process::ExitCode;

use crate::args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let args = Args::new(args);
    let done = match command.as_str() {
        "node" => node::run(&args).await,
        "run" => run::run(&args).await,
        "check" => run::check(&args),
        "measure" => measure::run(&args).await,
        "load" => measure::load::run(&args).await,
        "clients" => clients::run(&args).await,
        _ => Err("commands: run, node, clients, check, measure".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", node::explain(&*error));
            ExitCode::FAILURE
        }
    }
}

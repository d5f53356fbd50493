#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rates and figures for people: counts and nanoseconds below 2^53, which are not negative"
)]

mod bench;
mod client;
mod connect;
mod control;
mod echo;
mod encoding;
mod exit;
mod files;
mod generate;
mod input;
mod json;
mod listen;
mod output;
mod serving;
mod signals;
mod tls;
mod units;
#[cfg(unix)]
mod unix;

use clap::{Parser, Subcommand};

/// Talk to a WebSocket, listen for one, and load a server.
#[derive(Parser)]
#[command(
    name = "wsk",
    version,
    after_long_help = exit::HELP,
    args_override_self = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What it does; each is described by its options.
#[derive(Subcommand)]
enum Command {
    Connect(Box<connect::Options>),
    Listen(listen::Options),
    Echo(echo::Options),
    Bench(Box<bench::Options>),
    Completions(generate::CompletionOptions),
    Man(generate::ManOptions),
}

fn main() {
    let done = match Cli::parse().command {
        Command::Connect(options) => connect::run(*options),
        Command::Listen(options) => listen::run(options),
        Command::Echo(options) => echo::run(options),
        Command::Bench(options) => bench::run(*options),
        Command::Completions(options) => generate::completions(&options),
        Command::Man(options) => generate::man(&options),
    };
    let code = done.unwrap_or_else(|failure| {
        failure.tell();
        failure.exit
    });
    // The thread that reads standard input cannot be stopped.
    std::process::exit(code.number())
}

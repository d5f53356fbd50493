//! `wsk completions` and `wsk man`, from the definitions of the options.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Cli;
use crate::exit::{Exit, Failure};

/// Print a completion script for a shell.
///
/// For bash: wsk completions bash > ~/.local/share/bash-completion/completions/wsk
#[derive(Args, Debug)]
pub(crate) struct CompletionOptions {
    shell: Shell,
}

/// Print a manual page.
///
/// Without an argument it is that of wsk. Read it with: wsk man connect | man -l -
#[derive(Args, Debug)]
pub(crate) struct ManOptions {
    /// The command whose page is printed
    #[arg(value_name = "COMMAND")]
    page: Option<String>,
    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "page")]
    dir: Option<PathBuf>,
}

/// Prints the script.
pub(crate) fn completions(options: &CompletionOptions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "wsk", &mut script);
    print(&script)
}

/// Prints a page, or writes all of them.
pub(crate) fn man(options: &ManOptions) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    if let Some(dir) = &options.dir {
        let failed = |error| Failure::of(dir.display(), &error);
        clap_mangen::generate_to(command, dir).map_err(failed)?;
        return Ok(Exit::Clean);
    }
    command.build();
    let command = match &options.page {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure::usage(format_args!("{name}: no such command")))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(Exit::Clean)
}

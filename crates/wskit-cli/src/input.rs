//! Standard input: one message a line, or as the options say.

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;
use tokio::sync::mpsc;
use wskit::Message;

use crate::control::{self, Command};
use crate::encoding::Encoding;
use crate::exit::Exit;

/// How bytes and messages correspond, in both directions.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Framing {
    /// Send binary messages; each line is written as --encoding says
    #[arg(short, long)]
    pub(crate) binary: bool,
    /// How binary messages are written, on standard input and output
    #[arg(short, long, value_name = "HOW", default_value = "hex")]
    pub(crate) encoding: Encoding,
    /// Messages end with a zero byte instead of a newline, on standard input and output
    #[arg(short = '0', long)]
    pub(crate) null: bool,
    /// Send all of standard input as one message
    #[arg(long, conflicts_with = "null")]
    whole: bool,
    /// Take /ping and /close for commands also if standard input is no terminal
    #[arg(long)]
    slash: bool,
}

/// A line that is not a message.
#[derive(Debug)]
pub(crate) struct BadLine {
    pub(crate) text: String,
    /// How the program ends if the line cannot be typed again.
    pub(crate) exit: Exit,
}

/// What comes from standard input.
pub(crate) type Lines = mpsc::Receiver<Result<Command, BadLine>>;

impl Framing {
    /// Returns the byte behind each message.
    pub(crate) fn terminator(&self) -> u8 {
        if self.null { 0 } else { b'\n' }
    }

    /// Reads standard input in a thread of its own, as fast as the lines are taken.
    pub(crate) fn read_stdin(&self) -> Lines {
        let (lines, receiver) = mpsc::channel(64);
        let framing = self.clone();
        std::thread::spawn(move || framing.read_into(&lines));
        receiver
    }

    /// Returns the message that is the argument of `--execute`.
    pub(crate) fn argument(&self, text: &str) -> Result<Command, BadLine> {
        self.command(text.as_bytes().to_vec(), false)
    }

    fn read_into(&self, lines: &mpsc::Sender<Result<Command, BadLine>>) {
        let mut stdin = io::stdin().lock();
        let slash = self.slash || stdin.is_terminal();
        loop {
            let mut line = Vec::new();
            let read = if self.whole {
                stdin.read_to_end(&mut line)
            } else {
                stdin.read_until(self.terminator(), &mut line)
            };
            let command = match read {
                Ok(0) => return,
                Ok(_) => {
                    if !self.whole && line.last() == Some(&self.terminator()) {
                        line.pop();
                        if cfg!(windows) && line.last() == Some(&b'\r') {
                            line.pop();
                        }
                    }
                    self.command(line, slash)
                }
                Err(error) => {
                    let text = format!("standard input: {error}");
                    let exit = Exit::Local;
                    let _ = lines.blocking_send(Err(BadLine { text, exit }));
                    return;
                }
            };
            if lines.blocking_send(command).is_err() {
                return;
            }
        }
    }

    fn command(&self, line: Vec<u8>, slash: bool) -> Result<Command, BadLine> {
        let bad = |text| BadLine {
            text,
            exit: Exit::Usage,
        };
        if slash {
            let parsed = std::str::from_utf8(&line).map_or(Ok(None), control::parse);
            if let Some(command) = parsed.map_err(bad)? {
                return Ok(command);
            }
        }
        if self.binary {
            return Ok(Command::Send(Message::binary(
                self.encoding.decode(line).map_err(bad)?,
            )));
        }
        match String::from_utf8(line) {
            Ok(text) => Ok(Command::Send(Message::text(text))),
            Err(_) => Err(bad("standard input is not UTF-8: use --binary".into())),
        }
    }
}

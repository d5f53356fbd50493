//! What is printed: messages to standard output, everything else to standard error; or lines of JSON.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use wskit::{Message, Outcome};

use crate::encoding::{Encoding, base64};
use crate::input::Framing;
use crate::json::Event;
use crate::units;

/// What is printed, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Print each event as a line of JSON
    #[arg(short, long)]
    json: bool,
    /// Print messages and errors only
    #[arg(short, long)]
    quiet: bool,
    /// Print headers, pings and pongs too
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Whether to use colours; `auto` is on a terminal, if NO_COLOR is not set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    fn on(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
                terminal && !refused && !dumb
            }
        }
    }
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const CYAN: &str = "\x1b[36m";

/// Prints events.
pub(crate) struct Printer {
    options: OutputOptions,
    encoding: Encoding,
    terminator: u8,
    terminal: bool,
    out_color: bool,
    err_color: bool,
    out: BufWriter<StdoutLock<'static>>,
}

impl Printer {
    pub(crate) fn new(options: &OutputOptions, framing: &Framing) -> Self {
        let out = io::stdout().lock();
        let terminal = out.is_terminal();
        Self {
            out_color: options.color.on(terminal),
            err_color: options.color.on(io::stderr().is_terminal()),
            options: options.clone(),
            encoding: framing.encoding,
            terminator: framing.terminator(),
            terminal,
            out: BufWriter::new(out),
        }
    }

    /// Prints a message; `client` is who has sent it to a server.
    pub(crate) fn message(&mut self, client: Option<u64>, message: &Message) -> io::Result<()> {
        if self.options.json {
            let mut event = Self::event("message", client);
            event.insert("size", message.len());
            match message.as_text() {
                Some(text) => event.insert("text", text),
                None => event.insert("base64", base64(message.as_bytes())),
            }
            return self.line(&event);
        }
        if self.terminal {
            let from = client.map_or_else(String::new, |client| client.to_string());
            let (on, off) = colors(self.out_color, CYAN);
            write!(self.out, "{on}{from}<{off} ")?;
        } else if let Some(client) = client {
            write!(self.out, "{client}: ")?;
        }
        match message.as_text() {
            Some(text) if self.terminal => write_safe(&mut self.out, text)?,
            Some(text) => self.out.write_all(text.as_bytes())?,
            None => self
                .out
                .write_all(&self.encoding.encode(message.as_bytes()))?,
        }
        let raw = message.as_text().is_none() && self.encoding == Encoding::Raw;
        if !raw || self.terminal {
            self.out.write_all(&[self.terminator])?;
        }
        Ok(())
    }

    /// Prints a ping or pong that has come. A pong for a ping of this end has its round-trip time.
    pub(crate) fn control(
        &mut self,
        kind: &str,
        client: Option<u64>,
        payload: &[u8],
        round_trip: Option<Duration>,
    ) -> io::Result<()> {
        if self.options.json {
            let mut event = Self::event(kind, client);
            event.insert("size", payload.len());
            event.insert("base64", base64(payload));
            if let Some(time) = round_trip {
                let millis = time.as_nanos() as f64 / 1e6;
                event.insert("round_trip_ms", millis);
            }
            return self.line(&event);
        }
        let from = client.map_or_else(String::new, |client| format!("{client}: "));
        match round_trip {
            Some(time) => self.status(&format!("{from}{kind} after {}", units::time(time))),
            None if self.options.verbose => {
                self.status(&format!("{from}{kind} \"{}\"", payload.escape_ascii()))
            }
            None => Ok(()),
        }
    }

    /// Prints that a connection is open, with what is known of it.
    pub(crate) fn open(
        &mut self,
        client: Option<u64>,
        text: &str,
        facts: &[(&str, Option<String>)],
    ) -> io::Result<()> {
        if !self.options.json {
            let known = facts
                .iter()
                .filter_map(|(name, fact)| Some(format!(", {name} {}", fact.as_ref()?)));
            return self.status(&format!("{text}{}", known.collect::<String>()));
        }
        let mut event = Self::event("open", client);
        for (name, fact) in facts {
            let fact = fact.clone().map_or(Value::Null, Value::from);
            event.insert(name.replace('-', "_"), fact);
        }
        self.line(&event)
    }

    /// Prints where a server listens.
    pub(crate) fn listening(&mut self, url: &str) -> io::Result<()> {
        if self.options.json {
            let mut event = Self::event("listening", None);
            event.insert("url", url);
            return self.line(&event);
        }
        self.status(&format!("listening on {url}"))
    }

    /// Prints how a connection ended.
    pub(crate) fn close(&mut self, client: Option<u64>, outcome: &Outcome) -> io::Result<()> {
        if self.options.json {
            let mut event = Self::event("close", client);
            event.insert("code", outcome.code().get());
            event.insert("reason", outcome.reason());
            event.insert("clean", outcome.is_clean());
            event.insert("text", outcome.to_string());
            return self.line(&event);
        }
        match client {
            Some(client) => self.status(&format!("{client}: {outcome}")),
            None => self.status(&outcome.to_string()),
        }
    }

    /// Prints that the connection was lost, and when another attempt is made.
    pub(crate) fn lost(&mut self, why: &str, retry_in: Duration) -> io::Result<()> {
        if self.options.json {
            let mut event = Self::event("lost", None);
            event.insert("text", why);
            event.insert("retry_in", retry_in.as_secs_f64());
            return self.line(&event);
        }
        self.status(&format!("{why}; again in {}", units::time(retry_in)))
    }

    /// Prints what went wrong, without ending the program. `facts` are for programs.
    pub(crate) fn error(&mut self, text: &str, facts: &[(&str, Value)]) -> io::Result<()> {
        if self.options.json {
            let mut event = Self::event("error", None);
            event.insert("text", text);
            for (name, fact) in facts {
                event.insert(*name, fact.clone());
            }
            return self.line(&event);
        }
        self.flush()?;
        let (on, off) = colors(self.err_color, RED);
        let _ = writeln!(io::stderr(), "{on}wsk: {text}{off}");
        Ok(())
    }

    /// Prints a line about the connection, for people.
    pub(crate) fn status(&mut self, text: &str) -> io::Result<()> {
        if self.options.quiet || self.options.json {
            return Ok(());
        }
        // Behind the messages that came before it.
        self.flush()?;
        let (on, off) = colors(self.err_color, DIM);
        let _ = writeln!(io::stderr(), "{on}{text}{off}");
        Ok(())
    }

    /// Writes what is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn event(kind: &str, client: Option<u64>) -> Event {
        let mut event = Event::new(kind);
        if let Some(client) = client {
            event.insert("client", client);
        }
        event
    }

    fn line(&mut self, event: &Event) -> io::Result<()> {
        event.write(&mut self.out)
    }
}

fn colors(on: bool, color: &'static str) -> (&'static str, &'static str) {
    if on { (color, RESET) } else { ("", "") }
}

/// Writes text without the characters that control a terminal: the peer must not.
fn write_safe(out: &mut impl Write, text: &str) -> io::Result<()> {
    let unsafe_char = |char: char| char.is_control() && char != '\n' && char != '\t';
    let mut rest = text;
    while let Some(at) = rest.find(unsafe_char) {
        let (before, from) = rest.split_at(at);
        let char = from.chars().next().unwrap_or_default();
        write!(out, "{before}{}", char.escape_unicode())?;
        rest = from.get(char.len_utf8()..).unwrap_or_default();
    }
    out.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let mut out = Vec::new();
        write_safe(&mut out, "a\x1b[2Jb\tc\nd\u{9b}é").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\u{1b}[2Jb\tc\nd\\u{9b}é"
        );
    }
}

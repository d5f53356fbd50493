//! Lines that are commands: `/ping`, `/close`.

use bytes::Bytes;
use wskit::{CloseCode, Message};

/// What a line of input asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Send(Message),
    Ping(Bytes),
    Close(CloseCode, String),
}

/// The commands, for a status line.
pub(crate) const COMMANDS: &str =
    "/ping [TEXT], /close [CODE [REASON]]; // at the beginning sends /";

/// Reads a command. `Ok(None)`: the line is a message; without the first of two slashes.
pub(crate) fn parse(line: &str) -> Result<Option<Command>, String> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(None);
    };
    if command.starts_with('/') {
        return Ok(Some(Command::Send(Message::text(command.to_owned()))));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "ping" if rest.len() > 125 => Err("/ping: at most 125 bytes".into()),
        "ping" => Ok(Some(Command::Ping(rest.to_owned().into()))),
        "close" => close(rest).map(Some),
        _ => Err(format!("/{name}: no such command; there are {COMMANDS}")),
    }
}

fn close(rest: &str) -> Result<Command, String> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = match code {
        "" => CloseCode::NORMAL,
        code => match code.parse() {
            Ok(number @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => CloseCode::new(number),
            _ => return Err(format!("/close {code}: not a code that may be sent")),
        },
    };
    if reason.len() > 123 {
        return Err("/close: the reason has at most 123 bytes".into());
    }
    Ok(Command::Close(code, reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_slash_are_commands() {
        assert_eq!(parse("hello"), Ok(None));
        assert_eq!(parse("/ping"), Ok(Some(Command::Ping(Bytes::new()))));
        assert_eq!(parse("/ping a b"), Ok(Some(Command::Ping("a b".into()))));
        assert_eq!(
            parse("//ping"),
            Ok(Some(Command::Send(Message::text("/ping"))))
        );
        let normal = Command::Close(CloseCode::NORMAL, String::new());
        assert_eq!(parse("/close"), Ok(Some(normal)));
        let own = Command::Close(CloseCode::new(4000), "see you".into());
        assert_eq!(parse("/close 4000 see you"), Ok(Some(own)));
        for line in ["/", "/quit", "/close 1005", "/close 99", "/close x"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

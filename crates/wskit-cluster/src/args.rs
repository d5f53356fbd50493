//! Arguments: `--name value`.

use std::error::Error;
use std::str::FromStr;

/// The arguments after the command.
#[derive(Clone, Debug)]
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn new(args: impl Iterator<Item = String>) -> Self {
        Self(args.collect())
    }

    /// Returns the first argument, if it is no option.
    pub(crate) fn first(&self) -> Option<&str> {
        let first = self.0.first().map(String::as_str);
        first.filter(|first| !first.starts_with("--"))
    }

    /// Returns the value of an argument, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let flag = format!("--{name}");
        let at = self.0.iter().position(|arg| *arg == flag)?;
        self.0.get(at + 1).map(String::as_str)
    }

    /// Whether a flag is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|arg| arg.strip_prefix("--") == Some(name))
    }

    /// Returns the value of an argument that has to be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Box<dyn Error>> {
        self.get(name)
            .ok_or_else(|| format!("--{name} is missing").into())
    }

    /// Returns the value of an argument as a number, or a default.
    pub(crate) fn or<T: FromStr>(&self, name: &str, default: T) -> Result<T, Box<dyn Error>> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse()
            .map_err(|_| format!("--{name} is not {text}").into())
    }
}

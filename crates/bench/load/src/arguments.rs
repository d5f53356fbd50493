//! `--name value` and `--name` on the command line.

use std::str::FromStr;

/// The command line behind the subcommand.
pub struct Arguments(Vec<String>);

impl Arguments {
    /// What the process was started with, without its name and the subcommand.
    #[must_use]
    pub fn after_subcommand() -> Self {
        Self(std::env::args().skip(2).collect())
    }

    /// The text behind `--name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let at = self
            .0
            .iter()
            .position(|argument| argument.strip_prefix("--") == Some(name))?;
        self.0.get(at + 1).map(String::as_str)
    }

    /// The texts behind each `--name`.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.windows(2);
        pairs
            .filter(move |pair| pair[0].strip_prefix("--") == Some(name))
            .map(|pair| pair[1].as_str())
    }

    /// Whether `--name` is there.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|argument| argument.strip_prefix("--") == Some(name))
    }

    /// The value behind `--name`, or `default`.
    ///
    /// # Errors
    /// It does not parse.
    pub fn value<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("--{name} {text}: no value")),
        }
    }

    /// The numbers behind `--name`, or `default`.
    ///
    /// # Errors
    /// They do not parse.
    pub fn list(&self, name: &str, default: &[usize]) -> Result<Vec<usize>, String> {
        match self.text(name) {
            None => Ok(default.to_vec()),
            Some(list) => list
                .split(',')
                .map(|number| {
                    number
                        .parse()
                        .map_err(|_| format!("--{name} {number}: no number"))
                })
                .collect(),
        }
    }

    /// The text behind `--name`, which must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn needed(&self, name: &str) -> Result<&str, String> {
        self.text(name)
            .ok_or_else(|| format!("--{name} is missing"))
    }
}

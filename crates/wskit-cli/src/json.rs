//! Lines of JSON: one object for each event.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// An event, with its members in the order in which they are added.
pub(crate) struct Event(Vec<(String, Value)>);

impl Event {
    /// Makes an event with what each has: its kind, and the seconds since 1970.
    pub(crate) fn new(kind: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_micros() as f64 / 1e6;
        let mut event = Self(Vec::new());
        event.insert("kind", kind);
        event.insert("time", seconds);
        event
    }

    /// Adds a member.
    pub(crate) fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// Writes the event as a line.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            // Names have no characters that JSON escapes.
            write!(out, "{before}\"{name}\":{value}")?;
        }
        out.write_all(b"}\n")
    }
}

//! Lines of JSON: one object for each event.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// Returns an object with what each event has: its kind, and the seconds since 1970.
pub(crate) fn event(kind: &str) -> Map<String, Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_micros() as f64 / 1e6;
    let mut object = Map::new();
    object.insert("kind".into(), kind.into());
    object.insert("time".into(), seconds.into());
    object
}

use std::collections::BTreeSet;

use super::At;
use crate::log::How;

/// What one client has seen of one topic.
#[derive(Debug, Default)]
pub(super) struct Session {
    is_open: bool,
    /// Where it is: it has all up to here, or was told that it has not.
    last: Option<At>,
    /// How many messages of the past are to come that may begin anywhere.
    replay: u64,
    /// Who is present, as it was told.
    present: Option<BTreeSet<String>>,
}

impl Session {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn last(&self) -> Option<At> {
        self.last
    }

    /// Returns who is present, if it is told of that now.
    pub(super) fn present(&self) -> Option<&BTreeSet<String>> {
        self.present.as_ref().filter(|_| self.is_open)
    }

    /// It is subscribed.
    pub(super) fn begin(
        &mut self,
        how: How,
        after: Option<At>,
        pos: At,
        past: Option<u64>,
    ) -> Result<(), String> {
        self.is_open = true;
        self.present = None;
        self.replay = 0;
        let last = self.last;
        match how {
            How::All => {
                let Some(after) = after else {
                    return Err("told that it has all, but it gave no position".into());
                };
                if last.is_some_and(|last| last != after) {
                    return Err("it gave another position than its last one".into());
                }
                self.last = Some(after);
                if pos.epoch != after.epoch {
                    return Err("told that it has all, but the epoch is another one".into());
                }
                if pos.offset < after.offset {
                    return Err(format!(
                        "told that it has all after {}, up to {}",
                        after.offset, pos.offset
                    ));
                }
            }
            How::Gap => self.last = Some(pos),
            How::Fresh => {
                self.replay = past.unwrap_or(0);
                self.last = (self.replay == 0).then_some(pos);
                if last.is_some() {
                    return Err("subscribed anew, and not told what it missed".into());
                }
            }
        }
        Ok(())
    }

    /// It got a message. Returns from where it has come to it, if that was a step within an epoch.
    pub(super) fn message(&mut self, pos: At) -> Result<Option<At>, (&'static str, String)> {
        let last = self.last.replace(pos);
        if !self.is_open {
            return Err(("I9", format!("{} came without a subscription", pos.offset)));
        }
        if self.replay > 0 {
            self.replay -= 1;
        }
        match last {
            None => Ok(None),
            Some(last) if last.epoch != pos.epoch => {
                Err(("I3", "not told that the epoch is another one".into()))
            }
            Some(last) if pos.offset == last.offset => {
                Err(("I2", format!("{} came twice", pos.offset)))
            }
            Some(last) if pos.offset < last.offset => {
                Err(("I1", format!("{} came after {}", pos.offset, last.offset)))
            }
            Some(last) => Ok(Some(last)),
        }
    }

    /// It was told of a gap, after which it goes on at this position.
    pub(super) fn told(&mut self, pos: At) {
        self.last = Some(pos);
        self.replay = 0;
    }

    pub(super) fn end(&mut self) {
        self.is_open = false;
    }

    pub(super) fn here(&mut self, names: &[String]) {
        self.present = Some(names.iter().cloned().collect());
    }

    pub(super) fn joined(&mut self, name: &str) {
        if let Some(present) = &mut self.present {
            present.insert(name.to_owned());
        }
    }

    pub(super) fn left(&mut self, name: &str) {
        if let Some(present) = &mut self.present {
            present.remove(name);
        }
    }
}

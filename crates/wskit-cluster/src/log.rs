//! What clients and the program that runs them write down: one JSON object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A line of a log.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Record {
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    /// Who: the name of a client, or `run`.
    pub(crate) who: String,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened. Positions are texts: the epoch, a hyphen, and the offset.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "ev", rename_all = "lowercase")]
pub(crate) enum What {
    /// The client is connected, to this node.
    Open { node: String },
    /// Its connection is lost, or was closed.
    Lost,
    /// It is subscribed.
    Sub {
        topic: String,
        how: How,
        /// The position that it gave.
        after: Option<String>,
        /// The position that it was told.
        pos: String,
        /// How many messages of the past follow, if that was told.
        past: Option<u64>,
    },
    /// It got a message.
    Msg {
        topic: String,
        pos: String,
        id: String,
    },
    /// It was told that messages are lost, and that it goes on after this position.
    Gap { topic: String, pos: String },
    /// Its subscription has ended, by the server.
    Unsub { topic: String },
    /// It was told who is present.
    Here { topic: String, names: Vec<String> },
    /// It was told that a member has come.
    Join { topic: String, name: String },
    /// It was told that a member has left.
    Left { topic: String, name: String },
    /// It is present: by its own name, or by another one.
    Enter {
        topic: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// It is not present any more, by its own wish.
    Leave { topic: String },
    /// It was refused something.
    Denied { topic: String },
    /// It begins to publish a message.
    Try { topic: String, id: String },
    /// A publication was acknowledged. Centrifugo's protocol tells no position.
    Ack {
        topic: String,
        id: String,
        pos: Option<String>,
    },
    /// A publication failed.
    Fail {
        topic: String,
        id: String,
        why: String,
    },
    /// It ends for good.
    Bye,
    /// A fault begins, or ends. For people.
    Fault { text: String },
    /// What follows is the end of the clients.
    End,
    /// The newest position of a topic, as a node has it after all faults.
    Top {
        node: String,
        topic: String,
        pos: String,
    },
    /// Who is present, as a node has it after all faults.
    Present {
        node: String,
        topic: String,
        names: Vec<String>,
    },
}

/// What a subscription begins with.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// Everything after the position that was given.
    All,
    /// Something is missing.
    Gap,
    /// No position was given.
    Fresh,
}

/// Returns the time, in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

/// A file of records, written by several tasks.
#[derive(Debug)]
pub(crate) struct Log(Mutex<BufWriter<File>>);

impl Log {
    /// Creates the file.
    pub(crate) fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Mutex::new(BufWriter::new(File::create(path)?))))
    }

    /// Appends a record. A log that cannot be written ends the program, as nothing could be proved.
    pub(crate) fn add(&self, who: &str, what: What) {
        let record = Record {
            at: now(),
            who: who.to_owned(),
            what,
        };
        let mut line = serde_json::to_vec(&record).expect("a record is JSON");
        line.push(b'\n');
        let mut file = self.0.lock().expect("no task panics with the log");
        file.write_all(&line).expect("the log can be written");
    }

    /// Writes what is buffered.
    pub(crate) fn flush(&self) {
        let mut file = self.0.lock().expect("no task panics with the log");
        file.flush().expect("the log can be written");
    }
}

/// Reads a log while it is being written.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// A line of which only the beginning was there.
    part: Vec<u8>,
}

impl Tail {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            part: Vec::new(),
        }
    }

    /// Returns what was added since the last call.
    pub(crate) fn read(&mut self) -> std::io::Result<Vec<Record>> {
        let mut records = Vec::new();
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(BufReader::with_capacity(1 << 20, file)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(records),
                Err(error) => return Err(error),
            }
        }
        while let Some(file) = &mut self.file {
            let read = file.read_until(b'\n', &mut self.part)?;
            if read == 0 || self.part.last() != Some(&b'\n') {
                break;
            }
            let record = serde_json::from_slice(&self.part).map_err(|error| {
                let line = String::from_utf8_lossy(&self.part);
                let text = format!("{}: {error}: {line}", self.path.display());
                std::io::Error::new(std::io::ErrorKind::InvalidData, text)
            })?;
            records.push(record);
            self.part.clear();
        }
        Ok(records)
    }
}

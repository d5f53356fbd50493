//! Where rooms are kept: one file for each, which is whole at every moment.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The longest name of a room, in bytes.
const NAME: usize = 64;

/// A folder with a file for each room.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    files: AtomicUsize,
    most: usize,
}

impl Store {
    /// Opens the folder, and makes it if there is none. It takes `most` rooms.
    ///
    /// # Errors
    /// It cannot be read or made.
    pub fn open(folder: &Path, most: usize) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let files = AtomicUsize::new(fs::read_dir(folder)?.count());
        Ok(Self {
            folder: folder.to_owned(),
            files,
            most,
        })
    }

    /// Returns what was saved of a room, or nothing.
    ///
    /// # Errors
    /// The file cannot be read, or there is none and the folder is full.
    pub fn load(&self, name: &str) -> io::Result<Vec<u8>> {
        match fs::read(self.file(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.files.load(Ordering::Relaxed) >= self.most {
                    return Err(io::Error::other("there are too many rooms"));
                }
                Ok(Vec::new())
            }
            read => read,
        }
    }

    /// Saves a room. A crash leaves the file as it was or as it is now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, name: &str, document: &[u8]) -> io::Result<()> {
        let file = self.file(name);
        let unfinished = file.with_extension("new");
        let mut writing = fs::File::create(&unfinished)?;
        writing.write_all(document)?;
        writing.sync_all()?;
        if !file.exists() {
            self.files.fetch_add(1, Ordering::Relaxed);
        }
        fs::rename(unfinished, file)
    }

    /// The name of a file may have neither `/` nor `.`, capitals are not letters of their own everywhere, and
    /// names such as `con` are taken on Windows.
    fn file(&self, name: &str) -> PathBuf {
        let letters = name.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        });
        let name: String = letters.collect();
        self.folder.join(format!("room-{name}.yjs"))
    }
}

/// Returns the room that a path names: what is behind its `/`, percent-decoded, of 1 to 64 bytes without control
/// characters.
#[must_use]
pub fn room(path: &str) -> Option<String> {
    let mut bytes = path.strip_prefix('/')?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
        name.push(match byte {
            b'%' => u8::try_from(hex(bytes.next())? << 4 | hex(bytes.next())?).ok()?,
            _ => byte,
        });
    }
    let name = String::from_utf8(name).ok()?;
    ((1..=NAME).contains(&name.len()) && !name.chars().any(char::is_control)).then_some(name)
}

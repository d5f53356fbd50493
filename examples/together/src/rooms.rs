//! All rooms of a server: opened by the first who comes, saved while they change, closed when they are empty.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep};
use wskit::PreparedMessage;
use wskit::hub::{self, Access, Event, Hub, Limits, Publication, Rules, Wire};

use crate::room::{Bad, MESSAGE, Outcome, Room, Seat};
use crate::store::Store;

/// How often a room that changes is saved.
const SAVE: Duration = Duration::from_secs(1);
/// For how many saves an empty room stays.
const LINGER: u32 = 60;
/// Rooms in memory.
const OPEN: usize = 1000;
/// Rooms on the disk.
const KEPT: usize = 10_000;

/// The rooms of a server.
pub struct Rooms {
    /// Carries what happens in a room to everyone in it. The topic is the name of the room.
    pub hub: Hub,
    /// How that looks to clients.
    pub wire: Wire,
    store: Store,
    open: Arc<Mutex<HashMap<String, Arc<Open>>>>,
}

struct Open {
    name: String,
    room: Mutex<Option<Room>>,
    /// Held during a save. It is locked before the room.
    saving: Mutex<()>,
    /// How many are here. It changes only while the list of rooms is locked.
    seated: AtomicUsize,
    next_seat: AtomicUsize,
}

/// One client's place in a room. Dropping it leaves the room.
pub struct Place {
    rooms: Arc<Rooms>,
    open: Arc<Open>,
    seat: Seat,
}

impl Rooms {
    /// Opens the rooms that are kept in a folder.
    ///
    /// # Errors
    /// The folder cannot be read or made.
    pub fn new(folder: &Path) -> io::Result<Arc<Self>> {
        let open = Arc::<Mutex<HashMap<String, Arc<Open>>>>::default();
        let limits = Limits::new().payload(MESSAGE);
        // The slowest go on with the newest 64 messages.
        let hub = Hub::builder(|_| Rules::live().subscribe(Access::Everyone)).limits(limits);
        let rooms = open.clone();
        let wire = Wire::new(move |event| match event {
            Event::Published { message, .. } => Some(PreparedMessage::binary(message.payload())),
            // What was missed is in the document. Awareness needs nothing: each page repeats its own.
            Event::Skipped { topic, .. } | Event::Gap { topic, .. } => {
                let open = lock(&rooms).get(topic).cloned()?;
                let everything = lock(&open.room).as_ref()?.everything();
                Some(PreparedMessage::binary(&everything))
            }
            _ => None,
        });
        Ok(Arc::new(Self {
            hub: hub.build(),
            wire,
            store: Store::open(folder, KEPT)?,
            open,
        }))
    }

    /// Takes a place in a room, and opens it if it is not. It reads a file: call it where that may block, in a
    /// runtime of tokio.
    ///
    /// # Errors
    /// There are too many rooms, or this one cannot be read.
    pub fn join(self: &Arc<Self>, name: &str) -> io::Result<Place> {
        let open = self.sit(name)?;
        let place = Place {
            rooms: self.clone(),
            seat: open.next_seat.fetch_add(1, Ordering::Relaxed) as Seat,
            open,
        };
        let mut room = lock(&place.open.room);
        if room.is_none() {
            *room = Some(self.load(name)?);
        }
        drop(room);
        Ok(place)
    }

    fn sit(self: &Arc<Self>, name: &str) -> io::Result<Arc<Open>> {
        let mut all = lock(&self.open);
        if !all.contains_key(name) && all.len() >= OPEN {
            return Err(io::Error::other("too many rooms are open"));
        }
        let open = all.entry(name.to_owned()).or_insert_with(|| {
            let open = Arc::new(Open {
                name: name.to_owned(),
                room: Mutex::default(),
                saving: Mutex::default(),
                seated: AtomicUsize::new(0),
                next_seat: AtomicUsize::new(0),
            });
            tokio::spawn(self.clone().keep(open.clone()));
            open
        });
        open.seated.fetch_add(1, Ordering::Relaxed);
        Ok(open.clone())
    }

    fn load(&self, name: &str) -> io::Result<Room> {
        let damaged = |_| io::Error::new(io::ErrorKind::InvalidData, "its file is damaged");
        Room::open(&self.store.load(name)?).map_err(damaged)
    }

    /// Saves a room while it changes, and closes it when it has been empty for a while.
    async fn keep(self: Arc<Self>, open: Arc<Open>) {
        let (mut ticks, mut empty) = (interval(SAVE), 0);
        while empty < LINGER || !self.forget(&open) {
            ticks.tick().await;
            let (rooms, saved) = (self.clone(), open.clone());
            let saving = spawn_blocking(move || rooms.save(&saved));
            if let Ok(Err(error)) = saving.await {
                eprintln!("{:?} cannot be saved: {error}", open.name);
            }
            let is_empty = open.seated.load(Ordering::Relaxed) == 0;
            empty = if is_empty { empty + 1 } else { 0 };
        }
    }

    fn save(&self, open: &Open) -> io::Result<()> {
        let _saving = lock(&open.saving);
        let document = match &mut *lock(&open.room) {
            Some(room) if room.unsaved => {
                let document = catch_unwind(AssertUnwindSafe(|| room.snapshot()));
                let document = document.map_err(|_| io::Error::other("yrs panicked"))?;
                room.unsaved = false;
                document
            }
            _ => return Ok(()),
        };
        let saved = self.store.save(&open.name, &document);
        if saved.is_err() {
            let mut room = lock(&open.room);
            room.iter_mut().for_each(|room| room.unsaved = true);
        }
        saved
    }

    fn forget(&self, open: &Open) -> bool {
        // A save that is under way may fail, and opening the room again must not read the file before it.
        let Ok(_saved) = open.saving.try_lock() else {
            return false;
        };
        let mut all = lock(&self.open);
        let unsaved = lock(&open.room).as_ref().is_some_and(|room| room.unsaved);
        let is_over = open.seated.load(Ordering::Relaxed) == 0 && !unsaved;
        if is_over {
            all.remove(&open.name);
        }
        is_over
    }

    /// Saves all rooms, at the end of the server.
    pub fn save_all(&self) {
        let all: Vec<_> = lock(&self.open).values().cloned().collect();
        for open in all {
            if let Err(error) = self.save(&open) {
                eprintln!("{:?} cannot be saved: {error}", open.name);
            }
        }
    }

    /// Tells everyone in a room.
    async fn publish(&self, room: &str, frame: Vec<u8>) {
        let publication = Publication::binary(frame);
        loop {
            match self.hub.publish(room, publication.clone()).await {
                Ok(_) => return,
                // Many are behind. What writes has to wait for them.
                Err(hub::Error::OutOfMemory) => sleep(SAVE).await,
                Err(error) => return eprintln!("{room:?}: {error}"),
            }
        }
    }
}

impl Place {
    /// What the client is sent first.
    #[must_use]
    pub fn greeting(&self) -> Vec<Vec<u8>> {
        let room = lock(&self.open.room);
        room.as_ref().map(Room::greeting).unwrap_or_default()
    }

    /// Takes a frame of the client, and tells the room what it changes. Returns what the client gets itself.
    ///
    /// # Errors
    /// The frame is refused. That ends the connection, and nothing else.
    pub async fn receive(&self, frame: &[u8]) -> Result<Option<Vec<u8>>, Bad> {
        let mut received = self.handle(frame);
        if received == Err(Bad::Closed) {
            // A frame of another client has just damaged the room.
            self.reopen().await;
            received = self.handle(frame);
        }
        if received == Err(Bad::Panicked)
            && let Some(question) = self.reopen().await
        {
            // What is missing in the file, the others have.
            self.rooms.publish(&self.open.name, question).await;
        }
        let Outcome { reply, publish } = received?;
        if let Some(frame) = publish {
            self.rooms.publish(&self.open.name, frame).await;
        }
        Ok(reply)
    }

    fn handle(&self, frame: &[u8]) -> Result<Outcome, Bad> {
        let mut room = lock(&self.open.room);
        let received = room.as_mut().ok_or(Bad::Closed)?.receive(self.seat, frame);
        if received == Err(Bad::Panicked) {
            // Before anything else sees it, or saves it.
            *room = None;
        }
        received
    }

    /// Opens the room again from what was saved, while all others wait. Returns what asks for the rest.
    async fn reopen(&self) -> Option<Vec<u8>> {
        let (rooms, open) = (self.rooms.clone(), self.open.clone());
        let opening = spawn_blocking(move || {
            let mut room = lock(&open.room);
            if room.is_none() {
                *room = rooms.load(&open.name).ok();
            }
            room.as_ref().map(Room::question)
        });
        opening.await.ok()?
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone = lock(&self.open.room)
            .as_mut()
            .and_then(|room| room.leave(self.seat));
        let _all = lock(&self.rooms.open);
        self.open.seated.fetch_sub(1, Ordering::Relaxed);
        if let (Some(frame), Ok(runtime)) = (gone, Handle::try_current()) {
            let (rooms, open) = (self.rooms.clone(), self.open.clone());
            runtime.spawn(async move { rooms.publish(&open.name, frame).await });
        }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").finish_non_exhaustive()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hello` in the text of client 7, and `!` of client 8.
    const HELLO: &[u8] = b"\x00\x02\x12\x01\x01\x07\x00\x04\x01\x04text\x05hello\x00";
    const MARK: &[u8] = b"\x00\x02\x0e\x01\x01\x08\x00\x04\x01\x04text\x01!\x00";

    /// Two places in one room, whose folder is new.
    fn two(name: &str) -> (Arc<Rooms>, Place, Place) {
        let name = format!("together-{name}-{}", std::process::id());
        let rooms = Rooms::new(&std::env::temp_dir().join(name)).expect("a folder");
        let [ada, bob] = [(); 2].map(|()| rooms.join("garden").expect("a place"));
        (rooms, ada, bob)
    }

    fn remove(name: &str) {
        let name = format!("together-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // A save that is under way may put a file in meanwhile.
        let removed = (0..100).any(|_| std::fs::remove_dir_all(&folder).is_ok());
        assert!(removed || !folder.exists());
    }

    // On one thread, so that the second frame comes while the room is opened again.
    #[tokio::test]
    async fn frames_of_others_wait_while_a_damaged_room_is_opened_again() {
        let (rooms, ada, bob) = two("damaged");
        ada.receive(HELLO).await.expect("a good frame");
        rooms.save_all();
        let saved = rooms.store.load("garden").expect("a file");
        lock(&ada.open.room).as_ref().expect("a room").break_it();
        let (bad, good) = tokio::join!(ada.receive(MARK), async {
            rooms.save_all();
            let kept = rooms.store.load("garden").expect("a file");
            assert_eq!(kept, saved, "the damaged document is not saved");
            bob.receive(MARK).await
        });
        assert_eq!((bad, good), (Err(Bad::Panicked), Ok(None)));
        let text = lock(&bob.open.room).as_ref().expect("a room").snapshot();
        assert!(text.windows(5).any(|part| part == b"hello"));
        assert!(text.contains(&b'!'));
        drop((ada, bob));
        remove("damaged");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn saves_of_one_room_do_not_overlap() {
        let (rooms, ada, bob) = two("saves");
        ada.receive(HELLO).await.expect("a good frame");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        lock(&ada.open.room).as_mut().expect("a room").unsaved = true;
                        rooms.save(&ada.open).expect("it is saved");
                    }
                });
            }
        });
        // Nor does a room close that is being saved, or is in use.
        assert!(!rooms.forget(&ada.open));
        let open = ada.open.clone();
        drop((ada, bob));
        let saving = lock(&open.saving);
        assert!(!rooms.forget(&open));
        drop(saving);
        while !rooms.forget(&open) {
            std::thread::yield_now(); // it saves by itself too
        }
        remove("saves");
    }
}

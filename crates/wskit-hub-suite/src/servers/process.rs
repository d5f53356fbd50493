use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use tempfile::TempDir;

use super::wait_for;

/// A server's process, which can be started again, and its folder.
#[derive(Debug)]
pub(super) struct Process {
    /// The program and its arguments.
    command: Vec<OsString>,
    folder: TempDir,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Prepares a process. `arguments` is given its folder.
    pub(super) fn new(program: &Path, arguments: impl FnOnce(&Path) -> Vec<OsString>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wskit-server-")
            .tempdir()
            .expect("a folder for a server");
        let mut command = vec![program.into()];
        command.extend(arguments(folder.path()));
        Self {
            command,
            folder,
            child: Mutex::new(None),
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it, if it does not run.
    pub(super) fn start(&self) {
        let mut child = self.child();
        if child.is_none() {
            let log = File::options()
                .create(true)
                .append(true)
                .open(self.log_file())
                .expect("a log file");
            *child = Some(spawn(self.command.clone(), log));
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("log")
    }

    pub(super) fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Whether it runs. One that has ended by itself does not.
    pub(super) fn is_running(&self) -> bool {
        let mut child = self.child();
        let is_running = child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !is_running {
            *child = None;
        }
        is_running
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Kills it with SIGKILL.
    pub(super) fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal, by its name without SIG.
    pub(super) fn signal(&self, signal: &str) {
        if let Some(id) = self.id() {
            // The shell's own `kill`: the signals' system call needs unsafe code.
            let status = Command::new("sh")
                .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &id.to_string()])
                .stderr(Stdio::null())
                .status();
            assert!(status.is_ok(), "no shell to send a signal");
        }
    }

    /// Stops it in its tracks with SIGSTOP, and waits for that: the signal's sender goes on before the process has
    /// stopped.
    pub(super) fn pause(&self) {
        self.signal("STOP");
        wait_for("a server to stop in its tracks", || {
            self.id().is_none_or(is_paused).then_some(())
        });
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub(super) fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends it with SIGTERM, and waits for that.
    pub(super) fn stop(&self) {
        self.signal("TERM");
        self.wait_for_end();
    }

    pub(super) fn wait_for_end(&self) {
        wait_for("a server's end", || (!self.is_running()).then_some(()));
    }

    /// Waits until `ask` has an answer.
    ///
    /// # Panics
    /// If the server ends, or takes too long.
    pub(super) fn wait_for<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        wait_for(what, || {
            assert!(self.is_running(), "a server has ended: {}", self.log());
            ask()
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            const LINES: usize = 60;
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
            eprintln!(
                "--- log of {}\n{last}\n---",
                Path::new(&self.command[0]).display()
            );
        }
    }
}

/// Whether no thread of a process runs. Where the system does not tell, it has to be believed.
fn is_paused(id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the program's name, which is in parentheses.
        let (_, state) = stat.rsplit_once(')').unwrap_or_default();
        state.trim_start().starts_with(['T', 'Z'])
    })
}

/// Starts a process that ends with this one.
fn spawn(command: Vec<OsString>, log: File) -> Child {
    type Job = (Vec<OsString>, File, Sender<Child>);
    static JOBS: OnceLock<Sender<Job>> = OnceLock::new();
    // A process started so is killed at the end of the thread that has started it, so this one does not end.
    let jobs = JOBS.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        thread::spawn(move || {
            for (command, log, answer) in jobs {
                let child = with_parent(&command, &log).expect("a server's process");
                let _ = answer.send(child);
            }
        });
        sender
    });
    let (answer, child) = channel();
    jobs.send((command, log, answer)).expect("the thread lives");
    child.recv().expect("a server's process")
}

fn with_parent(command: &[OsString], log: &File) -> std::io::Result<Child> {
    let start = |program: &OsString, arguments: &[OsString]| {
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
    };
    // It becomes the program: the process id is the same.
    let mut bound: Vec<OsString> = vec!["--pdeathsig".into(), "KILL".into(), "--".into()];
    bound.extend_from_slice(command);
    start(&"setpriv".into(), &bound).or_else(|_| start(&command[0], &command[1..]))
}

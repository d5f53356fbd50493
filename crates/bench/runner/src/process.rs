//! Starting programs, pinned, and ending them for certain.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use wskit_bench_load::affinity;

use crate::catalog::Entry;
use crate::cell::Cell;
use crate::settings::Settings;

/// A program that talks in lines. Ended when dropped.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The process that is measured: the child, or the child's child.
    pub pid: u32,
}

impl Running {
    /// Starts a command on these cores.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(mut command: Command, cpus: &[usize]) -> io::Result<Self> {
        let cpus = cpus.to_vec();
        // Pinning is inherited: a thread pins itself and starts the process.
        let starting = std::thread::spawn(move || {
            affinity::pin(&cpus)?;
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        });
        let mut child = starting.join().expect("a thread that does not panic")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Ok(Self {
            pid: child.id(),
            child,
            input,
            output,
        })
    }

    /// The next line.
    ///
    /// # Errors
    /// There is none.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(io::Error::other("a program ended early"));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Writes a line to it.
    ///
    /// # Errors
    /// It does not listen.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.input {
            Some(input) => writeln!(input, "{line}"),
            None => Ok(()),
        }
    }

    /// What it counted, by asking with SIGUSR1.
    ///
    /// # Errors
    /// It does not answer.
    pub fn counts(&mut self) -> io::Result<HashMap<String, f64>> {
        signal(self.pid, "USR1")?;
        Ok(values(&self.line()?))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It cannot be waited for, or it failed.
    pub fn finish(mut self) -> io::Result<()> {
        match self.child.wait()?.success() {
            true => Ok(()),
            false => Err(io::Error::other("a program failed")),
        }
    }

    /// Asks it to end with SIGTERM and waits.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn end(mut self) -> io::Result<()> {
        let _ = signal(self.pid, "TERM");
        let until = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                self.child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            if self.pid != self.child.id() {
                let _ = signal(self.pid, "KILL");
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A server that listens, and where.
pub struct Server {
    pub process: Running,
    pub address: String,
}

/// How a server is to be started.
#[derive(Default)]
pub struct Start<'a> {
    /// A program that runs it, such as strace, with its arguments.
    pub under: &'a [String],
    /// Arguments more.
    pub more: &'a [String],
    /// The build that counts allocations.
    pub counting: bool,
    /// Worker threads and cores instead of those of the settings.
    pub workers: Option<(usize, &'a [usize])>,
}

/// Starts a server and waits until it listens.
///
/// # Errors
/// It does not start.
pub fn server(settings: &Settings, entry: &Entry, start: &Start<'_>) -> io::Result<Server> {
    let bin = if start.counting {
        &settings.count_bin
    } else {
        &settings.bin
    };
    let mut words: Vec<String> = start.under.to_vec();
    if entry.program == "node" {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../servers/node/server.mjs");
        words.extend(["node".to_owned(), script.display().to_string()]);
    } else {
        words.push(bin.join(entry.program).display().to_string());
    }
    words.extend(entry.arguments.iter().map(|&word| word.to_owned()));
    let usual = (settings.threads, &settings.server_cpus[..]);
    let (threads, cpus) = start.workers.unwrap_or(usual);
    if threads > 0 {
        words.extend(["--threads".to_owned(), threads.to_string()]);
    }
    words.extend_from_slice(start.more);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    let mut process = Running::start(command, cpus)?;
    let line = process.line()?;
    let address = line.strip_prefix("listening ").map(str::to_owned);
    let address = address.ok_or_else(|| io::Error::other(format!("{}: {line}", entry.name)))?;
    if start.under.first().is_some_and(|first| first == "strace") {
        process.pid = child_of(process.pid)?;
    }
    Ok(Server { process, address })
}

/// Arguments of a server for a cell.
pub fn arguments_for(cell: &Cell) -> Vec<String> {
    [("--deflate", cell.deflate), ("--tls", cell.tls)]
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?.to_owned()]))
        .flatten()
        .collect()
}

/// Runs the load generator to its end and gives what it printed.
///
/// # Errors
/// It failed.
pub fn load(
    settings: &Settings,
    mode: &str,
    arguments: &[String],
) -> io::Result<HashMap<String, f64>> {
    let mut process = start_load(settings, mode, arguments)?;
    let line = process.line()?;
    process.child.wait()?;
    Ok(values(&line))
}

/// Runs the load generator to its end and gives all lines that it printed.
///
/// # Errors
/// It failed.
pub fn load_lines(
    settings: &Settings,
    mode: &str,
    arguments: &[String],
) -> io::Result<Vec<HashMap<String, f64>>> {
    let mut process = start_load(settings, mode, arguments)?;
    let lines = process.output.by_ref().lines();
    let lines = lines
        .map(|line| Ok(values(&line?)))
        .collect::<io::Result<_>>()?;
    match process.child.wait()?.success() {
        true => Ok(lines),
        false => Err(io::Error::other("the load failed")),
    }
}

/// Starts the load generator.
///
/// # Errors
/// It does not start.
pub fn start_load(settings: &Settings, mode: &str, arguments: &[String]) -> io::Result<Running> {
    let mut command = Command::new(settings.bin.join("wskit-bench-load"));
    command.arg(mode).args(arguments);
    let list: Vec<String> = settings.load_cpus.iter().map(usize::to_string).collect();
    command.args(["--cpus", &list.join(",")]);
    Running::start(command, &settings.load_cpus)
}

/// `name=value` pairs of a line.
pub fn values(line: &str) -> HashMap<String, f64> {
    line.split(' ')
        .filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

fn signal(pid: u32, name: &str) -> io::Result<()> {
    let done = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()?;
    if done.success() {
        Ok(())
    } else {
        Err(io::Error::other("a process is not there any more"))
    }
}

fn child_of(pid: u32) -> io::Result<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let first = children.split_whitespace().next();
    first
        .and_then(|child| child.parse().ok())
        .ok_or_else(|| io::Error::other("strace started nothing"))
}

//! Processes that this one starts: nodes and clients. They end with it.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process of ours.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts this program again with other arguments, or another one. What it prints to its error output goes
    /// to the end of a file.
    ///
    /// It has to be called by a thread that does not end before the process.
    pub(crate) fn start(
        program: Option<&Path>,
        args: &[String],
        env: &[(&str, &str)],
        errors: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let errors = File::options().create(true).append(true).open(errors)?;
        let start = |command: &mut Command| {
            command
                .args(args)
                .envs(env.iter().copied())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(errors.try_clone()?)
                .spawn()
        };
        let program = program.unwrap_or(&own);
        // It becomes the program, and is killed when this process ends.
        let mut bound = Command::new("setpriv");
        bound.args(["--pdeathsig", "KILL", "--"]).arg(program);
        let child = start(&mut bound).or_else(|_| start(&mut Command::new(program)))?;
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Reads its output up to a line that begins with `prefix`, and returns what follows it.
    pub(crate) fn line(&mut self, prefix: &str) -> Result<String, Box<dyn Error>> {
        let output = self.0.stdout.take().ok_or("it was read before")?;
        for line in BufReader::new(output).lines() {
            if let Some(rest) = line?.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("process {} ended without the line \"{prefix}\"", self.id()).into())
    }

    /// Writes a line to its input.
    pub(crate) fn tell(&mut self, line: &str) {
        if let Some(input) = &mut self.0.stdin {
            let _ = writeln!(input, "{line}");
        }
    }

    /// Ends its input, and waits for its end.
    pub(crate) fn finish(mut self) {
        self.0.stdin = None;
        let _ = self.0.wait();
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

    /// Sends a signal, by its name without SIG.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell's own `kill`: the system call needs unsafe code.
        let id = self.id().to_string();
        let _ = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &id])
            .status();
    }

    /// How much of a core it has used, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        cpu(self.id())
    }
}

/// How much memory a process has, in bytes.
pub(crate) fn memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// How much of a core a process has used, in seconds.
pub(crate) fn cpu(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name, in parentheses, may have blanks.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |field: usize| {
        let field = rest.split_whitespace().nth(field);
        field
            .and_then(|ticks| ticks.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process with many sockets: see `measure/load.rs`.
pub(crate) struct Crowd {
    process: Process,
    output: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Crowd {
    pub(crate) fn start(options: &[&str], folder: &Path) -> Result<Self, Box<dyn Error>> {
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let mut process = Process::start(None, &options, &[], &folder.join("load.err"))?;
        let output = process.0.stdout.take().ok_or("it has no output")?;
        let output = BufReader::new(output).lines();
        Ok(Self { process, output })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Reads up to a line, and returns what follows its beginning.
    pub(crate) fn wait(&mut self, prefix: &str) -> Result<String, Box<dyn Error>> {
        for line in &mut self.output {
            if let Some(rest) = line?.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
        Err("a process with sockets has ended".into())
    }

    /// How many messages have come, and how many microseconds the slowest took since the last call.
    pub(crate) fn seen(&mut self) -> Result<(u64, u64), Box<dyn Error>> {
        self.process.tell("");
        let line = self.wait("seen ")?;
        let (messages, longest) = line.split_once(' ').ok_or("no counts")?;
        Ok((messages.parse()?, longest.parse()?))
    }
}

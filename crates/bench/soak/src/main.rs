//! `soak SECONDS CONNECTIONS`: starts the server in a process of its own and the clients in this one,
//! watches both, and judges. Exit code: 0 flat and complete; 1 not; 2 it could not be run.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use wskit_bench_soak::client::Clients;
use wskit_bench_soak::judge::{Course, judge};
use wskit_bench_soak::ledger::Ledger;
use wskit_bench_soak::process::allow_files;
use wskit_bench_soak::serve::{self, Sample};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = arguments
        .iter()
        .filter_map(|word| word.parse().ok())
        .collect();
    let result = match (arguments.first().map(String::as_str), numbers.as_slice()) {
        (Some("serve"), [connections]) => {
            allow(*connections).and_then(|()| serve::run().map(|()| true))
        }
        (_, &[seconds, connections]) => {
            allow(connections).and_then(|()| soak(seconds as u64, connections))
        }
        _ => Err(io::Error::other("usage: soak SECONDS CONNECTIONS")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("soak: NOT RUN: {error}");
            ExitCode::from(2)
        }
    }
}

/// The connections, and what a process has open beside them.
fn allow(connections: usize) -> io::Result<()> {
    let (needed, allowed) = (connections + 100, allow_files(connections + 100));
    if allowed < needed {
        return Err(io::Error::other(format!(
            "{needed} open files are needed and {allowed} allowed (ulimit -n)"
        )));
    }
    Ok(())
}

fn soak(seconds: u64, connections: usize) -> io::Result<bool> {
    let mut server = Server::start(connections)?;
    let runtime = serve::runtime()?;
    let no_clients = Ledger::default();
    let before = (server.ask("")?, Sample::take(&runtime, &no_clients));
    let start = Instant::now();
    let time = Duration::from_secs(seconds);
    let clients = Clients::start(&runtime, server.port, connections, start + time);
    let ledger = clients.ledger.clone();

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let every = (time / 200).max(Duration::from_millis(100));
    let mut told = Duration::ZERO;
    // The last sample is before the first client goes home.
    while start.elapsed() + 2 * every < time {
        std::thread::sleep(every);
        let at = start.elapsed();
        let (server, client) = (server.ask("")?, Sample::take(&runtime, &ledger));
        if at >= told {
            told = at + time / 10;
            println!(
                "{:>4} s: {} open, {} opened so far, {} messages; server {} KiB heap, {} KiB resident",
                at.as_secs(),
                server.account.live(),
                server.account.opened,
                server.account.messages,
                server.heap / 1024,
                server.resident / 1024
            );
        }
        theirs.push((at.as_secs_f64(), server));
        ours.push((at.as_secs_f64(), client));
    }

    // Longer than any deadline of a connection: what is open then will be open for ever.
    let patience = Duration::from_secs(150);
    let joined = clients.join(&runtime, patience);
    if !joined {
        println!("FAIL a client hangs or has panicked");
    }
    let end = Instant::now();
    let mut after = server.ask("")?;
    while (after.tasks > before.0.tasks || after.account.live() > 0) && end.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(100));
        after = server.ask("")?;
    }
    after = server.ask("end")?;
    // A task that has been joined is counted until its thread has let go of it.
    while runtime.metrics().num_alive_tasks() > before.1.tasks && end.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    let server = Course {
        name: "server",
        before: before.0,
        during: theirs,
        after,
    };
    let client = Course {
        name: "client",
        before: before.1,
        during: ours,
        after: Sample::take(&runtime, &ledger).after(runtime),
    };
    Ok(judge(&server, &client, connections) && joined)
}

/// The server's process, which ends when this is dropped.
struct Server {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(connections: usize) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut server = Self {
            child,
            questions,
            answers: BufReader::new(answers),
            port: 0,
        };
        server.port = server.line()?.trim().parse().map_err(io::Error::other)?;
        Ok(server)
    }

    fn ask(&mut self, what: &str) -> io::Result<Sample> {
        self.questions.write_all(format!("{what}\n").as_bytes())?;
        self.line()?.parse().map_err(io::Error::other)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that needs to be put away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Runs `wsk`, and the servers that it talks to.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The program, with nothing of the environment that changes what it does.
pub(crate) fn wsk(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsk"));
    command.args(arguments);
    for name in [
        "ws_proxy",
        "wss_proxy",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    command
}

/// What a run has printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Panics with all of it unless the exit code is this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// Runs `wsk` with this on its standard input, for a minute at most.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Ran {
    ran(wsk(arguments), input)
}

/// Runs a command with this on its standard input, for a minute at most.
pub(crate) fn ran(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || {
        let _ = stdin.write_all(&input); // it may have ended before it has read all
    });
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let mut child = Kill(child);
    let status = wait(&mut child.0, Duration::from_secs(60));
    writing.join().unwrap();
    Ran {
        code: status,
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        String::from_utf8_lossy(&all).into_owned()
    })
}

/// Waits for the end of a process.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "the program does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that is killed at the end of the test.
pub(crate) struct Kill(pub(crate) Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `wsk` that runs beside the test.
pub(crate) struct Background {
    child: Kill,
    out: mpsc::Receiver<String>,
    err: mpsc::Receiver<String>,
}

impl Background {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = wsk(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let child = Kill(child);
        Self { child, out, err }
    }

    /// Starts a server, and returns its URL: the last word of its first line.
    pub(crate) fn serve(arguments: &[&str]) -> (Self, String) {
        let mut server = Self::start(arguments);
        let line = server.err_line();
        let url = line.rsplit(' ').next().unwrap().to_owned();
        (server, url)
    }

    /// Waits for the next line on standard error; an empty one at the end.
    #[track_caller]
    pub(crate) fn err_line(&mut self) -> String {
        next(&self.err)
    }

    /// Waits for the next line on standard output; an empty one at the end.
    #[track_caller]
    pub(crate) fn out_line(&mut self) -> String {
        next(&self.out)
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.child.0.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.0.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        wait(&mut self.child.0, Duration::from_secs(60))
    }
}

/// Reads lines in a thread, so that a test can stop waiting for one.
fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[track_caller]
fn next(lines: &mpsc::Receiver<String>) -> String {
    match lines.recv_timeout(Duration::from_secs(60)) {
        Ok(line) => line,
        Err(mpsc::RecvTimeoutError::Disconnected) => String::new(),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("no line within a minute"),
    }
}

/// A folder that is removed at the end of the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wsk-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        text(&path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        text(&self.0.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Makes a self-signed certificate for localhost; returns it and its key as PEM.
pub(crate) fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// A server in the test: takes one connection, answers its handshake, and gives it to `then`.
pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) thread: std::thread::JoinHandle<()>,
}

impl Scripted {
    /// Serves as many connections as there are in `scripts`, one after the other, each with wskit.
    pub(crate) fn wskit<F>(scripts: Vec<F>) -> Self
    where
        F: AsyncFnOnce(wskit::WebSocket<tokio::net::TcpStream>) + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                for script in scripts {
                    let (tcp, _) = listener.accept().await.unwrap();
                    let server: wskit::Server = wskit::Server::new(wskit::OriginPolicy::Any);
                    script(server.accept(tcp).await.unwrap()).await;
                }
            });
        });
        Self { url, thread }
    }

    /// Reads a request, writes these bytes, and closes.
    pub(crate) fn bytes(answer: &'static [u8]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                tcp.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            tcp.write_all(answer).unwrap();
            let _ = tcp.shutdown(std::net::Shutdown::Write);
            let _ = tcp.read_to_end(&mut head);
        });
        Self { url, thread }
    }
}

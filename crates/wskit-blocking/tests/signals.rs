//! Signals, and many threads.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, id};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGUSR1;
use wskit_blocking::{CloseCode, Listener, OriginPolicy, Server, connect};

/// A call that waits goes on after a signal (`EINTR`), in a read and in `poll(2)`.
#[test]
fn signals_end_no_call() {
    let caught = Arc::new(AtomicUsize::new(0));
    let count = caught.clone();
    signal_hook::flag::register_usize(SIGUSR1, count, 1).unwrap();
    let listener = Listener::bind("127.0.0.1:0", Server::new(OriginPolicy::Any)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (go, wait) = mpsc::channel();
    let server = thread::spawn(move || {
        let sockets: Vec<_> = (0..2)
            .map(|_| listener.accept().unwrap().accept().unwrap())
            .collect();
        wait.recv().unwrap();
        for mut ws in sockets {
            ws.send("after the signals").unwrap();
            ws.close(CloseCode::NORMAL, "").unwrap();
        }
    });
    let mut whole = connect(url.as_str()).unwrap();
    let (mut reader, writer) = connect(url.as_str()).unwrap().split();
    let receivers = [
        thread::spawn(move || whole.recv().unwrap().unwrap()),
        // Others can wake this one, so it waits in `poll`.
        thread::spawn(move || {
            let received = reader.recv().unwrap().unwrap();
            drop(writer);
            received
        }),
    ];
    for _ in 0..20 {
        let sent = Command::new("kill")
            .args(["-USR1", &id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(caught.load(Ordering::Relaxed), 1);
    go.send(()).unwrap();
    for receiver in receivers {
        assert_eq!(
            receiver.join().unwrap().as_text(),
            Some("after the signals")
        );
    }
    server.join().unwrap();
}

/// `WSKIT_THREADS=1000` is as many connections, and twice as many threads.
#[test]
fn a_thread_for_each_of_many_connections() {
    let connections = std::env::var("WSKIT_THREADS").map_or(100, |count| count.parse().unwrap());
    let listener = Listener::bind("127.0.0.1:0", Server::new(OriginPolicy::Any)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for incoming in listener.incoming() {
            thread::spawn(move || {
                let mut ws = incoming.accept().unwrap();
                while let Some(message) = ws.recv().unwrap() {
                    ws.send(message).unwrap();
                }
            });
        }
    });
    let clients: Vec<_> = (0..connections)
        .map(|n| {
            let mut ws = connect(url.as_str()).unwrap();
            thread::spawn(move || {
                for round in 0..20 {
                    let text = format!("{n} {round}");
                    ws.send(&text).unwrap();
                    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(text.as_str()));
                }
                ws
            })
        })
        .collect();
    let open: Vec<_> = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .collect();
    if connections >= 1000 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let lines = status
            .lines()
            .filter(|line| line.starts_with("VmRSS") || line.starts_with("Threads"));
        println!("{:?}", lines.collect::<Vec<_>>());
    }
    for mut ws in open {
        assert!(ws.close(CloseCode::NORMAL, "").unwrap().is_clean());
    }
}

//! What is promised to threads: full duplex, time limits, no message lost, no thread of our own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use wskit_blocking::{
    CloseCode, Config, Connector, Error, Keepalive, Listener, Message, OriginPolicy, RecvTimeout,
    Server, Shutdown, TcpListener as ServeListener, WebSocket, block_on, connect, connect_with,
};

const LONG: Duration = Duration::from_secs(30);

/// Serves one connection on a thread, by `handler`, and returns its URL.
fn serve_one<T: Send + 'static>(
    handler: impl FnOnce(WebSocket) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = Listener::bind("127.0.0.1:0", Server::new(OriginPolicy::Any)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || handler(listener.accept().unwrap().accept().unwrap()));
    (url, thread)
}

fn echo(mut ws: WebSocket) {
    while let Some((message, out)) = ws.recv_ref().unwrap() {
        out.feed(message).unwrap();
    }
}

#[test]
fn messages_come_back_and_a_close_is_clean() {
    let (url, server) = serve_one(echo);
    let mut ws = connect(url.as_str()).unwrap();
    for text in ["one", "two", ""] {
        ws.send(text).unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some(text));
    }
    let large = Message::binary(vec![7; 1 << 20]);
    ws.send(&large).unwrap();
    assert_eq!(ws.recv().unwrap(), Some(large));
    assert!(ws.close(CloseCode::NORMAL, "").unwrap().is_clean());
    server.join().unwrap();
}

#[test]
fn an_iterator_ends_with_the_connection() {
    let (url, server) = serve_one(|mut ws| {
        for n in 0..3 {
            ws.feed(n.to_string()).unwrap();
        }
        ws.close(CloseCode::GOING_AWAY, "").unwrap()
    });
    let ws = connect(url.as_str()).unwrap();
    let texts: Vec<_> = ws
        .map(|message| message.unwrap().as_text().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["0", "1", "2"]);
    server.join().unwrap();
}

/// What tungstenite's users cannot do: one thread waits in a receive, others send.
#[test]
fn threads_send_while_another_receives() {
    let (url, server) = serve_one(echo);
    let (mut reader, writer) = connect(url.as_str()).unwrap().split();
    let (done, wait) = (Arc::new(Barrier::new(9)), Arc::new(Barrier::new(9)));
    for task in 0..8 {
        let (writer, done, wait) = (writer.clone(), done.clone(), wait.clone());
        thread::spawn(move || {
            wait.wait();
            for n in 0..200 {
                writer.send(format!("{task} {n}")).unwrap();
            }
            done.wait();
        });
    }
    wait.wait();
    let mut seen = [0; 8];
    for _ in 0..1600 {
        let message = reader.recv().unwrap().unwrap();
        let (task, n) = message.as_text().unwrap().split_once(' ').unwrap();
        let next = &mut seen[task.parse::<usize>().unwrap()];
        assert_eq!(next.to_string(), n, "each thread's messages in order");
        *next += 1;
    }
    done.wait();
    let closing = thread::spawn(move || writer.close(CloseCode::NORMAL, "").unwrap());
    assert!(reader.recv().unwrap().is_none());
    assert!(closing.join().unwrap().is_clean());
    server.join().unwrap();
}

/// Both sides send more than all buffers between them hold, before either receives.
#[test]
fn both_sides_send_more_than_the_sockets_hold() {
    const MESSAGES: usize = 64;
    let both = |ws: WebSocket| {
        let (reader, writer) = ws.split();
        let sending = thread::spawn(move || {
            for n in 0..MESSAGES {
                writer.send(vec![n as u8; 1 << 20]).unwrap();
            }
            writer
        });
        let mut next = 0;
        for message in reader.take(MESSAGES) {
            assert_eq!(message.unwrap().into_data().first(), Some(&(next as u8)));
            next += 1;
        }
        drop(sending.join().unwrap());
        next
    };
    let (url, server) = serve_one(both);
    assert_eq!(both(connect(url.as_str()).unwrap()), MESSAGES);
    assert_eq!(server.join().unwrap(), MESSAGES);
}

#[test]
fn a_thread_that_waits_for_room_goes_on_when_the_peer_reads() {
    let (go, went) = mpsc::channel();
    let (url, server) = serve_one(move |mut ws| {
        went.recv().unwrap();
        let mut bytes = 0;
        while let Some(message) = ws.recv().unwrap() {
            bytes += message.len();
        }
        bytes
    });
    let mut ws = connect(url.as_str()).unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let sender = thread::spawn(move || {
        for _ in 0..32 {
            ws.send(vec![0; 1 << 20]).unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
        }
        ws.close(CloseCode::NORMAL, "").unwrap()
    });
    // It cannot be done before the server reads.
    thread::sleep(Duration::from_millis(50));
    assert!(sent.load(Ordering::Relaxed) < 32);
    go.send(()).unwrap();
    assert!(sender.join().unwrap().is_clean());
    assert_eq!(server.join().unwrap(), 32 << 20);
}

#[test]
fn a_time_limit_loses_nothing_of_a_message_that_has_come_in_part() {
    use std::io::Write;

    let (ended, limits) = mpsc::channel();
    let (url, server) = serve_one(move |mut ws| {
        // So that a message that is lost fails the test instead of holding it up.
        let begun = Instant::now();
        let first = loop {
            match ws.recv_timeout(Duration::from_millis(5)) {
                Ok(message) => break message.unwrap(),
                Err(error) => assert!(error.is_elapsed() && begun.elapsed() < LONG, "{error}"),
            }
            ended.send(()).unwrap();
        };
        // And without waiting.
        assert!(matches!(ws.try_recv(), Err(RecvTimeout::Elapsed)));
        drop(ended);
        let second = loop {
            match ws.try_recv() {
                Ok(message) => break message.unwrap(),
                Err(error) => assert!(error.is_elapsed() && begun.elapsed() < LONG, "{error}"),
            }
            thread::yield_now();
        };
        (first, second)
    });
    let mut raw = std::net::TcpStream::connect(url.trim_start_matches("ws://")).unwrap();
    let head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    raw.write_all(head.as_bytes()).unwrap();
    // "Hello", masked, of RFC 6455 §5.7: in three parts.
    let frame = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    for part in [&frame[..3], &frame[3..7]] {
        raw.write_all(part).unwrap();
        // The second of two limits that end from here on begins with the part at hand.
        while limits.try_recv().is_ok() {}
        limits.recv().unwrap();
        limits.recv().unwrap();
    }
    raw.write_all(&frame[7..]).unwrap();
    while limits.recv().is_ok() {}
    raw.write_all(&frame).unwrap();
    let (first, second) = server.join().unwrap();
    assert_eq!(first.as_text(), Some("Hello"));
    assert_eq!(second.as_text(), Some("Hello"));
}

/// Reads wait in the system call, for about as long as there is no deadline: each is noticed all the same.
#[test]
fn time_limits_of_all_lengths_end() {
    let (url, server) = serve_one(echo);
    let mut ws = connect(url.as_str()).unwrap();
    for millis in [50, 1, 20, 0, 5, 40] {
        ws.send("again").unwrap();
        assert!(ws.recv().unwrap().is_some());
        let (begun, limit) = (Instant::now(), Duration::from_millis(millis));
        assert!(ws.recv_timeout(limit).unwrap_err().is_elapsed());
        assert!(begun.elapsed() >= limit);
    }
    drop(ws);
    let _ = server.join();
}

/// A ping of the keepalive is due while the thread waits in a read.
#[test]
fn a_keepalive_leaves_while_a_receive_waits() {
    let (url, server) = serve_one(|mut ws| {
        let mut pings = 0;
        while pings < 3 {
            if let Some(wskit_blocking::Event::Ping(_)) = ws.recv_event().unwrap() {
                pings += 1;
            }
        }
        ws.send("enough").unwrap();
        ws.recv().unwrap()
    });
    let keepalive = Keepalive {
        every: Duration::from_millis(10),
        answer_within: LONG,
    };
    let config = Config::new().keepalive(Some(keepalive));
    let (mut ws, _) = connect_with(&Connector::new().config(config), url.as_str()).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("enough"));
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(server.join().unwrap(), None);
}

/// The pong to a ping that came with a message leaves before the next receive waits.
#[test]
fn an_answer_leaves_before_a_receive_waits() {
    let (url, server) = serve_one(|mut ws| {
        for n in 0..20 {
            ws.get_mut().outbox().ping(&[n]).unwrap();
            ws.send("message").unwrap();
            assert!(
                matches!(
                    ws.recv_event().unwrap(),
                    Some(wskit_blocking::Event::Pong(_))
                ),
                "{n}"
            );
        }
        ws.close(CloseCode::NORMAL, "").unwrap()
    });
    let mut ws = connect(url.as_str()).unwrap();
    let mut messages = 0;
    while ws.recv().unwrap().is_some() {
        messages += 1;
    }
    assert_eq!(messages, 20);
    assert!(server.join().unwrap().is_clean());
}

#[test]
fn a_server_that_never_answers_runs_into_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let config = Config::new().handshake_timeout(Duration::from_millis(20));
    let error = connect_with(&Connector::new().config(config), url).unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[test]
fn a_close_by_another_thread_ends_a_receive() {
    let (url, server) = serve_one(echo);
    let (mut reader, writer) = connect(url.as_str()).unwrap().split();
    let receiving = thread::spawn(move || reader.recv());
    assert!(writer.close(CloseCode::NORMAL, "").unwrap().is_clean());
    assert_eq!(receiving.join().unwrap().unwrap(), None);
    server.join().unwrap();
}

/// A thread per connection, ended in order.
#[test]
fn served_connections_end_with_the_shutdown() {
    let listener = ServeListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let shutdown = Shutdown::new();
    let serving = {
        let shutdown = shutdown.clone();
        thread::spawn(move || {
            let server = Server::new(OriginPolicy::Any);
            let serving = server.serve(listener, |ws, _peer| async move {
                let mut ws = WebSocket::from(ws);
                while let Some(message) = ws.recv()? {
                    ws.send(message)?;
                }
                Ok::<_, Error>(())
            });
            block_on(serving.shutdown(&shutdown))
        })
    };
    let clients: Vec<_> = (0..5)
        .map(|n| {
            let mut ws = connect(url.as_str()).unwrap();
            ws.send(n.to_string()).unwrap();
            assert!(ws.recv().unwrap().is_some());
            thread::spawn(move || ws.recv())
        })
        .collect();
    let report = block_on(shutdown.finish(LONG)).unwrap();
    for client in clients {
        assert_eq!(client.join().unwrap().unwrap(), None);
    }
    assert!(report.to_string().contains('5'), "{report}");
    serving.join().unwrap().unwrap();
}

/// Blocking calls inside a future that is run by one: a callback may do so.
#[test]
fn a_call_inside_another_one_works() {
    let (url, server) = serve_one(echo);
    let mut outer = connect(url.as_str()).unwrap();
    let (inner_url, inner_server) = serve_one(echo);
    block_on(async {
        outer.get_mut().send("outer").await.unwrap();
        let mut inner = connect(inner_url.as_str()).unwrap();
        inner.send("inner").unwrap();
        assert_eq!(inner.recv().unwrap().unwrap().as_text(), Some("inner"));
        inner.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(
            outer.get_mut().recv().await.unwrap().unwrap().as_text(),
            Some("outer")
        );
    });
    outer.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap();
    inner_server.join().unwrap();
}

#[cfg(unix)]
#[test]
fn unix_sockets_are_listened_on() {
    use std::os::unix::net::{UnixListener, UnixStream};
    use wskit_blocking::{Blocking, Socket, Stream};

    let folder = std::env::temp_dir().join(format!("wskit-blocking-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&folder).unwrap();
    let listener = Listener::new(listener, Server::new(OriginPolicy::Any));
    let server = thread::spawn(move || echo(listener.accept().unwrap().accept().unwrap()));
    let stream = Stream::from(Socket::new(UnixStream::connect(&folder).unwrap()).unwrap());
    let client = wskit_driver::Client::<Blocking>::new();
    let (ws, _) = block_on(client.handshake(stream, "ws://local/")).unwrap();
    let mut ws = WebSocket::from(ws);
    ws.send("hello").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().as_text(), Some("hello"));
    assert_eq!(ws.get_ref().peer_addr(), None);
    ws.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap();
    let _ = std::fs::remove_file(folder);
}

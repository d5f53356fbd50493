//! What a user reads of what the server has said: its answer to the opening handshake, and its frames.

use std::time::Duration;

use wskit_dial::Connector;
use wskit_dial::reconnect::{Loss, Verdict};
use wskit_driver::{PollRead, PollWrite, Runtime};
use wskit_proto::Role;
use wskit_test::{Frames, join};

use super::error_texts::{GIVE_UP, RETRY, check, check_loss, connect_to, told};
use super::{Sockets, run};
use crate::opening::handshake::answer;

/// Also answers whose body does not end, and servers of other protocols.
pub fn error_of_an_answer_says_what_the_server_is<S: Sockets>() {
    let refused = |status: &str| {
        format!(
            "cannot connect to 127.0.0.1:{{port}}: the opening handshake failed: the server responded \
             with {status}"
        )
    };
    let not_http = |says: &str| {
        format!(
            "cannot connect to 127.0.0.1:{{port}}: the opening handshake failed: the server does not \
             speak HTTP: its response begins with {says}"
        )
    };
    let broken = |rule: &str| {
        format!("cannot connect to 127.0.0.1:{{port}}: the opening handshake failed: {rule}")
    };
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
    let wrong_key =
        "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let seven = Verdict::RetryAfter(Duration::from_secs(7));
    for (says, text, verdict) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(),
            refused("401 Unauthorized"),
            GIVE_UP,
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n0123456789".to_owned(),
            refused("401 Unauthorized"),
            GIVE_UP,
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned(),
            refused("403 Forbidden"),
            GIVE_UP,
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
                .to_owned(),
            refused("404 Not Found"),
            GIVE_UP,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
                .to_owned(),
            refused("200 OK, not with 101: there is no WebSocket at this path"),
            GIVE_UP,
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".to_owned(),
            refused("502 Bad Gateway"),
            RETRY,
        ),
        (
            "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n".to_owned(),
            refused("503 Service Unavailable"),
            seven,
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".to_owned(),
            refused("302 Found"),
            GIVE_UP,
        ),
        (
            format!("{switching}{wrong_key}"),
            broken("the Sec-WebSocket-Accept header does not match the key"),
            GIVE_UP,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n".to_owned(),
            broken("no Upgrade header"),
            GIVE_UP,
        ),
        (
            "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
            not_http("\"SSH-2.0-OpenSSH_9.6\", which looks like SSH"),
            GIVE_UP,
        ),
        (
            "220 mail ESMTP\r\n".to_owned(),
            not_http("\"220 mail ESMTP\", which looks like SMTP or FTP"),
            GIVE_UP,
        ),
        (
            "-ERR unknown command\r\n".to_owned(),
            not_http("\"-ERR unknown command\", which looks like POP3 or Redis"),
            GIVE_UP,
        ),
    ] {
        run::<S>(async {
            let connector = Connector::<S::Net>::new();
            let (error, port) = connect_to::<S>(&connector, "ws", says.as_bytes(), false).await;
            check(error, port, &told(&text, false, verdict));
        });
    }
}

/// What ends a connection that was open.
pub fn error_of_a_broken_rule_says_what_the_peer_did<S: Sockets>() {
    let server = Frames::from(Role::Server);
    let big = server.binary(&vec![7; (1 << 20) + 1]);
    for (frames, text, is_disconnect, verdict) in [
        (
            &big[..],
            "the peer sent a message of more than 1048576 bytes (Config::max_message_size)",
            false,
            GIVE_UP,
        ),
        (
            b"\x88\x02\x03\xee",
            "the peer sent the close code 1006, which is not allowed in a frame",
            false,
            RETRY,
        ),
        (
            b"\x81\x80\0\0\0\0",
            "the server sent a masked frame",
            false,
            RETRY,
        ),
        (
            b"\xc1\x00",
            "the peer set a reserved bit that no negotiated extension uses",
            false,
            RETRY,
        ),
        (
            b"\x83\x00",
            "the peer used the reserved opcode 3",
            false,
            RETRY,
        ),
        (
            b"\x81\x01\xff",
            "the peer sent a text message that is not UTF-8",
            false,
            RETRY,
        ),
        (b"", "the peer went away without a Close", true, RETRY),
        (
            b"\x81\x05hel",
            "the peer went away in the middle of a message",
            true,
            RETRY,
        ),
    ] {
        run::<S>(async {
            let (listener, port) = S::listen().await;
            let client = async {
                let url = format!("ws://127.0.0.1:{port}/");
                let (mut ws, _) = Connector::<S::Net>::new().connect(url).await.unwrap();
                ws.recv().await.unwrap_err()
            };
            let server = async {
                let mut io = <S::Net as Runtime<S::Tcp>>::wrap(S::accept(&listener).await.0);
                let mut buf = [0; 4096];
                let n = io.read(&mut buf).await.unwrap();
                let head = String::from_utf8_lossy(&buf[..n]).into_owned();
                io.write_all(answer(&head, "").as_bytes()).await.unwrap();
                let _ = io.write_all(frames).await;
                // The end of the stream, not a reset.
                let _ = std::future::poll_fn(|cx| PollWrite::poll_shutdown(&mut io, cx)).await;
                while io.read(&mut buf).await.is_ok_and(|n| n > 0) {}
            };
            let (error, ()) = join(client, server).await;
            let loss = Loss::Broken(error.into());
            check_loss(loss, "", &told(text, is_disconnect, verdict));
        });
    }
}

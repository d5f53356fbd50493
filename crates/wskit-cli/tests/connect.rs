//! `wsk connect` against servers of the test.
#![allow(missing_docs, reason = "a test")]

mod common;

use std::time::Duration;

use common::{Background, Folder, Scripted, run, wsk};
use wskit::{CloseCode, Message};

fn echo() -> (Background, String) {
    Background::serve(&["echo", "0"])
}

#[test]
fn lines_become_messages_and_messages_lines() {
    let (_server, url) = echo();
    let ran = run(&["connect", &url], b"hello\nworld").exits(0);
    assert_eq!(ran.out, "hello\nworld\n");
    assert!(
        ran.err.contains("connected to ws://127.0.0.1:"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("closed by us with 1000"), "{}", ran.err);
}

#[test]
fn url_may_lack_the_scheme() {
    let (_server, url) = echo();
    let bare = url.trim_start_matches("ws://");
    assert_eq!(
        run(&["connect", bare, "-q", "-1"], b"hello\n").exits(0).out,
        "hello\n"
    );
    let http = format!("http://{bare}");
    assert_eq!(
        run(&["connect", &http, "-q", "-1"], b"hello\n")
            .exits(0)
            .out,
        "hello\n"
    );
}

#[test]
fn quiet_prints_messages_only() {
    let (_server, url) = echo();
    let ran = run(&["connect", "-q", &url], b"hello\n").exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("hello\n", ""));
}

#[test]
fn execute_sends_its_messages_and_not_standard_input() {
    let (_server, url) = echo();
    let ran = run(
        &["connect", "-q", &url, "-x", "one", "-x", "-2", "-c", "2"],
        b"no\n",
    )
    .exits(0);
    assert_eq!(ran.out, "one\n-2\n");
}

#[test]
fn one_closes_after_a_message() {
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| {
        for text in ["one", "two", "three"] {
            ws.feed(text).await.unwrap();
        }
        while ws.recv().await.unwrap().is_some() {}
    }]);
    let ran = run(&["connect", "-q", &server.url, "-1"], b"").exits(0);
    assert_eq!(ran.out, "one\n");
    server.thread.join().unwrap();
}

#[test]
fn no_close_stays_until_the_server_closes() {
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| {
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
        // Its standard input has ended. What comes later is still printed.
        tokio::time::sleep(Duration::from_millis(100)).await;
        ws.send("later").await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    }]);
    let ran = run(&["connect", "-q", &server.url, "-n"], b"hello\n").exits(0);
    assert_eq!(ran.out, "later\n");
}

#[test]
fn wait_stays_after_the_end_of_input() {
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| {
        ws.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        ws.send("later").await.unwrap();
        while ws.recv().await.unwrap().is_some() {}
    }]);
    let ran = run(
        &["connect", "-q", &server.url, "-w", "5s", "-c", "1"],
        b"hello\n",
    )
    .exits(0);
    assert_eq!(ran.out, "later\n");
}

#[test]
fn binary_messages_are_hex_base64_or_raw() {
    let (_server, url) = echo();
    let hex = run(&["connect", "-q", "-b", &url], b"00ff7a\n").exits(0);
    assert_eq!(hex.out, "00ff7a\n");
    let base64 = run(&["connect", "-q", "-b", "-e", "base64", &url], b"AP96\n").exits(0);
    assert_eq!(base64.out, "AP96\n");
    let raw = run(
        &["connect", "-q", "-b", "-e", "raw", "--whole", &url],
        b"a\nb\0",
    )
    .exits(0);
    assert_eq!(raw.out, "a\nb\0");
    let ran = run(&["connect", "-q", "-b", &url], b"0g\n").exits(2);
    assert!(ran.err.contains("not hexadecimal"), "{}", ran.err);
}

#[test]
fn input_that_is_not_utf8_is_an_error_without_binary() {
    let (_server, url) = echo();
    let ran = run(&["connect", "-q", &url], b"\xff\n").exits(2);
    assert!(ran.err.contains("--binary"), "{}", ran.err);
}

#[test]
fn null_ends_messages_with_a_zero_byte() {
    let (_server, url) = echo();
    let ran = run(&["connect", "-q", "-0", &url], b"a\nb\0c\0").exits(0);
    assert_eq!(ran.out, "a\nb\0c\0");
}

#[test]
fn much_in_both_directions_does_not_stand_still() {
    let (_server, url) = echo();
    let line = [b"0123456789abcdef".repeat(4096), b"\n".to_vec()].concat();
    let input = line.repeat(200);
    let ran = run(&["connect", "-q", &url], &input).exits(0);
    assert_eq!(ran.out.len(), input.len());
}

#[test]
fn json_has_one_object_for_each_event() {
    let (_server, url) = echo();
    let ran = run(
        &["connect", "--json", &url, "-s", "none", "-x", "hi", "-1"],
        b"",
    )
    .exits(0);
    let events: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["open", "message", "close"], "{}", ran.out);
    assert!(
        events
            .iter()
            .all(|event| event["time"].as_f64().unwrap() > 1e9)
    );
    assert_eq!(events[1]["text"], "hi");
    assert_eq!(events[1]["size"], 2);
    assert_eq!(events[2]["code"], 1000);
    assert_eq!(events[2]["clean"], true);
    assert!(
        ran.out.starts_with("{\"kind\":\"open\",\"time\":"),
        "{}",
        ran.out
    );
    assert_eq!(ran.err, "");
    let binary = run(&["connect", "-j", "-b", &url], b"00ff7a\n").exits(0);
    assert!(
        binary.out.contains(r#""size":3,"base64":"AP96""#),
        "{}",
        binary.out
    );
}

#[test]
fn json_reports_errors_with_stage_and_exit_code() {
    let ran = run(&["connect", "--json", "ws://127.0.0.1:1/"], b"").exits(3);
    let event: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!(
        (&event["kind"], &event["stage"]),
        (&"error".into(), &"tcp".into())
    );
    assert_eq!(event["exit_code"], 3);
}

#[test]
fn pings_show_their_round_trip() {
    let (_server, url) = echo();
    let mut wsk = Background::start(&["connect", "--json", "--ping", "20ms", "-n", &url]);
    wsk.out_line();
    for _ in 0..3 {
        let event: serde_json::Value = serde_json::from_str(&wsk.out_line()).unwrap();
        assert_eq!(event["kind"], "pong");
        assert!(event["round_trip_ms"].as_f64().unwrap() > 0.0);
    }
    wsk.signal("INT");
    assert_eq!(wsk.end(), Some(0));
}

#[test]
fn slash_commands_ping_and_close() {
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| {
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("/slash")));
        assert_eq!(ws.recv().await.unwrap(), None);
        let outcome = ws.outcome().unwrap();
        assert_eq!((outcome.code().get(), outcome.reason()), (4000, "see you"));
    }]);
    let mut wsk = Background::start(&["connect", "--slash", &server.url]);
    assert!(wsk.err_line().starts_with("connected to "));
    wsk.type_line("/ping abc");
    assert!(wsk.err_line().starts_with("pong after "));
    wsk.type_line("//slash");
    wsk.type_line("/close 4000 see you");
    assert_eq!(
        wsk.err_line(),
        "closed by us with 4000 (private use): see you"
    );
    assert_eq!(wsk.end(), Some(0));
    server.thread.join().unwrap();
    // A pipe without --slash has no commands.
    let (_server, url) = echo();
    assert_eq!(
        run(&["connect", "-q", &url], b"/close\n").exits(0).out,
        "/close\n"
    );
}

#[test]
fn request_has_headers_credentials_origin_and_protocols() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let reading = std::thread::spawn(move || {
        use std::io::Read;
        let (mut tcp, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let read = tcp.read(&mut head).unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let url = format!("ws://{address}/path?query");
    let options = [
        "connect",
        &url,
        "-H",
        "X-Trace: 42",
        "-H",
        "Host: example.com",
        "--user",
        "me:secret",
        "-s",
        "a,b",
        "-s",
        "c",
        "--origin",
        "https://example.com",
        "-z",
    ];
    run(&options, b"").exits(5);
    let head = reading.join().unwrap();
    for line in [
        "GET /path?query HTTP/1.1",
        "Host: example.com",
        "X-Trace: 42",
        "Authorization: Basic bWU6c2VjcmV0",
        "Sec-WebSocket-Protocol: a, b, c",
        "Origin: https://example.com",
        "Sec-WebSocket-Extensions: permessage-deflate",
    ] {
        assert!(head.contains(line), "{line}\n{head}");
    }
}

#[test]
fn bearer_is_a_header() {
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| { while ws.recv().await.unwrap().is_some() {} }]);
    run(&["connect", &server.url, "--bearer", "t0ken"], b"").exits(0);
    let both = run(
        &["connect", &server.url, "--bearer", "t", "--user", "u"],
        b"",
    )
    .exits(2);
    assert!(both.err.contains("cannot be used with"), "{}", both.err);
}

#[test]
fn compression_and_sub_protocol_are_shown() {
    let (_server, url) = Background::serve(&["echo", "0", "-z", "-s", "chat"]);
    let ran = run(
        &["connect", &url, "-z", "-s", "chat"],
        b"hello hello hello\n",
    )
    .exits(0);
    assert_eq!(ran.out, "hello hello hello\n");
    assert!(
        ran.err
            .contains("sub-protocol chat, compression permessage-deflate"),
        "{}",
        ran.err
    );
}

#[test]
fn verbose_shows_the_response() {
    let (_server, url) = echo();
    let ran = run(&["connect", "-v", &url], b"").exits(0);
    assert!(
        ran.err.contains("* HTTP/1.1 101 Switching Protocols"),
        "{}",
        ran.err
    );
    let not =
        Scripted::bytes(b"HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 5\r\n\r\nsorry");
    let ran = run(&["connect", "-v", &not.url], b"").exits(5);
    assert!(ran.err.contains("403 Forbidden"), "{}", ran.err);
    assert!(
        ran.err.contains("* x-why: no") && ran.err.contains("* sorry"),
        "{}",
        ran.err
    );
}

#[test]
fn exit_codes_tell_what_failed() {
    // Usage.
    run(&["connect"], b"").exits(2);
    run(&["connect", "ftp://h/"], b"").exits(2);
    run(&["connect", "ws://h/", "-H", "no colon"], b"").exits(2);
    // TCP, a name.
    run(&["connect", "ws://127.0.0.1:1/"], b"").exits(3);
    run(&["connect", "ws://name.invalid/"], b"").exits(3);
    // TLS, at a port without.
    let (_server, url) = echo();
    run(&["connect", &url.replace("ws://", "wss://")], b"").exits(4);
    // HTTP.
    let page = Scripted::bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    run(&["connect", &page.url], b"").exits(5);
    let mail = Scripted::bytes(b"220 mail.example ESMTP\r\n");
    run(&["connect", &mail.url], b"").exits(5);
    let silent = Scripted::bytes(b"");
    run(&["connect", &silent.url], b"").exits(5);
}

#[test]
fn exit_code_of_a_message_that_is_too_large() {
    let (_server, url) = echo();
    let ran = run(&["connect", "-n", "--max-message", "4", &url], b"12345\n").exits(6);
    assert!(ran.err.contains("more than 4 bytes"), "{}", ran.err);
}

#[test]
fn exit_codes_tell_how_it_was_closed() {
    for (code, exit) in [(1000, 0), (1001, 7), (1008, 7), (4000, 7)] {
        let server = Scripted::wskit(vec![async move |mut ws: wskit::WebSocket<
            tokio::net::TcpStream,
        >| {
            ws.close(CloseCode::new(code), "why").await.unwrap();
        }]);
        let ran = run(&["connect", "-n", &server.url], b"").exits(exit);
        assert!(
            ran.err.contains(&format!("closed by the peer with {code}")),
            "{}",
            ran.err
        );
    }
    let server = Scripted::wskit(vec![async |ws: wskit::WebSocket<tokio::net::TcpStream>| {
        drop(ws);
    }]);
    run(&["connect", "-n", &server.url], b"").exits(8);
}

#[test]
fn exit_codes_of_deadlines() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // accepts, and answers nothing
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let ran = run(&["connect", "--connect-timeout", "100ms", &url], b"").exits(9);
    assert!(
        ran.err
            .contains("timed out after 100ms during the opening handshake"),
        "{}",
        ran.err
    );
    let (_server, url) = echo();
    let ran = run(&["connect", "-n", "--timeout", "200ms", &url], b"").exits(9);
    assert!(ran.err.contains("not done within 200 ms"), "{}", ran.err);
}

#[test]
fn interrupt_closes_cleanly() {
    let (_server, url) = echo();
    let mut wsk = Background::start(&["connect", &url]);
    assert!(wsk.err_line().starts_with("connected to"));
    wsk.signal("INT");
    assert_eq!(wsk.end(), Some(0));
    assert_eq!(wsk.err_line(), "closed by us with 1000 (normal closure)");
}

#[test]
fn reconnect_opens_another_connection() {
    let first = async |mut ws: wskit::WebSocket<tokio::net::TcpStream>| {
        ws.recv().await.unwrap();
        ws.close(CloseCode::new(1012), "restart").await.unwrap();
    };
    let server = Scripted::wskit(vec![first, first]);
    let mut wsk = Background::start(&["connect", "--json", "-r", &server.url]);
    for _ in 0..2 {
        assert!(wsk.out_line().contains("\"open\""));
        wsk.type_line("hello");
        assert!(wsk.out_line().contains("\"code\":1012"));
        assert!(wsk.out_line().contains("\"retry_in\":"));
    }
    server.thread.join().unwrap();
}

#[test]
fn reconnect_gives_up_after_retries_and_where_it_is_no_use() {
    let ran = run(
        &["connect", "-r", "--retries", "1", "ws://127.0.0.1:1/"],
        b"",
    )
    .exits(3);
    assert_eq!(ran.err.matches("; again in ").count(), 1, "{}", ran.err);
    let refused = Scripted::bytes(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let ran = run(&["connect", "-r", &refused.url], b"").exits(5);
    assert!(!ran.err.contains("again in"), "{}", ran.err);
}

#[test]
fn unix_sockets() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let (_server, _) = Background::serve(&["echo", "--unix", &path]);
    let ran = run(
        &["connect", "-q", "--unix", &path, "ws://localhost/"],
        b"hello\n",
    )
    .exits(0);
    assert_eq!(ran.out, "hello\n");
    let ran = run(
        &["connect", "--unix", "/nonexistent", "ws://localhost/"],
        b"",
    )
    .exits(3);
    assert!(
        ran.err.contains("/nonexistent: No such file"),
        "{}",
        ran.err
    );
}

#[test]
fn address_families() {
    let (_server, url) = echo();
    run(&["connect", "-4", &url], b"").exits(0);
    let ran = run(&["connect", "-6", &url], b"").exits(3);
    assert!(ran.err.contains("cannot connect"), "{}", ran.err);
    run(&["connect", "--local-addr", "127.0.0.3", &url], b"").exits(0);
}

#[test]
fn proxy_of_the_option_and_of_the_environment() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", proxy.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        use std::io::{Read, Write};
        (0..2)
            .map(|_| {
                let (mut tcp, _) = proxy.accept().unwrap();
                let mut head = [0; 1024];
                let read = tcp.read(&mut head).unwrap();
                tcp.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").unwrap();
                String::from_utf8_lossy(&head[..read]).into_owned()
            })
            .collect::<Vec<_>>()
    });
    let ran = run(&["connect", "--proxy", &at, "ws://server.example/"], b"").exits(3);
    assert!(ran.err.contains("502 Bad Gateway"), "{}", ran.err);
    let mut command = wsk(&["connect", "ws://server.example/"]);
    command.env("HTTPS_PROXY", &at);
    common::ran(command, b"").exits(3);
    let heads = asked.join().unwrap();
    assert!(
        heads
            .iter()
            .all(|head| head.starts_with("CONNECT server.example:80 ")),
        "{heads:?}"
    );
    // Directly, in spite of it.
    let (_server, url) = echo();
    run(
        &[
            "connect",
            "--proxy",
            "http://127.0.0.1:1",
            "--no-proxy",
            "*",
            &url,
        ],
        b"",
    )
    .exits(0);
}

#[test]
fn redirects_are_followed_if_asked() {
    let (_server, url) = echo();
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n");
    let answer: &'static [u8] = answer.leak().as_bytes();
    run(&["connect", &Scripted::bytes(answer).url], b"").exits(5);
    let ran = run(
        &["connect", "-q", "-L", &Scripted::bytes(answer).url],
        b"hello\n",
    )
    .exits(0);
    assert_eq!(ran.out, "hello\n");
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let (_server, url) = echo();
    let plain = run(&["connect", &url], b"hello\n").exits(0);
    assert!(!plain.err.contains('\x1b') && !plain.out.contains('\x1b'));
    let always = run(&["connect", "--color", "always", &url], b"hello\n").exits(0);
    assert!(always.err.contains("\x1b[2mconnected"), "{:?}", always.err);
    // A message in a pipe stays what it is.
    assert_eq!(always.out, "hello\n");
}

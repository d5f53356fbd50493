//! `wsk connect` against servers of the test.
#![allow(missing_docs, reason = "a test")]

mod common;

use std::time::Duration;

use common::{Background, Scripted, run};
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
fn colours_are_for_terminals_unless_asked_for() {
    let (_server, url) = echo();
    let plain = run(&["connect", &url], b"hello\n").exits(0);
    assert!(!plain.err.contains('\x1b') && !plain.out.contains('\x1b'));
    let always = run(&["connect", "--color", "always", &url], b"hello\n").exits(0);
    assert!(always.err.contains("\x1b[2mconnected"), "{:?}", always.err);
    // A message in a pipe stays what it is.
    assert_eq!(always.out, "hello\n");
}

/// `wsk connect … | head -1`.
#[test]
fn reader_that_goes_ends_it_without_a_word() {
    let (_server, url) = echo();
    let mut command = std::process::Command::new("sh");
    let script = format!(
        "yes | {} connect -q {url} | head -1",
        env!("CARGO_BIN_EXE_wsk")
    );
    command.args(["-c", &script]);
    let ran = common::ran(command, b"").exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("y\n", ""));
}

//! `wsk connect`: the request, and the way to the server.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{Background, Folder, Scripted, run, wsk};
use wskit::CloseCode;

fn echo() -> (Background, String) {
    Background::serve(&["echo", "0"])
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

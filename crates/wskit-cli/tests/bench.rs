//! `wsk bench` against servers of the test. Nothing here depends on how fast the machine is.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{Background, Folder, Scripted, certificate, run, wsk};
use serde_json::Value;
use wskit::CloseCode;

/// Runs it for a short time, and returns its report.
fn bench(options: &[&str], exit: i32) -> Value {
    let always = ["bench", "--json", "-d", "200ms", "--warm-up", "50ms"];
    let ran = run(&[&always, options].concat(), b"").exits(exit);
    serde_json::from_str(&ran.out).unwrap()
}

fn number(report: &Value, name: &str) -> u64 {
    report[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name}: {report}"))
}

fn echo() -> (Background, String) {
    Background::serve(&["echo", "0", "-z", "--threads", "1"])
}

#[test]
fn closed_model_measures_bursts() {
    let (_server, url) = echo();
    let report = bench(&[&url, "-c", "3", "-n", "7", "--size", "100"], 0);
    assert_eq!(
        (number(&report, "opened"), number(&report, "open_at_end")),
        (3, 3)
    );
    assert!(number(&report, "messages") > 0);
    assert_eq!(
        number(&report, "payload_bytes_received"),
        number(&report, "received") * 100
    );
    assert_eq!(
        (&report["model"], &report["burst"]),
        (&"closed".into(), &7.into())
    );
    assert_eq!(number(&report, "unanswered"), 0);
    let latency = &report["latency_us"];
    let times: Vec<f64> = ["p50", "p90", "p99", "p99_9", "max"]
        .iter()
        .map(|name| latency[name].as_f64().unwrap())
        .collect();
    assert!(times[0] > 0.0 && times.is_sorted(), "{latency}");
}

#[test]
fn report_for_people() {
    let (_server, url) = echo();
    let ran = run(&["bench", &url, "-d", "100ms", "--warm-up", "0"], b"").exits(0);
    for part in [
        "server  ws://127.0.0.1:",
        "10 connections, one message at a time, text, 32 bytes",
        "/s\n",
        "p50 ",
        "p99.9 ",
        "errors  none",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    // No bar where there is no terminal.
    assert_eq!(ran.err, "");
}

#[test]
fn open_model_keeps_its_rate() {
    let (_server, url) = echo();
    let options = [
        &url[..],
        "-c",
        "4",
        "--rate",
        "500",
        "-b",
        "--size",
        "1-200",
        "-t",
        "2",
    ];
    let report = bench(&options, 0);
    assert_eq!(
        (&report["model"], &report["rate"]),
        (&"open".into(), &500.0.into())
    );
    let float = |name: &str| report[name].as_f64().unwrap();
    let (sent, seconds) = (float("sent"), float("measured_seconds"));
    // Not more than is due. It sends less only where the machine does not get round to it.
    assert!(sent > 0.0 && sent <= seconds * 500.0 + 20.0, "{report}");
    assert_eq!(number(&report, "unanswered"), 0);
}

/// A server that stops for a while is asked all the same, and the latencies say how long it took: from the time
/// at which a message should have been sent.
#[test]
fn open_model_omits_nothing_while_the_server_stands_still() {
    let stops = std::time::Duration::from_millis(600);
    let server = Scripted::wskit(vec![async move |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| {
        let mut received = 0;
        while let Ok(Some(message)) = ws.recv().await {
            received += 1;
            if received == 100 {
                std::thread::sleep(stops);
            }
            if ws.send(message).await.is_err() {
                break;
            }
        }
    }]);
    let options = [
        "bench",
        "--json",
        "-c",
        "1",
        "--rate",
        "1000",
        "-d",
        "1s",
        "--warm-up",
        "0",
        &server.url,
    ];
    let report: Value = serde_json::from_str(&run(&options, b"").exits(0).out).unwrap();
    let latency = |name: &str| report["latency_us"][name].as_f64().unwrap();
    // Of a thousand messages six hundred were due while it stood still. Closed, it would be one.
    assert!(latency("max") >= 590_000.0, "{report}");
    assert!(latency("p90") >= 100_000.0, "{report}");
    assert!(number(&report, "received") > 500, "{report}");
}

#[test]
fn compression_tls_and_unix_sockets() {
    let (_server, url) = echo();
    assert!(number(&bench(&[&url, "-z", "--size", "1k"], 0), "messages") > 0);
    let folder = Folder::new();
    let (cert, key) = certificate();
    let (cert, key) = (folder.file("cert.pem", cert), folder.file("key.pem", key));
    let (_server, url) = Background::serve(&["echo", "0", "--cert", &cert, "--key", &key]);
    assert!(number(&bench(&[&url, "--ca", &cert], 0), "messages") > 0);
    let path = folder.path("socket");
    let (_server, _) = Background::serve(&["echo", "--unix", &path]);
    assert!(number(&bench(&["--unix", &path, "localhost"], 0), "messages") > 0);
}

#[test]
fn several_local_addresses_and_a_ramp() {
    let (mut server, url) = {
        let mut server = Background::start(&["listen", "0", "--json"]);
        let event: Value = serde_json::from_str(&server.out_line()).unwrap();
        (server, event["url"].as_str().unwrap().to_owned())
    };
    let options = [
        "-c",
        "4",
        "--idle",
        "--ramp",
        "100ms",
        "--local-addr",
        "127.0.0.2,127.0.0.3",
        &url,
    ];
    let report = bench(&options, 0);
    assert_eq!(number(&report, "opened"), 4);
    assert!(
        report["opening_seconds"].as_f64().unwrap() >= 0.075,
        "{report}"
    );
    let mut from: Vec<String> = (0..8)
        .map(|_| serde_json::from_str::<Value>(&server.out_line()).unwrap())
        .filter(|event| event["kind"] == "open")
        .map(|event| {
            event["address"]
                .as_str()
                .unwrap()
                .split(':')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    from.sort();
    assert_eq!(from, ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"]);
}

#[test]
fn nothing_is_expected_in_return() {
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| { while let Ok(Some(_)) = ws.recv().await {} }]);
    let report = bench(&[&server.url, "-c", "1", "-e", "none", "--size", "1k"], 0);
    assert!(number(&report, "messages") > 0, "{report}");
    assert_eq!(number(&report, "received"), 0);
}

#[test]
fn large_messages_in_bursts_do_not_stand_still() {
    let (_server, url) = echo();
    let report = bench(
        &[&url, "-c", "1", "-n", "20", "--size", "1M", "-d", "500ms"],
        0,
    );
    assert!(number(&report, "messages") > 0, "{report}");
}

#[test]
fn servers_that_close_early_are_errors_by_kind() {
    let closing = async |mut ws: wskit::WebSocket<tokio::net::TcpStream>| {
        ws.recv().await.unwrap();
        ws.close(CloseCode::new(1013), "full").await.unwrap();
    };
    let server = Scripted::wskit(vec![closing, closing]);
    let report = bench(
        &[&server.url, "-c", "2", "--concurrency", "1", "--ramp", "0"],
        10,
    );
    assert_eq!(
        report["errors"]["the server closed with 1013 (try again later): full"], 2,
        "{report}"
    );
}

#[test]
fn servers_that_refuse_or_cannot_be_reached() {
    let report = bench(&["ws://127.0.0.1:1/", "-c", "3"], 3);
    assert_eq!(
        report["errors"]["connect: Connection refused (os error 111)"], 3,
        "{report}"
    );
    let page = Scripted::bytes(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let report = bench(&[&page.url, "-c", "1"], 5);
    assert_eq!(
        report["errors"]["connect: HTTP 503 Service Unavailable"], 1,
        "{report}"
    );
}

#[test]
fn a_server_that_never_answers() {
    // The opening handshake.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let report = bench(&[&url, "-c", "2", "--connect-timeout", "100ms"], 9);
    assert_eq!(
        report["errors"]["connect: timed out during the opening handshake"], 2,
        "{report}"
    );
    // The messages.
    let server = Scripted::wskit(vec![async |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| { while let Ok(Some(_)) = ws.recv().await {} }]);
    let report = bench(&[&server.url, "-c", "1", "--rate", "100"], 10);
    assert!(number(&report, "unanswered") > 0, "{report}");
    assert_eq!(number(&report, "received"), 0);
}

#[test]
fn interrupt_reports_what_was_measured() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Scripted::wskit(vec![async move |mut ws: wskit::WebSocket<
        tokio::net::TcpStream,
    >| {
        while let Ok(Some(message)) = ws.recv().await {
            if ws.send(message).await.is_err() {
                break;
            }
            let _ = tell.send(());
        }
    }]);
    let options = [
        "--json",
        "-d",
        "1h",
        "--warm-up",
        "0",
        "-c",
        "1",
        "--rate",
        "100",
    ];
    let mut bench = Background::start(&[&["bench"], &options[..], &[&server.url]].concat());
    let answered = told.iter().take(30).count();
    assert_eq!(answered, 30);
    bench.signal("INT");
    assert_eq!(bench.end(), Some(130));
    let report: Value = serde_json::from_str(&bench.out_line()).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(number(&report, "messages") > 0, "{report}");
}

#[test]
fn limit_of_open_files_is_told_before_it_begins() {
    let mut command = std::process::Command::new("sh");
    let script = format!(
        "ulimit -n 100; exec {} bench -c 200 ws://127.0.0.1:1/",
        env!("CARGO_BIN_EXE_wsk")
    );
    command.args(["-c", &script]);
    let ran = common::ran(command, b"").exits(2);
    assert!(
        ran.err
            .contains("200 connections need 264 open files, and the limit of this process is 100"),
        "{}",
        ran.err
    );
}

#[test]
fn usage() {
    for wrong in [
        &["--rate", "0"][..],
        &["--rate", "1", "-n", "2"],
        &["--size", "9-1"],
        &["-c", "0"],
        &["--idle", "-n", "2"],
    ] {
        run(&[&["bench", "ws://h/"], wrong].concat(), b"").exits(2);
    }
    assert!(wsk(&["bench", "--help"]).output().unwrap().status.success());
}

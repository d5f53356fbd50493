//! The servers and the proxy themselves.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use wskit_hub_suite::link::Link;
use wskit_hub_suite::servers::nats::{Nats, NatsCluster};
use wskit_hub_suite::servers::redis::{Redis, RedisCluster, Sentinel};
use wskit_hub_suite::servers::{free_port, loopback, wait_for};

/// Another process asks for a port before the first one's server listens.
#[test]
fn a_port_is_given_to_one_process_only() {
    let port = free_port();
    TcpListener::bind(loopback(port)).expect("the port is free for a server");
    let error = UdpSocket::bind(loopback(port)).expect_err("the port is claimed");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn nats_comes_back_on_its_port_with_its_files() {
    let nats = Nats::start();
    let stream = json!({"name": "s", "subjects": ["s.>"], "storage": "file"});
    let made = nats.jetstream("STREAM.CREATE.s", &stream).unwrap();
    assert!(made["error"].is_null(), "{made}");
    let ack = nats.request("s.1", b"one").unwrap();
    let ack: Value = serde_json::from_slice(&ack).unwrap();
    assert_eq!(ack["seq"], 1);
    let port = nats.port();
    nats.kill();
    assert!(!nats.is_running());
    assert!(nats.request("s.1", b"two").is_err());
    nats.restart();
    assert_eq!(nats.port(), port);
    let info = nats.jetstream("STREAM.INFO.s", &Value::Null).unwrap();
    assert_eq!(info["state"]["messages"], 1);
    nats.wipe();
    let info = nats.jetstream("STREAM.INFO.s", &Value::Null).unwrap();
    assert_eq!(info["error"]["code"], 404);
    nats.stop();
}

#[test]
fn nats_has_a_login_a_largest_message_and_no_jetstream() {
    let nats = Nats::builder()
        .login("ann", "secret")
        .max_payload(1000)
        .without_jetstream()
        .start();
    let info = nats.monitor("/varz").unwrap();
    assert_eq!(info["max_payload"], 1000);
    assert_eq!(info["auth_required"], true);
    let error = nats.request("$JS.API.INFO", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    nats.lame_duck();
    nats.kill();
}

#[test]
fn a_nats_cluster_has_another_leader_after_a_kill() {
    let cluster = NatsCluster::start();
    let stream = json!({"name": "s", "subjects": ["s.>"], "num_replicas": 3});
    let made = cluster.servers()[0]
        .jetstream("STREAM.CREATE.s", &stream)
        .unwrap();
    assert!(made["error"].is_null(), "{made}");
    let old = cluster.leader_of("s");
    cluster.kill(old);
    let new = cluster.leader_of("s");
    assert_ne!(old, new);
    cluster.restart(old);
}

#[test]
fn redis_comes_back_with_what_was_appended() {
    let redis = Redis::builder().append_only().password("secret").start();
    redis.command(&["SET", "a", "1"]);
    redis.kill();
    assert!(redis.try_command(&["GET", "a"]).is_err());
    redis.restart();
    assert_eq!(redis.command(&["GET", "a"]).text(), "1");
    redis.stop();
    let redis = Redis::start();
    redis.command(&["SET", "a", "1"]);
    redis.restart();
    assert_eq!(redis.command(&["GET", "a"]).text(), "");
}

/// One that is busy has several threads that run when the signal comes.
#[test]
fn a_paused_server_answers_nothing_from_the_first_moment_on() {
    let nats = Nats::start();
    for _ in 0..4 {
        let mut client = pinging(&nats);
        // Until the server ends.
        thread::spawn(move || while ping(&mut client).is_ok() {});
    }
    let mut client = pinging(&nats);
    for _ in 0..50 {
        nats.pause();
        let wait = Some(Duration::from_millis(5));
        client.set_read_timeout(wait).unwrap();
        assert!(ping(&mut client).is_err());
        nats.resume();
        client.set_read_timeout(None).unwrap();
        pong(&mut client).unwrap();
    }
}

/// A client of NATS that only pings.
fn pinging(nats: &Nats) -> TcpStream {
    let mut client = TcpStream::connect(nats.addr()).unwrap();
    let mut info = BufReader::new(&client);
    info.read_line(&mut String::new()).unwrap();
    client
        .write_all(b"CONNECT {\"verbose\":false}\r\n")
        .unwrap();
    ping(&mut client).unwrap();
    client
}

fn ping(client: &mut TcpStream) -> io::Result<()> {
    client.write_all(b"PING\r\n")?;
    pong(client)
}

fn pong(client: &mut TcpStream) -> io::Result<()> {
    let mut line = [0; 6];
    // The server pings too.
    while &line != b"PONG\r\n" {
        client.read_exact(&mut line)?;
    }
    Ok(())
}

#[test]
fn sentinel_makes_the_replica_primary() {
    let sentinel = Sentinel::start();
    let old = sentinel.primary().port();
    assert_eq!(old, sentinel.servers()[0].port());
    sentinel.primary().kill();
    sentinel.wait_for_failover(old);
    assert_eq!(sentinel.primary().port(), sentinel.servers()[1].port());
    sentinel.servers()[0].restart();
    assert_eq!(sentinel.replica().port(), old);
}

#[test]
fn a_redis_cluster_serves_all_slots() {
    let cluster = RedisCluster::start();
    let answers = ["a", "b", "c", "d", "e"].map(|key| {
        let all = cluster.nodes().iter();
        all.filter(|node| node.try_command(&["SET", key, "1"]).unwrap().text() == "OK")
            .count()
    });
    assert_eq!(answers, [1; 5]);
}

/// A server that repeats what it reads, and a link to it.
fn echo() -> (Link, impl Fn() -> TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 4096];
                while let Ok(len) = stream.read(&mut buffer) {
                    if len == 0 || stream.write_all(&buffer[..len]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let link = Link::to(addr);
    let addr = link.addr();
    (link, move || {
        let stream = TcpStream::connect(addr).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    })
}

fn echoes(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
}

#[test]
fn a_link_passes_stalls_trickles_and_cuts() {
    let (link, connect) = echo();
    let mut stream = connect();
    echoes(&mut stream, &vec![7; 100_000]);
    link.trickle();
    echoes(&mut stream, &[8; 1000]);
    link.delay(Duration::from_millis(1));
    echoes(&mut stream, b"later");
    link.stall();
    stream.write_all(b"held").unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(stream.read(&mut [0; 4]).is_err());
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    link.pass();
    let mut back = [0; 4];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"held");
    assert_eq!(link.connections(), 1);
    link.finish();
    assert_eq!(stream.read(&mut back).unwrap(), 0);
    let mut stream = connect();
    echoes(&mut stream, b"again");
    link.cut();
    let error = stream.read(&mut back).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    wait_for("the end", || (link.connections() == 0).then_some(()));
}

#[test]
fn a_link_cuts_after_some_bytes_and_refuses() {
    let (link, connect) = echo();
    let mut stream = connect();
    link.cut_after(5);
    stream.write_all(&[1; 10]).unwrap();
    let mut back = Vec::new();
    let error = stream.read_to_end(&mut back).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(back.len() <= 5);
    link.refuse();
    let mut stream = connect();
    assert!(stream.read(&mut [0]).is_err());
    link.pass();
    echoes(&mut connect(), b"again");
}

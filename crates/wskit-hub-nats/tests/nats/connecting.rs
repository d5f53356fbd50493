use std::time::Duration;

use serde_json::json;
use wskit_hub::{EngineErrorKind, EngineEvent, History, Publication};
use wskit_hub_nats::{ConnectErrorKind, Nats, Storage};

use wskit_hub_suite::servers::nats::Builder;

use crate::kit::{Node, chain, servers, settings};

async fn refused(builder: wskit_hub_nats::NatsBuilder) -> (ConnectErrorKind, String) {
    let error = builder.connect().await.expect_err("it is refused");
    (error.kind(), chain(&error))
}

#[tokio::test]
async fn settings_that_are_not_possible_are_named() {
    let with = || Nats::builder().server("nats://127.0.0.1:1");
    let seconds = Duration::from_secs;
    for (builder, text) in [
        (Nats::builder(), "no server"),
        (with().prefix(""), "prefix"),
        (with().prefix("a.b"), "prefix"),
        (with().prefix("*"), "prefix"),
        (with().partitions(0), "partitions"),
        (with().replicas(0), "replicas"),
        (with().messages(0), "65,536"),
        (with().messages(65_537), "65,536"),
        (with().max_age(seconds(59)), "minute"),
        (with().max_bytes(0), "64 KiB"),
        (with().duplicate_window(seconds(7200)), "ids"),
        (with().publish_deadline(seconds(10)), "deadline"),
        (with().lease(seconds(1)), "lease"),
        (Nats::builder().server("x y"), "x y"),
        (Nats::builder().server("nats://u:wrong@x y"), "x y"),
        (
            with().credentials_file("/no/such/file.creds"),
            "/no/such/file.creds",
        ),
    ] {
        let (kind, all) = refused(builder).await;
        assert_eq!(kind, ConnectErrorKind::Settings, "{all}");
        assert!(all.contains("NATS") && all.contains(text), "{all}");
        assert!(!all.contains("wrong"), "{all}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let (kind, all) = refused(Nats::builder().server("nats://127.0.0.1:1")).await;
    assert_eq!(kind, ConnectErrorKind::Unreachable, "{all}");
    assert!(all.contains("NATS cannot be reached"), "{all}");
    let error = Nats::connect(" , ").await.expect_err("no server");
    assert_eq!(error.kind(), ConnectErrorKind::Settings);
}

#[tokio::test]
async fn a_server_that_is_none_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let odd = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
        }
    });
    let builder = Nats::builder()
        .server(url)
        .connect_deadline(Duration::from_secs(5));
    let (kind, all) = refused(builder).await;
    assert_eq!(kind, ConnectErrorKind::Unreachable, "{all}");
    odd.abort();
}

/// A server that has the same answer for everything.
async fn answer_all(
    listener: tokio::net::TcpListener,
    answer: &'static str,
) -> std::io::Result<()> {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let (stream, _) = listener.accept().await?;
    let mut stream = BufReader::new(stream);
    let info = r#"{"server_id":"x","server_name":"x","version":"2.9.10","proto":1,"go":"","host":"127.0.0.1","port":1,"headers":true,"max_payload":1048576,"jetstream":true}"#;
    stream
        .write_all(format!("INFO {info}\r\n").as_bytes())
        .await?;
    let mut subscriptions = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["PING"] => stream.write_all(b"PONG\r\n").await?,
            ["SUB", subject, sid] => {
                let prefix = subject.trim_end_matches('*').to_owned();
                subscriptions.push((prefix, sid.to_owned()));
            }
            ["PUB", _, reply, len] => {
                let mut payload = vec![0; len.parse::<usize>().unwrap() + 2];
                stream.read_exact(&mut payload).await?;
                let is_its = |(prefix, _): &&(String, String)| reply.starts_with(prefix.as_str());
                if let Some((_, sid)) = subscriptions.iter().find(is_its) {
                    let len = answer.len();
                    let message = format!("MSG {reply} {sid} {len}\r\n{answer}\r\n");
                    stream.write_all(message.as_bytes()).await?;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told() {
    for answer in [
        "nonsense",
        "",
        "[]",
        r#"{"streams":["x"]}"#,
        r#"{"streams":["x"],"config":{"name":1}}"#,
        "\u{0}",
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let odd = tokio::spawn(answer_all(listener, answer));
        let (kind, all) = refused(Nats::builder().server(url)).await;
        assert_eq!(kind, ConnectErrorKind::Protocol, "{answer}: {all}");
        assert!(all.contains("NATS"), "{all}");
        odd.abort();
    }
}

#[tokio::test]
async fn a_server_without_jetstream_is_named() {
    for server in servers(Builder::without_jetstream) {
        let (kind, all) = refused(settings(&server)).await;
        assert_eq!(kind, ConnectErrorKind::NoJetStream, "{all}");
        assert!(all.contains("-js"), "{all}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_named_and_the_right_one_works() {
    for server in servers(|server| server.login("hub", "right")) {
        for builder in [
            settings(&server),
            settings(&server).user_and_password("hub", "wrong"),
            settings(&server).token("right"),
        ] {
            let (kind, all) = refused(builder).await;
            assert_eq!(kind, ConnectErrorKind::Credentials, "{all}");
            assert!(all.contains("NATS") && !all.contains("wrong"), "{all}");
        }
        let builder = settings(&server).user_and_password("hub", "right");
        assert!(!format!("{builder:?}").contains("right"));
        Node::connect(builder).await.publish("t", "x").await;
    }
}

#[tokio::test]
async fn a_stream_with_another_configuration_is_refused_with_what_differs() {
    for server in servers(|server| server) {
        Node::connect(settings(&server).storage(Storage::Memory))
            .await
            .end()
            .await;
        let memory = || settings(&server).storage(Storage::Memory);
        for (builder, text) in [
            (settings(&server), "storage"),
            (memory().messages(200), "max_msgs_per_subject"),
            (memory().max_bytes(1 << 40), "max_bytes"),
            (memory().max_age(Duration::from_secs(7200)), "max_age"),
            (memory().partitions(8), "partitions"),
            (memory().replicas(3), "num_replicas"),
        ] {
            let (kind, all) = refused(builder).await;
            assert_eq!(kind, ConnectErrorKind::Stream, "{all}");
            assert!(all.contains(text), "{all}");
        }
        // One that asks for less gets more.
        Node::connect(memory().messages(10))
            .await
            .publish("t", "x")
            .await;
    }
}

#[tokio::test]
async fn an_account_that_may_not_do_something_is_told_what() {
    let line = "authorization { users: [ { user: hub, password: right, permissions: { publish: \
                { deny: [\"$JS.API.>\"] } } } ] }";
    for server in servers(|server| server.line(line)) {
        let builder = settings(&server).user_and_password("hub", "right");
        let (kind, all) = refused(builder.connect_deadline(Duration::from_secs(5))).await;
        assert_eq!(kind, ConnectErrorKind::Refused, "{all}");
        assert!(
            all.contains("Permissions Violation") && all.contains("$JS.API"),
            "{all}"
        );
    }
}

#[tokio::test]
async fn subjects_that_another_stream_has_are_refused() {
    for server in servers(|server| server) {
        let config = json!({ "name": "theirs", "subjects": ["hub.in.5.*"], "retention": "limits",
            "storage": "memory", "num_replicas": 1 });
        let created = server.jetstream("STREAM.CREATE.theirs", &config).unwrap();
        assert!(created["error"].is_null(), "{created}");
        let (kind, all) = refused(settings(&server)).await;
        assert!(
            matches!(kind, ConnectErrorKind::Refused | ConnectErrorKind::Stream),
            "{all}"
        );
        assert!(all.contains("subjects"), "{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_commands_fail_at_once_and_afterwards_all_goes_on() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.listen(&["t"]).await;
        server.kill();
        node.event("Down", |event| matches!(event, EngineEvent::Down))
            .await;
        let history = Some(History::last(10));
        for _ in 0..10_000 {
            let publication = Publication::text("x");
            let error = node
                .begin_publish("t", publication, history)
                .await
                .expect_err("down");
            assert_eq!(error.kind(), EngineErrorKind::Unavailable);
            assert!(chain(&error).contains("NATS"), "{}", chain(&error));
        }
        node.unlisten(&["t"]).await;
        server.restart();
        node.up().await;
        node.forget_events();
        node.listen(&["u"]).await;
        node.publish("t", "not wanted any more").await;
        node.publish("u", "after").await;
        node.hears("u", "after").await;
        assert!(node.heard("t").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_told_by_the_deadline() {
    for server in servers(|server| server) {
        let builder = settings(&server).publish_deadline(Duration::from_millis(500));
        let node = Node::connect(builder).await;
        server.pause();
        let history = Some(History::last(10));
        let error = node
            .begin_publish("t", Publication::text("x"), history)
            .await;
        assert_eq!(
            error.expect_err("late").kind(),
            EngineErrorKind::Unavailable
        );
        let error = node.begin_publish("t", Publication::text("x"), None).await;
        assert_eq!(
            error.expect_err("late").kind(),
            EngineErrorKind::Unavailable
        );
        server.resume();
        node.publish("t", "after").await;
    }
}

/// On one thread, so that the engine does not run while this one sleeps.
#[tokio::test]
async fn what_has_waited_for_longer_than_its_deadline_is_not_sent() {
    for server in servers(|server| server) {
        let deadline = Duration::from_secs(1);
        let node = Node::connect(settings(&server).publish_deadline(deadline)).await;
        let first = node.publish("t", "first").await;
        let begin = |history| node.begin_publish("t", Publication::text("late"), history);
        let late = [begin(Some(History::last(100))), begin(None)];
        std::thread::sleep(deadline);
        for late in late {
            let error = late.await.expect_err("late");
            assert_eq!(error.kind(), EngineErrorKind::Unavailable);
        }
        let end = node.publish("t", "end").await;
        assert_eq!(end.offset, first.offset + 1);
    }
}

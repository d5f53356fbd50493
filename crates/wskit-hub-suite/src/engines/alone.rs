//! An engine whose server is away, slow or silent.

use std::time::Duration;

use tokio::time::sleep;
use wskit_hub::{
    Command, EngineErrorKind, Epoch, History, Member, Position, Publication, RequestId,
};

use crate::Bench;
use crate::follower::Follower;
use crate::node::{Node, names};

/// One command of each kind.
fn commands() -> Vec<Command> {
    let topic = || "t".into();
    let publish = |topic: &str, history| Command::Publish {
        topic: topic.into(),
        publication: Publication::text("x"),
        history,
    };
    let position = Position {
        epoch: Epoch::new(0x5f5f_5f5f_5f5f),
        offset: 1,
    };
    vec![
        publish("u", Some(History::last(10))),
        publish("live", None),
        Command::Listen {
            topics: names(&["t", "u"]),
        },
        Command::Unlisten {
            topics: names(&["t"]),
        },
        Command::Tops {
            topics: names(&["t", "u"]),
        },
        Command::Read {
            topic: topic(),
            after: Some(position),
            limit: 10,
        },
        Command::Enter {
            topic: topic(),
            member: Member::new("ann"),
        },
        Command::Leave {
            topic: topic(),
            identity: "ann".into(),
        },
        Command::Members { topic: topic() },
        Command::Listen { topics: Vec::new() },
        Command::Tops { topics: Vec::new() },
    ]
}

/// An engine that is made while there is no server answers, and works when there is one.
pub async fn commands_before_the_server_is_there_are_answered<B: Bench>(bench: &B) {
    if !bench.kill() {
        return;
    }
    let mut node = Node::new(bench).await;
    let ids: Vec<_> = commands().into_iter().map(|one| node.send(one)).collect();
    for id in ids {
        if let Err(error) = node.answer(id).await {
            assert_eq!(error.kind(), EngineErrorKind::Unavailable, "{error:?}");
        }
    }
    assert!(bench.restart());
    node.until_it_answers().await;
    let mut follower = Follower::new(&mut node, "new", 10).await;
    node.say("new", "end", 10).await;
    follower.until(&mut node, "end").await;
}

/// Commands fail in time, not with the hub's own deadline alone.
pub async fn commands_fail_while_the_server_is_down<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    node.say("t", "one", 10).await;
    node.take_events();
    if !bench.kill() {
        return;
    }
    node.down().await;
    let all = commands();
    let ids: Vec<_> = all.iter().cloned().map(|one| node.send(one)).collect();
    for (id, command) in ids.into_iter().zip(all) {
        match (node.answer(id).await, command) {
            (Err(error), _) => assert_eq!(error.kind(), EngineErrorKind::Unavailable, "{error:?}"),
            (Ok(reply), Command::Publish { .. } | Command::Read { .. } | Command::Enter { .. }) => {
                panic!("answered by {reply:?} without a server");
            }
            (Ok(_), _) => {}
        }
    }
    assert!(bench.restart());
    node.up().await;
    node.until_it_answers().await;
    node.say("t", "two", 10).await;
}

/// Dropping an engine harms no other.
pub async fn an_engine_is_dropped_with_commands_in_flight<B: Bench>(bench: &B) {
    let mut other = Node::new(bench).await;
    let mut follower = Follower::new(&mut other, "t", 1000).await;
    for round in 0..3 {
        let mut node = Node::new(bench).await;
        for number in 0..100 {
            let text = Publication::text(format!("{round} {number}"));
            node.send_publish("t", text, Some(History::last(1000)));
            for command in commands() {
                node.send(command);
            }
        }
        if round > 0 {
            node.answer(RequestId(1)).await.expect("published");
        }
        drop(node);
    }
    other.say("t", "end", 1000).await;
    follower.until(&mut other, "end").await;
    follower.check(&[]);
    let text = |number: usize| format!("1 {number}");
    // What was published of it was so in order.
    let seen = follower.got.iter().filter(|(_, got)| got.starts_with("1 "));
    for (number, (_, got)) in seen.enumerate() {
        assert_eq!(*got, text(number));
    }
}

/// Thousands of commands at once.
pub async fn many_commands_are_all_answered<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let mut ids = Vec::new();
    for number in 0..2000 {
        let topic = format!("t{}", number % 50);
        let command = match number % 4 {
            0 | 1 => Command::Publish {
                topic: (&*topic).into(),
                publication: Publication::text("x"),
                history: Some(History::last(10)),
            },
            2 => Command::Read {
                topic: (&*topic).into(),
                after: None,
                limit: 10,
            },
            _ => Command::Tops {
                topics: names(&[&topic]),
            },
        };
        ids.push(node.send(command));
    }
    for id in ids {
        node.answer(id).await.expect("an answer");
    }
}

/// A hub that is late misses nothing that it is not told of.
pub async fn a_node_that_does_not_poll_is_told_what_it_missed<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 100).await;
    a.say("t", "begin", 100).await;
    follower.until(&mut b, "begin").await;
    let (numbers, padding) = (0..6000, "x".repeat(200));
    let mut published = Vec::new();
    for numbers in numbers.collect::<Vec<_>>().chunks(200) {
        let ids: Vec<_> = numbers
            .iter()
            .map(|number| {
                let text = format!("{number} {padding}");
                let history = Some(History::last(100));
                (
                    a.send_publish("t", Publication::text(text.clone()), history),
                    text,
                )
            })
            .collect();
        for (id, text) in ids {
            published.push((a.published(id).await, text));
        }
    }
    published.push((a.say("t", "end", 100).await, "end".into()));
    follower.until(&mut b, "end").await;
    follower.check(&published);
    // It goes on.
    for number in 0..10 {
        let text = format!("after {number}");
        a.say("t", &text, 100).await;
        follower.until(&mut b, &text).await;
    }
}

/// A slow line is a line.
pub async fn one_byte_at_a_time_is_enough<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    if !(a.line.trickle() && b.line.trickle()) {
        return;
    }
    let mut follower = Follower::new(&mut b, "t", 10).await;
    let text = "é".repeat(500);
    for number in 0..20 {
        a.say("t", &format!("{number} {text}"), 10).await;
    }
    a.enter("t", Member::new("ann")).await;
    a.say("t", "end", 10).await;
    follower.until(&mut b, "end").await;
    assert_eq!((follower.got.len(), follower.told.len()), (21, 0));
    assert_eq!(b.identities("t").await, ["ann"]);
    // A new connection too.
    a.take_events();
    if a.line.cut() {
        a.up().await;
        a.until_it_answers().await;
        a.say("t", "again", 10).await;
        follower.until(&mut b, "again").await;
    }
}

/// A connection on which nothing comes any more, without an end.
pub async fn a_stalled_connection_is_noticed<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 100).await;
    a.say("t", "one", 100).await;
    follower.until(&mut b, "one").await;
    if !b.line.stall() {
        return;
    }
    a.say("t", "two", 100).await;
    let publish = b.send_publish("t", Publication::text("lost?"), Some(History::last(100)));
    let read = b.send(Command::Read {
        topic: "t".into(),
        after: None,
        limit: 1,
    });
    let error = b.answer(read).await.expect_err("nothing comes");
    assert_eq!(error.kind(), EngineErrorKind::Unavailable, "{error:?}");
    let error = b.answer(publish).await.expect_err("nothing comes");
    assert_eq!(error.kind(), EngineErrorKind::Unavailable, "{error:?}");
    b.down().await;
    sleep(Duration::from_millis(100)).await;
    b.line.pass();
    b.up().await;
    b.until_it_answers().await;
    // As a hub listens again.
    let mut again = Follower::new(&mut b, "t", 100).await;
    a.say("t", "end", 100).await;
    again.until(&mut b, "end").await;
    let texts: Vec<_> = again.got.iter().map(|(_, text)| &**text).collect();
    assert!(
        texts.contains(&"one") && texts.contains(&"two"),
        "{texts:?}"
    );
}
